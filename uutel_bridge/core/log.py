"""Where the bridge logs: stdlib loggers under `uutel_bridge`, every line with the request that it belongs to.

DEBUG tells the steps of a request, WARNING what went wrong and was dealt with; no secret, and neither prompt nor answer
but for `core.transcript`'s lines, which only the user can turn on.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

_current: ContextVar[str] = ContextVar("uutel_bridge_request_id", default="")

logging.getLogger("uutel_bridge").addHandler(logging.NullHandler())  # it is for the program to say where logs go


def logger(name: str) -> logging.Logger:
    """The logger `uutel_bridge.<name>`. Its lines begin with the request's id, which is also in `record.request_id`."""
    found = logging.getLogger(f"uutel_bridge.{name}")
    found.addFilter(_name_request)
    return found


def request_id() -> str:
    """The request that is being worked on here; empty outside of any."""
    return _current.get()


@contextmanager
def of_request(name: str) -> Generator[None, None, None]:
    """What is logged in here, and in tasks that begin here, belongs to this request."""
    token = _current.set(name)
    try:
        yield
    finally:
        _current.reset(token)


def _name_request(record: logging.LogRecord) -> bool:
    record.request_id = name = _current.get()
    if name:
        # As an argument: a name that a caller chose must not be taken for a format.
        args = record.args if isinstance(record.args, tuple) else ()
        record.msg, record.args = f"[%s] {record.msg}", (name, *args)
    return True
