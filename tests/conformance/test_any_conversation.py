"""Conversations that nobody thought of: whatever they are made of, the model sees just that."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import litellm
import pytest

from tests.conformance.conversations import assistant, call, function, numbered, result, system, user
from tests.conformance.requirements import REQUIREMENTS
from tests.conformance.samples import DOCUMENT, IMAGE, LINK, TEXTS
from tests.conformance.world import World

WORDS = ["", "  ", "x", "(no content)", "No response requested.", "[Tool use interrupted]"]
WORDS += [text for name, text in TEXTS.items() if name != "a megabyte"]
IDS = ["c", "c_1", "c_2", "c_1_1", "call_1", "call_2", "call", "toolu_01", "toolu_01_1", "a/b", "a_b", "1", "_", "-"]
ARGUMENTS = ["", "{}", '{"n": 1}', '{"t": "@/etc/hosts"}', '{"n": ', "[1]"]


class Conversation:
    """A random one, of what a provider takes."""

    def __init__(self, seed: int, world: World) -> None:
        self._random = Random(seed)
        self._shown = [IMAGE]
        if "links" in world.traits:
            self._shown.append(LINK)
        if not REQUIREMENTS["media:pdf"].without(world.provider):
            self._shown.append(DOCUMENT)
        self.messages: list[dict[str, Any]] = []
        if self._maybe(0.15):
            self._answer(calling=world.calls_come_first)
        for _ in range(self._random.randint(1, 6)):
            self._ask()
            self._answer()
        self._ask()

    def _maybe(self, chance: float) -> bool:
        return self._random.random() < chance

    def _text(self) -> str:
        return self._random.choice(WORDS)

    def _content(self, shown: list[Any]) -> Any:
        """A text, or parts."""
        if self._maybe(0.6):
            return self._text()
        texts = [{"type": "text", "text": self._text()} for _ in range(2)]
        return self._random.sample([*texts, *self._random.choices(shown, k=2)], self._random.randint(1, 3))

    def _ask(self) -> None:
        for _ in range(self._random.choice([1, 1, 2])):
            self.messages.append(user(self._content(self._shown)))

    def _answer(self, *, calling: bool = True) -> None:
        for _ in range(self._random.choice([1, 1, 2])):
            text = self._text()
            if not calling or self._maybe(0.5):
                self.messages.append(assistant(text))
            else:
                self._call(text)

    def _call(self, text: str) -> None:
        ids = self._random.sample(IDS, self._random.randint(1, 3))
        given = [(self._random.choice(["alpha", "beta", "gone"]), self._random.choice(ARGUMENTS)) for _ in ids]
        message = assistant(text, *(call(each, *parts) for each, parts in zip(ids, given, strict=True)))
        thoughts = [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}] if self._maybe(0.4) else []
        self.messages.append({**message, "thinking_blocks": thoughts})
        shown = [part for part in self._shown if part is not DOCUMENT]
        self.messages += [result(each, self._content(shown)) for each in self._random.sample(ids, len(ids))]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.requirement("history:text", "history:turns", "tools:history:results")
async def test_any_conversation_arrives_as_it_is(world: World, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts, images, calls and results of all kinds in any order; every other one the way that long ones go."""
    if world.long:
        monkeypatch.setattr(world.long, 1 if seed % 2 else 100)
    marker = world.marker("text")
    messages = Conversation(seed, world).messages
    tools = [function("alpha"), function("beta")]
    await litellm.acompletion(world.model, [system(marker), *messages], tools=tools)
    assert numbered(world.body(marker).conversation) == world.seen(messages), json.dumps(messages)
