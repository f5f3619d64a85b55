"""What the model was asked, as the caller put it: what rows that are written once can look at, whatever the vendor."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from tests.conformance.conversations import Call, Text, Turn
from tests.emulators.recording import Recorded


class Tool(NamedTuple):
    """A function as the model is told of it."""

    description: str
    schema: dict[str, Any]


class Body(ABC):
    """A request to a vendor's API without what the CLI adds to every one of them."""

    def __init__(self, recorded: Recorded) -> None:
        self.raw: dict[str, Any] = recorded.body
        self.headers = recorded.headers

    @property
    @abstractmethod
    def model(self) -> str:
        """The model's full name."""

    @property
    @abstractmethod
    def system(self) -> list[str]:
        """The caller's instructions."""

    @property
    @abstractmethod
    def conversation(self) -> list[Turn]:
        """Who said what, in tests.conformance.conversations' words; what does not fit these, as the vendor has it."""

    @property
    @abstractmethod
    def tools(self) -> dict[str, Tool]:
        """The functions that the model may call, by their names, in their order."""

    @property
    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """All but the conversation and the CLI's ids, in the vendor's own words."""

    @property
    @abstractmethod
    def effort(self) -> str | None:
        """How hard the model is to think, in the vendor's own word; None where it is not told."""

    @property
    @abstractmethod
    def schema(self) -> dict[str, Any] | None:
        """The JSON Schema that the vendor holds the answer to."""

    @property
    @abstractmethod
    def key(self) -> str | None:
        """The API key that pays; None: the stored login does, alone."""

    @property
    @abstractmethod
    def cached(self) -> list[str]:
        """What the prompt cache goes by: functions, instructions, then the conversation bit by bit."""

    @property
    def turns(self) -> list[tuple[str, list[str]]]:
        """Role and texts of each turn; of what is no text, its kind."""
        return [(role, [_in_short(item) for item in items]) for role, items in self.conversation]

    @property
    def calls(self) -> list[Call]:
        """The calls in the conversation, in their order."""
        return [item for _, items in self.conversation for item in items if isinstance(item, Call)]

    @property
    def text(self) -> str:
        """All of it, for what must not be in there."""
        return json.dumps(self.raw, ensure_ascii=False)


def _in_short(item: Any) -> str:
    return item.text if isinstance(item, Text) else type(item).__name__.lower()
