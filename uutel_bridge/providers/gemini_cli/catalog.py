"""Which models Gemini CLI offers by name. Any other name is passed on as it stands."""

from __future__ import annotations

from uutel_bridge.gemini_api.prices import model

DEFAULT_MODEL = "flash"
"""The CLI's own default, `auto`, asks a small model which one is to answer: two calls for one."""

_SHORT = {
    "pro": "gemini-3.1-pro-preview",
    "flash": "gemini-3.8-flash",
    "flash-lite": "gemini-3.5-flash-lite",
}
"""What the CLI's own short names stand for with an API key (0.61.0). For an account it may be a preview model, which
the CLI then asks again and again, in silence, when Google is busy."""


def full_name(name: str) -> str:
    """The model that a name stands for, so that it is the same for every login."""
    return _SHORT.get(name, name)


# Names that the CLI passes on as they are: for `gemini-3.5-flash`, say, it asks for another.
_NAMES = (
    "gemini-3.1-pro-preview",
    "gemini-3.8-flash",
    "gemini-3.5-flash-lite",
    "gemini-3-flash-preview",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
)

MODELS = tuple(model(name, full) for name, full in {**_SHORT, **{name: name for name in _NAMES}}.items())
"""With the prices of an API key; a licensed account is not billed by the token."""
