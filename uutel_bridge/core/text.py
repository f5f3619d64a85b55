"""Text that a caller gave: whether it can be sent. Pure."""

from __future__ import annotations

from uutel_bridge.core.errors import BadRequest


def checked_text(value: object, at: str) -> str:
    """The value, if it is text that can be sent; `at` says where it is.

    Raises:
        BadRequest: It is not.
    """
    if not isinstance(value, str):
        raise BadRequest(f"{at}: text is needed, not {type(value).__name__}.", param=at)
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        # Half of a surrogate pair: no UTF-8, so no vendor could be sent it.
        raise BadRequest(f"{at}: not valid Unicode at character {exc.start}.", param=at) from exc
    return value


def checked_name(value: object, at: str) -> str:
    """The value, if it is text that can be sent and not empty.

    Raises:
        BadRequest: It is not.
    """
    name = checked_text(value, at)
    if not name:
        raise BadRequest(f"{at}: it is empty.", param=at)
    return name
