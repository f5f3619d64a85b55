"""The Code Assist endpoint's own words, typed: what is asked of it for a turn, and what it tells of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class CloudCodeRequest:
    """One turn."""

    model: str
    """Without `models/` before it."""
    body: Mapping[str, Any]
    """Vertex's GenerateContentRequest in JSON, camelCase: `contents`, and where asked for `systemInstruction`, `tools`,
    `toolConfig`, `safetySettings`, `generationConfig`."""
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    """The caller's name of each function by the one that the model sees."""
    project: str = ""
    """The Google Cloud project that the caller names for this request; empty: the settings, or the login, say."""


@dataclass(frozen=True, slots=True)
class CloudCodeResponse:
    """What is told of one turn; not validated, for there may be thousands a second.

    A turn is any number of chunks, then one `end`.
    """

    kind: Literal["chunk", "end"]
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Of a chunk: an event of the stream, `{"response": {"candidates", "usageMetadata", ...}, "traceId"}`. Of the end,
    which is the end of the body: nothing."""
