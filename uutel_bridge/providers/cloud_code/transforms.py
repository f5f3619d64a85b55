"""OpenAI's words to Code Assist's. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from uutel_bridge.core.messages import Message
from uutel_bridge.core.request import ChatRequest
from uutel_bridge.gemini_api.generation import safety_settings, tool_config
from uutel_bridge.providers.cloud_code.catalog import full_name
from uutel_bridge.providers.cloud_code.conversation import contents
from uutel_bridge.providers.cloud_code.generation import generation
from uutel_bridge.providers.cloud_code.models import CloudCodeRequest
from uutel_bridge.providers.cloud_code.tools import declarations, wire_name, wire_names
from uutel_bridge.providers.cloud_code.translator import CloudCodeTranslator


class CloudCodeTransform:
    """Both directions."""

    supported = frozenset({
        "frequency_penalty", "max_tokens", "parallel_tool_calls", "presence_penalty", "project_id", "reasoning_effort",
        "response_format", "safety_settings", "seed", "stop", "temperature", "thinking", "tool_choice", "tools",
        "top_k", "top_p",
    })  # fmt: skip

    def request(self, chat: ChatRequest, /) -> CloudCodeRequest:
        """Code Assist's form of a chat request.

        System messages become the system instruction, in their order, a blank line between them.

        Raises:
            BadRequest: The conversation does not end with the user or a function's result, or begins with a call, an
                unknown effort was asked for, or something the caller gave is no JSON.
            UnsupportedParam: Gemini cannot do what a parameter asks for.
        """
        model = full_name(chat.model)
        body = {
            "contents": contents(chat.messages, model),
            "systemInstruction": _system_instruction(chat.messages),
            "tools": declarations(chat.tools),
            "toolConfig": tool_config(chat, wire_name),
            "safetySettings": safety_settings(chat),
            "generationConfig": generation(chat, model),
        }
        return CloudCodeRequest(
            model=model,
            body={name: value for name, value in body.items() if value},
            names=wire_names(chat.tools),
            project=chat.project_id or "",
        )

    def translator(self, request: CloudCodeRequest, /) -> CloudCodeTranslator:
        """A fresh translator for one turn."""
        return CloudCodeTranslator(request)


def _system_instruction(messages: Sequence[Message]) -> Mapping[str, Any] | None:
    # Not `chat.instructions`: Gemini has a switch for any JSON object and needs no words for it.
    texts = [message.text for message in messages if message.role == "system"]
    prompt = "\n\n".join(filter(None, texts))
    return {"role": "user", "parts": [{"text": prompt}]} if prompt else None
