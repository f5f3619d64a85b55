"""Conversations as callers give them, and what they are made of in no vendor's words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

Message = dict[str, Any]


def system(text: str) -> Message:
    """A message that instructs."""
    return {"role": "system", "content": text}


def user(content: Any) -> Message:
    """A message of the user's: text, or a list of parts."""
    return {"role": "user", "content": content}


def assistant(text: str | None, *calls: dict[str, Any]) -> Message:
    """An answer of the model's."""
    return {"role": "assistant", "content": text, **({"tool_calls": list(calls)} if calls else {})}


def call(call_id: str, name: str, arguments: str = "{}") -> dict[str, Any]:
    """A call of a function, in an answer."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(call_id: str, content: Any) -> Message:
    """What a function said to a call."""
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def function(name: str, description: str = "", **schema: Any) -> dict[str, Any]:
    """A function to be called; without a schema, with one parameter."""
    parameters = schema or {"type": "object", "properties": {"n": {"type": "integer"}}}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


class Text(NamedTuple):
    """A piece of text."""

    text: str


class Media(NamedTuple):
    """An image, a sound or a document, in base64."""

    media_type: str
    data: str


class Link(NamedTuple):
    """The address of an image that the vendor is to fetch."""

    url: str


class Thought(NamedTuple):
    """Reasoning that goes back to the model."""

    text: str
    signature: str


class Call(NamedTuple):
    """A call of a function; its arguments as the model wrote them."""

    id: Any
    name: str
    arguments: str


class Result(NamedTuple):
    """What a function said to a call."""

    id: Any
    parts: list[Any]


Turn = tuple[str, list[Any]]
"""Role, `user` or `assistant`, and what was said: of the kinds above, or as the vendor has it where it fits none."""

_DATA = re.compile(r"data:([\w/+-]+);base64,(.*)", re.DOTALL)


def part_of(url: str) -> Media | Link:
    """What an address stands for."""
    found = _DATA.fullmatch(url)
    return Media(*found.groups()) if found else Link(url)


def parts(content: Any) -> list[Any]:
    """The parts of a message's content."""
    if not isinstance(content, list):
        return [Text(content or "")]
    return [_part(part) for part in content]


def _part(part: dict[str, Any]) -> Text | Media | Link:
    if part["type"] == "text":
        return Text(part["text"])
    if part["type"] == "input_audio":
        return Media(f"audio/{part['input_audio']['format']}", part["input_audio"]["data"])
    return part_of(part["image_url"]["url"] if part["type"] == "image_url" else part["file"]["file_data"])


def said(messages: Iterable[Any]) -> list[Turn]:
    """What a caller's messages say beside instructions, a turn for each; a call's id is its place among the calls."""
    turns: list[Turn] = []
    places: dict[str, int] = {}
    made = 0
    for message in messages:
        if message["role"] == "tool":
            turns.append(("user", [Result(places[message["tool_call_id"]], parts(message["content"]))]))
        elif message["role"] == "assistant":
            thoughts = [Thought(each["thinking"], each["signature"]) for each in message.get("thinking_blocks") or ()]
            calls: list[Call] = []
            for each in message.get("tool_calls") or ():
                places[each["id"]] = made
                calls.append(Call(made, each["function"]["name"], each["function"]["arguments"]))
                made += 1
            turns.append(("assistant", [*thoughts, *parts(message["content"]), *calls]))
        elif message["role"] == "user":
            turns.append(("user", parts(message["content"])))
    return turns


def numbered(turns: list[Turn]) -> list[Turn]:
    """The same with each call's place for its id, which must be its own."""
    calls = [item.id for _, items in turns for item in items if isinstance(item, Call)]
    places = {each: place for place, each in enumerate(calls)}
    assert len(places) == len(calls), f"ids stand twice: {calls}"
    return [(role, [_placed(item, places) for item in items]) for role, items in turns]


def _placed(item: Any, places: dict[Any, int]) -> Any:
    return item._replace(id=places[item.id]) if isinstance(item, (Call, Result)) else item
