"""Conversations that nobody thought of: whatever they are made of, the model sees just that."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import litellm
import pytest

from tests.conformance.test_wire import MEDIA, TEXTS
from tests.conformance.world import World, assistant, call, function, result, system, user

WORDS = ["", "  ", "x", "(no content)", "No response requested.", "[Tool use interrupted]"]
WORDS += [text for name, text in TEXTS.items() if name != "a megabyte"]
IDS = ["c", "c_1", "c_2", "c_1_1", "call_1", "call_2", "call", "toolu_01", "toolu_01_1", "a/b", "a_b", "1", "_", "-"]
ARGUMENTS: dict[str, dict[str, Any]] = {
    "": {},
    "{}": {},
    '{"n": 1}': {"n": 1},
    '{"t": "@/etc/hosts"}': {"t": "@/etc/hosts"},
    '{"n": ': {"INVALID_JSON": '{"n": '},
    "[1]": {"INVALID_JSON": "[1]"},
}
"""As the model wrote them, and as it is to see them again."""
SHOWN = [MEDIA[name] for name in ("image", "image by URL", "PDF")]
BLANK = [{"type": "text", "text": "(no content)"}]

Turn = tuple[str, list[Any]]


class Conversation:
    """A random one: what the caller gives, and what the model is to see."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.messages: list[dict[str, Any]] = []
        self.turns: list[Turn] = []
        if self._maybe(0.15):
            self._answer()
        for _ in range(self._random.randint(1, 6)):
            self._ask()
            self._answer()
        self._ask()

    def _maybe(self, chance: float) -> bool:
        return self._random.random() < chance

    def _text(self) -> str:
        return self._random.choice(WORDS)

    def _content(self, shown: list[Any]) -> tuple[Any, list[Any]]:
        """As given and as seen: a text, or parts."""
        if self._maybe(0.6):
            text = self._text()
            return text, [{"type": "text", "text": text}]
        texts = [{"type": "text", "text": self._text()} for _ in range(2)]
        pairs = [*((text, text) for text in texts), *self._random.choices(shown, k=2)]
        chosen = self._random.sample(pairs, self._random.randint(1, 3))
        return [given for given, _ in chosen], [seen for _, seen in chosen]

    def _see(self, role: str, blocks: list[Any]) -> None:
        """Blank text is not seen; neighbouring questions are one turn."""
        seen = [block for block in blocks if block.get("type") != "text" or block["text"].strip()]
        if role == "user" and self.turns and self.turns[-1][0] == "user":
            before = self.turns[-1][1]
            self.turns[-1] = ("user", [block for block in before if before is not BLANK] + seen or BLANK)
        else:
            self.turns.append((role, seen or BLANK))

    def _ask(self) -> None:
        for _ in range(self._random.choice([1, 1, 2])):
            given, seen = self._content(SHOWN)
            self.messages.append(user(given))
            self._see("user", seen)

    def _answer(self) -> None:
        for _ in range(self._random.choice([1, 1, 2])):
            text = self._text()
            if self._maybe(0.5):
                self.messages.append(assistant(text))
                self._see("assistant", [{"type": "text", "text": text}])
            else:
                self._call(text)

    def _call(self, text: str) -> None:
        ids = self._random.sample(IDS, self._random.randint(1, 3))
        given = [(self._random.choice(["alpha", "beta", "gone"]), self._random.choice(list(ARGUMENTS))) for _ in ids]
        message = assistant(text, *(call(each, *parts) for each, parts in zip(ids, given, strict=True)))
        thoughts = [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}] if self._maybe(0.4) else []
        self.messages.append({**message, "thinking_blocks": thoughts})
        calls = [("call", name, ARGUMENTS[written]) for name, written in given]
        said = [{"type": "text", "text": text}] if text.strip() not in {"", "(no content)"} else []
        self.turns.append(("assistant", [*thoughts, *said, *calls]))
        for at in self._random.sample(range(len(ids)), len(ids)):
            told, seen = self._content(SHOWN[:2])
            self.messages.append(result(ids[at], told))
            self._see("user", [{"result_of": at, "content": seen}])


def seen(blocks: list[Turn]) -> list[Turn]:
    """The model's turns, with each result's call by its place among the calls before it."""
    turns: list[Turn] = []
    calls: list[str] = []
    for role, content in blocks:
        if role == "assistant":
            calls = [block["id"] for block in content if block["type"] == "tool_use"]
        turns.append((role, [_seen(block, calls) for block in content]))
    return turns


def _seen(block: dict[str, Any], calls: list[str]) -> Any:
    if block["type"] == "tool_use":
        return ("call", block["name"], block["input"])
    if block["type"] == "tool_result":
        content = block["content"]
        content = [{"type": "text", "text": content}] if isinstance(content, str) else content
        return {"result_of": calls.index(block["tool_use_id"]), "content": content}
    return block


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.requirement("history:text", "history:turns", "tools:history:results")
async def test_any_conversation_arrives_as_it_is(world: World, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts, images, calls and results of all kinds in any order; every other one by a file."""
    monkeypatch.setattr("uutel_bridge.providers.claude_code.session_file._LONG", 1 if seed % 2 else 100)
    marker = world.marker("text")
    conversation = Conversation(seed)
    await litellm.acompletion(
        world.model, [system(marker), *conversation.messages], tools=[function("alpha"), function("beta")]
    )
    body = world.body(marker)
    assert seen(body.blocks) == conversation.turns, json.dumps(conversation.messages)
