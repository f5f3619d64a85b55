"""What LiteLLM tells its callbacks, kept for a test to look at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from queue import Queue
from typing import Any

import anyio
import litellm
import pytest
from litellm.integrations.custom_logger import CustomLogger

BOUND = 60
"""Seconds for what LiteLLM does in the background."""


class Listener(CustomLogger):
    """Keeps what LiteLLM tells its callbacks, whichever way."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: Queue[dict[str, Any]] = Queue()

    def log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Of a sync call."""
        self.heard.put({**kwargs})

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Of an async one."""
        self.heard.put({**kwargs})

    def log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Of a sync call."""
        self.heard.put({**kwargs})

    async def async_log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Of an async one."""
        self.heard.put({**kwargs})

    async def told_of(self, name: str) -> dict[str, Any]:
        """What a callback gets for this call."""
        while True:
            kwargs = await anyio.to_thread.run_sync(partial(self.heard.get, timeout=BOUND))
            if kwargs["litellm_call_id"] == name and kwargs.get("standard_logging_object"):
                return kwargs


@contextmanager
def listening(*others: Any) -> Iterator[Listener]:
    """One that LiteLLM knows for a while, after `others`; each of them hears of a call before it does."""
    listener = Listener()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(litellm, "callbacks", [*others, listener])
        yield listener
    litellm.logging_callback_manager._reset_all_callbacks()
