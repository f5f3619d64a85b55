"""One task in each framework that reaches its models through LiteLLM, as its users write it.

Each takes a model's full name, and returns what came of the task: `rain in` some city.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import litellm
import pydantic

_CALL = "[[scenario:tool name=weather]]"
"""Makes a model call `weather` with the city Oslo, and then say what that told."""
_FIT = "[[scenario:json]]"


class Place(pydantic.BaseModel):
    """What an answer is held to; strictly, as OpenAI has it."""

    model_config = pydantic.ConfigDict(extra="forbid")

    city: str


def weather(city: str) -> str:
    """The weather in a city, now.

    Args:
        city: Its name.
    """
    return f"rain in {city}"


def openai_agents(model: str) -> str:
    """An agent of OpenAI's SDK. Not by its `run_sync`, which leaves an event loop open for the next one."""
    agents = import_module("agents")
    behind = import_module("agents.extensions.models.litellm_model").LitellmModel(model)
    agent = agents.Agent(name="Forecaster", model=behind, tools=[agents.function_tool(weather)])
    return asyncio.run(agents.Runner.run(agent, _CALL)).final_output


def langchain(model: str) -> str:
    """LangChain's messages, and a tool of its making."""
    tool = import_module("langchain_core.tools").tool(weather)
    chat = import_module("langchain_litellm").ChatLiteLLM(model=model).bind_tools([tool])
    turns = [import_module("langchain_core.messages").HumanMessage(_CALL)]
    turns.append(chat.invoke(turns))
    turns += [tool.invoke(call) for call in turns[-1].tool_calls]
    return chat.invoke(turns).content


def calling_agent(model: str) -> Any:
    """One of smolagents' that calls functions, as it comes."""
    smol = import_module("smolagents")

    def weather(city: str) -> str:
        """The weather in a city, now.

        Args:
            city: Its name.
        """
        return f'[[scenario:tool name=final_answer args={{"answer":"rain_in_{city}"}}]]'

    # Codex knows no `stop`, and cannot be made to call a function.
    given = {"drop_params": True, "tool_choice": "auto"} if "codex" in model else {}
    return smol.ToolCallingAgent([smol.tool(weather)], smol.LiteLLMModel(model, **given), verbosity_level=-1)


def smolagents(model: str) -> str:
    """It ends by calling its `final_answer`; the marker in what `weather` says has the model do so."""
    agent = calling_agent(model)
    if "gemini-cli" in model:  # which would alter three line feeds in a row
        prompts = agent.prompt_templates
        prompts["system_prompt"] = re.sub(r"\n{3,}", "\n\n", prompts["system_prompt"])
    return agent.run(_CALL).replace("_", " ")


def smolagents_code(model: str) -> str:
    """An agent of theirs whose model answers with a program."""
    smol = import_module("smolagents")
    given = {"drop_params": True} if "codex" in model else {}
    agent = smol.CodeAgent([smol.tool(weather)], smol.LiteLLMModel(model, **given), verbosity_level=-1)
    return agent.run('<code>final_answer(weather("Oslo"))</code> [[scenario:echo]]')


def dspy(model: str) -> str:
    """A signature with a typed output."""
    theirs = import_module("dspy")
    with theirs.context(lm=theirs.LM(model, cache=False), adapter=theirs.JSONAdapter()):
        return weather(theirs.Predict("question: str -> city: str")(question=_FIT).city)


def instructor(model: str) -> str:
    """A class, filled in by a call that the model is made to make; of Codex, which cannot be made to, by its schema."""
    theirs = import_module("instructor")
    forced = "codex" not in model
    client = theirs.from_litellm(litellm.completion, mode=theirs.Mode.TOOLS if forced else theirs.Mode.JSON_SCHEMA)
    question = '[[scenario:tool args={"city":"Oslo"}]]' if forced else _FIT
    place: Place = client.create(model=model, messages=[{"role": "user", "content": question}], response_model=Place)
    return weather(place.city)


TASKS: Mapping[str, tuple[Callable[[str], str], int]] = {
    "openai_agents": (openai_agents, 2),
    "langchain": (langchain, 2),
    "smolagents": (smolagents, 2),
    "smolagents_code": (smolagents_code, 1),
    "dspy": (dspy, 1),
    "instructor": (instructor, 1),
}
"""Each with how often the model is asked for it."""
