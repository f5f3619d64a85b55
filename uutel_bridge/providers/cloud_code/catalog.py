"""Which models Code Assist has by name. Any other name is passed on as it stands."""

from __future__ import annotations

from uutel_bridge.gemini_api.prices import model

DEFAULT_MODEL = "gemini-3.5-flash"
"""The CLI's own for those who have no access to previews."""

_SHORT = {
    "pro": "gemini-3-pro-preview",
    "flash": "gemini-3-flash-preview",
    "flash-lite": "gemini-3.1-flash-lite",
    "gemini-3.5-flash": "gemini-3-flash",
}
"""What the CLI asks Code Assist for in place of these (0.61.0), as long as Google has not told it of newer ones."""


def full_name(name: str) -> str:
    """The model that a name stands for."""
    plain = name.removeprefix("models/")
    return _SHORT.get(plain, plain)


_NAMES = (
    "gemini-3-pro-preview",
    "gemini-3.1-pro-preview",
    "gemini-3.8-flash",
    "gemini-3-flash",
    "gemini-3-flash-preview",
    "gemini-3.5-flash-lite",
    "gemini-3.1-flash-lite",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
)

THINKING = frozenset(_NAMES) - {"gemini-2.5-flash-lite"}
"""Models that think unasked. To ask any other for its thoughts alone is an error."""

MODELS = tuple(model(name, full) for name, full in {**_SHORT, **{name: name for name in _NAMES}}.items())
"""With the prices of an API key; a licensed account is not billed by the token."""
