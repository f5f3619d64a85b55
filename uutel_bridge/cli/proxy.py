"""LiteLLM's proxy, run in this process. Importing this takes the extra `proxy`, and seconds."""

from __future__ import annotations

import logging
import signal
from asyncio import CancelledError
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http import HTTPStatus
from socket import socket
from typing import Any

import litellm  # noqa: TID253 - nobody imports this module who does not need LiteLLM at once
import uvicorn
from fastapi import Depends, HTTPException
from litellm.integrations.custom_logger import CustomLogger  # noqa: TID253 - likewise
from litellm.proxy import proxy_server  # noqa: TID253 - likewise
from litellm.proxy._types import ProxyErrorTypes, ProxyException, UserAPIKeyAuth  # noqa: TID253 - likewise
from litellm.proxy.auth.user_api_key_auth import user_api_key_auth  # noqa: TID253 - likewise

from uutel_bridge.cli.stream_status import StreamStatus, failed
from uutel_bridge.core.errors import UUError

_GRACE = 5
"""Seconds that running answers get when the server is told to stop."""


def serve(listening: socket, *, status_path: str, status: Callable[[], Any], announce: Callable[[str], None]) -> None:
    """Answer requests until a signal ends it, then let that signal take its course.

    Args:
        listening: Where clients come in.
        status_path: Where `status()` is answered to whoever has the key.
        status: What the server says of itself.
        announce: Called when clients may come, with the key that they must bring.

    Raises:
        UUError: It did not start.
    """
    app = proxy_server.app
    app.add_api_route(status_path, status, dependencies=[Depends(user_api_key_auth)], include_in_schema=False)
    litellm.callbacks.append(_Failures())
    # Requests are not logged: some of LiteLLM's clients have the key in the address.
    config = uvicorn.Config(
        StreamStatus(app), lifespan="on", log_level="warning", access_log=False, timeout_graceful_shutdown=_GRACE
    )
    logging.getLogger("uvicorn.error").addFilter(_is_no_end)
    server = _Server(config, announce)
    try:
        server.run([listening])
    except SystemExit as exc:
        if server.started:  # a signal's
            raise
        raise UUError("LiteLLM's proxy did not start. What is wrong stands above, in its own words.") from exc


def _is_no_end(record: logging.LogRecord) -> bool:
    """Whether it is worth telling: whom the server's own end cuts off has not failed, and needs no traceback."""
    return not (record.exc_info and isinstance(record.exc_info[1], CancelledError))


class _Failures(CustomLogger):
    """Tells of failures, and makes a 401 of a missing or wrong key: without a database LiteLLM makes other statuses."""

    async def async_post_call_failure_hook(
        self,
        request_data: dict[str, Any],
        original_exception: Exception,
        user_api_key_dict: UserAPIKeyAuth,
        traceback_str: str | None = None,
    ) -> HTTPException | None:
        if user_api_key_dict.user_role is None and (
            type(original_exception) is Exception  # LiteLLM's own sign for it
            or (isinstance(original_exception, ProxyException) and original_exception.type == _NO_SUCH_KEY)
        ):
            # Not the enumeration itself: LiteLLM reads the number from its text, which is a name on Python 3.10.
            return HTTPException(HTTPStatus.UNAUTHORIZED.value, "This is not the key of this server, or there is none.")
        status = getattr(original_exception, "status_code", None)
        if isinstance(status, int):
            response = getattr(original_exception, "response", None)
            failed(status, "" if response is None else response.headers.get("retry-after", ""))
        return None


_NO_SUCH_KEY = ProxyErrorTypes.no_db_connection


class _Server(uvicorn.Server):
    """Tells when it is ready, and ends as well when its terminal is closed."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[str], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce(str(proxy_server.master_key))  # which may be the config's own

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        before = signal.getsignal(signal.SIGHUP)
        with super().capture_signals():
            if before is not signal.SIG_IGN:  # as nohup has it
                signal.signal(signal.SIGHUP, self.handle_exit)
            try:
                yield
            finally:
                signal.signal(signal.SIGHUP, before)
