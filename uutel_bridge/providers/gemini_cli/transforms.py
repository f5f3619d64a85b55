"""OpenAI's words to Gemini CLI's. Pure."""

from __future__ import annotations

import re
from uuid import uuid4

from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.request import ChatRequest
from uutel_bridge.gemini_api.contents import spoken
from uutel_bridge.providers.gemini_cli.catalog import full_name
from uutel_bridge.providers.gemini_cli.conversation import turns
from uutel_bridge.providers.gemini_cli.generation import generation
from uutel_bridge.providers.gemini_cli.models import GeminiCLIRequest
from uutel_bridge.providers.gemini_cli.tools import mcp_tool, wire_names
from uutel_bridge.providers.gemini_cli.translator import GeminiCLITranslator

_ALTERED = re.compile(r"\$\{(?:AgentSkills|AvailableTools|SubAgents|[^{}]*_ToolName)\}|\n{3,}")
"""What the CLI puts something else in place of (0.61.0)."""
_BLANK = "\t\n\v\f\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200B)))
"""What it cuts at both ends: JavaScript's whitespace."""

_NEUTRAL = "You are a helpful assistant."
"""Without a system message: the CLI always sends one, and it is not known whether Google takes an empty one."""


class GeminiCLITransform:
    """Both directions."""

    supported = frozenset({
        "frequency_penalty", "max_tokens", "parallel_tool_calls", "presence_penalty", "reasoning_effort",
        "response_format", "safety_settings", "seed", "stop", "temperature", "thinking", "tool_choice", "tools",
        "top_k", "top_p",
    })  # fmt: skip

    def request(self, chat: ChatRequest, /) -> GeminiCLIRequest:
        """Gemini CLI's form of a chat request.

        System messages become the system prompt, in their order, a blank line between them; whitespace at their ends is
        cut, for the CLI does it and it carries no meaning.

        Raises:
            BadRequest: The conversation does not end with the user or a function's result, the CLI would alter a system
                message, an unknown effort was asked for, or a function's parameters cannot be declared.
            UnsupportedParam: Gemini or its CLI cannot do what a parameter asks for.
        """
        said = spoken(chat.messages)
        return GeminiCLIRequest(
            model=full_name(chat.model),
            system_prompt=_system_prompt(chat),
            turns=turns(said),
            tools=tuple(map(mcp_tool, chat.tools)),
            names=wire_names(chat.tools),
            generation=generation(chat),
        )

    def translator(self, request: GeminiCLIRequest, /) -> GeminiCLITranslator:
        """A fresh translator for one turn."""
        return GeminiCLITranslator(f"gemini-{uuid4().hex}", request)


def _system_prompt(chat: ChatRequest) -> str:
    # Not `chat.instructions`: Gemini has a switch for any JSON object and needs no words for it.
    texts = [message.text.strip(_BLANK) for message in chat.messages if message.role == "system"]
    prompt = "\n\n".join(filter(None, texts))
    if found := _ALTERED.search(prompt):
        what = "three or more line feeds in a row" if found[0].startswith("\n") else found[0]
        raise BadRequest(f"messages: Gemini CLI would alter {what} in a system message.", param="messages")
    return prompt or _NEUTRAL
