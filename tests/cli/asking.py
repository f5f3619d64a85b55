"""A question and its answer, in the form of each API that `uutel-bridge serve` has."""

from __future__ import annotations

from typing import Any

import httpx

from tests.cli.serving import BOUND, MODELS, Served

_PARAMETERS = {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}
TOOLS = {
    "/v1/chat/completions": [{"type": "function", "function": {"name": "look", "parameters": _PARAMETERS}}],
    "/v1/messages": [{"name": "look", "input_schema": _PARAMETERS}],
    "/v1/responses": [{"type": "function", "name": "look", "parameters": _PARAMETERS}],
}
"""One function, as each API has it."""


def question(path: str, text: str, model: str = MODELS["claude-code"]) -> dict[str, Any]:
    """A question, as each API has it."""
    if path == "/v1/responses":
        return {"model": model, "input": text}
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    return body if path == "/v1/chat/completions" else {**body, "max_tokens": 100}


def words(path: str, answer: dict[str, Any]) -> str:
    """What the model said in an answer of each API."""
    if path == "/v1/chat/completions":
        return answer["choices"][0]["message"]["content"]
    if path == "/v1/messages":
        return answer["content"][0]["text"]
    return answer["output"][0]["content"][0]["text"]


def streamed_words(path: str, events: list[dict[str, Any]]) -> str:
    """The same of a stream."""
    if path == "/v1/chat/completions":
        return "".join(event["choices"][0]["delta"].get("content") or "" for event in events if event["choices"])
    deltas = (event.get("delta") for event in events if event["type"].endswith(("output_text.delta", "block_delta")))
    return "".join(delta if isinstance(delta, str) else delta.get("text", "") for delta in deltas if delta)


def called(path: str, answer: dict[str, Any]) -> str:
    """Which function an answer calls."""
    if path == "/v1/chat/completions":
        return answer["choices"][0]["message"]["tool_calls"][0]["function"]["name"]
    found = answer["content"] if path == "/v1/messages" else answer["output"]
    return next(each["name"] for each in found if each["type"] in ("tool_use", "function_call"))


def asynchronous(served: Served) -> httpx.AsyncClient:
    """A client for as many requests at once as one likes."""
    headers = {"authorization": f"Bearer {served.key}"}
    limits = httpx.Limits(max_connections=None)
    return httpx.AsyncClient(base_url=served.url, headers=headers, timeout=2 * BOUND, limits=limits, trust_env=False)
