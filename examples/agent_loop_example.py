"""An agent that talks while it works: streamed, its calls side by side, with an end. Needs `claude`, logged in."""

import asyncio
import json
import sys

import litellm

import uutel_bridge

MODEL = "uutel/claude-code/sonnet"
STEPS = 10
STOCK = {"flour": 300, "milk": 0, "eggs": 4}


async def stock(item: str = "") -> str:
    """How much of something is in the kitchen."""
    return f"{STOCK[item]} of it" if item in STOCK else f"We keep no {item!r}, only {', '.join(STOCK)}."


async def buy(item: str = "", amount: int = 1) -> str:
    """Put something on the shopping list."""
    return f"On the list: {amount} of {item!r}."


ITEM = {"type": "string", "enum": list(STOCK)}
PARAMETERS = {stock: {"item": ITEM}, buy: {"item": ITEM, "amount": {"type": "integer"}}}
FUNCTIONS = {function.__name__: function for function in PARAMETERS}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": function.__name__,
            "description": function.__doc__,
            "parameters": {"type": "object", "properties": properties, "required": list(properties)},
        },
    }
    for function, properties in PARAMETERS.items()
]


async def carried_out(call: litellm.ChatCompletionMessageToolCall) -> dict[str, str]:
    """The model's call, and what came of it. What is wrong with a call is the model's to mend, so it is told."""
    try:
        said = await FUNCTIONS[call.function.name](**json.loads(call.function.arguments))
    except (KeyError, TypeError, ValueError) as error:
        said = f"This call is no good: {error!r}"
    print(f"\n  {call.function.name}({call.function.arguments}): {said}")
    return {"role": "tool", "tool_call_id": call.id, "content": said}


async def step(messages: list) -> litellm.Message:
    """One answer, printed as it comes."""
    chunks = []
    async for chunk in await litellm.acompletion(MODEL, messages, tools=TOOLS, stream=True):
        print(chunk.choices[0].delta.content or "", end="", flush=True)
        chunks.append(chunk)
    return litellm.stream_chunk_builder(chunks, messages).choices[0].message


async def work(task: str) -> None:
    """Until the model calls nothing more, or for so many steps."""
    messages = [{"role": "system", "content": "You run a kitchen."}, {"role": "user", "content": task}]
    for _ in range(STEPS):
        answer = await step(messages)
        messages.append(answer.model_dump(exclude_none=True))
        if not answer.tool_calls:
            break
        messages += await asyncio.gather(*(carried_out(call) for call in answer.tool_calls))
    else:
        print(f"\nNot done after {STEPS} steps.")
    print()


async def main() -> None:
    """One task; the processes end with it."""
    uutel_bridge.register()
    await work(sys.argv[1] if len(sys.argv) > 1 else "We make pancakes for six. See what is there, and buy the rest.")
    await uutel_bridge.aclose()


asyncio.run(main())
