"""What a scenario may look at, whatever the API: an API's own class says where its requests hold it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from _scenario_words import MARKER, marker_in, named_in


class Asked(ABC):
    """A model request; `call` counts the requests with this marker from 1."""

    def __init__(self, body: dict[str, Any], call: int = 1) -> None:
        self.body = body
        self.call = call
        self.text = self._asking()
        """The text that asks: that of the newest user message, its marker included."""
        self.marker = marker_in(self.text)
        self.name, self.params = named_in(self.text)

    def _asking(self) -> str:
        """Where the newest message is results alone, an agent is at work, and what it was asked stands before it."""
        said = self.user_texts()
        if not said or said[0] or not self.results():
            return said[0] if said else ""
        return next((text for text in said if MARKER.search(text)), "")

    @abstractmethod
    def user_texts(self) -> list[str]:
        """The texts of the user's messages, newest first; first of all "" where results came after them."""

    @abstractmethod
    def tools(self) -> list[str]:
        """Names of the tools that may be called, in their order; what the request says of a choice is kept to."""

    @abstractmethod
    def one_call_only(self) -> bool:
        """Whether the request forbids several calls at once."""

    @abstractmethod
    def results(self) -> list[tuple[str, str]]:
        """What tools said since the model's last word: (id of the call, text)."""

    @abstractmethod
    def steps_taken(self) -> int:
        """How many answers have called tools since the message with the marker."""

    @abstractmethod
    def schema(self) -> Any:
        """The JSON schema that the answer has to fit, or None."""
