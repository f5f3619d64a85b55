"""The Code Assist endpoint: its methods over HTTPS, on connections that stay open between requests."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
import orjson

from uutel_bridge import __version__
from uutel_bridge.core import loop
from uutel_bridge.core.errors import BadRequest, ProtocolError, UUError, VendorTimeout, VendorUnavailable
from uutel_bridge.gemini_api.failures import GOOGLE
from uutel_bridge.providers.cloud_code.event_stream import EventSplitter, read_events, unreadable
from uutel_bridge.providers.cloud_code.failures import failure

if TYPE_CHECKING:
    import ssl

    import aiohttp

BASE_URL = "https://cloudcode-pa.googleapis.com"

_CONNECT_LIMIT = 30.0
"""Seconds for a connection: name, proxy and TLS together."""
_IDLE_LIMIT = 60.0
"""Seconds that a connection is kept without a request: longer than most tools of an agent take, and shorter than the
minutes after which the routers on the way forget it."""
_OPERATION_LIMIT = 60.0
"""Seconds for word of an operation; it comes at once, however long the operation takes."""
_MAX_ANSWER = 64 * 2**20
"""Bytes of an answer that is no event stream."""
_MAX_ERROR = 64 * 2**10
"""Bytes of an error that are read."""
_ERROR_LIMIT = 10.0
"""Seconds for the text of an error, whose status is known already."""
_HEADERS = {
    "Accept-Encoding": "identity",  # a compressor on the way might hold events back
    "Content-Type": "application/json",
    "User-Agent": f"uutel-bridge/{__version__}",
}
_CLOSED = "The bridge was closed in the middle of the call."
_PROXY = "The proxy that the environment names"
_CHECK_PROXY = "Check HTTPS_PROXY, ALL_PROXY and NO_PROXY."


class Service:
    """The endpoint at one address. One event loop owns it."""

    def __init__(self, base_url: str = BASE_URL) -> None:
        self._base = f"{base_url.rstrip('/')}/v1internal"
        self._session: aiohttp.ClientSession | None = None
        self._proxy: str | None = None
        self._open_answers: set[aiohttp.ClientResponse] = set()
        self._closed = False

    async def call(self, method: str, body: Mapping[str, Any], token: str, *, timeout: float) -> dict[str, Any]:  # noqa: ASYNC109  # the error names it
        """What a method answers.

        Raises:
            UUError: It failed; for a status of 400 and more what `failures.failure` makes of it.
        """
        return await self._answer("POST", f":{method}", token, body, seconds=timeout)

    async def operation(self, name: str, token: str) -> dict[str, Any]:
        """How a long operation stands.

        Raises:
            UUError: As by `call`.
        """
        return await self._answer("GET", f"/{name}", token, seconds=_OPERATION_LIMIT)

    async def stream(self, body: Mapping[str, Any], token: str) -> AsyncGenerator[Mapping[str, Any], None]:
        """The events of an answer as they come, until the body ends. The connection ends with the generator.

        Raises:
            UUError: As by `call`. The caller bounds the time.
        """
        response = await self._request(
            "POST", ":streamGenerateContent?alt=sse", token, body, accept="text/event-stream"
        )
        try:
            if response.content_type != "text/event-stream":
                for event in read_events(await self._read(response, _MAX_ANSWER)):
                    yield event
                return
            splitter = EventSplitter()
            while chunk := await self._next_chunk(response):
                for data in splitter.feed(chunk):
                    for event in read_events(data):
                        yield event
            for data in splitter.flush():
                for event in read_events(data):
                    yield event
        finally:
            self._end(response)

    async def aclose(self) -> None:
        """Close all connections, for good; who still waits for an answer gets none. Idempotent."""
        self._closed = True
        for response in list(self._open_answers):
            self._end(response)  # closing the session alone would leave who waits for more waiting for ever
        session, self._session = self._session, None
        if session is not None:
            _sessions.discard(session)
            await session.close()

    async def _answer(
        self, verb: str, path: str, token: str, body: Mapping[str, Any] | None = None, *, seconds: float
    ) -> dict[str, Any]:
        try:
            with anyio.fail_after(seconds):
                response = await self._request(verb, path, token, body, accept="application/json")
                try:
                    data = await self._read(response, _MAX_ANSWER)
                finally:
                    self._end(response)
        except TimeoutError:
            raise VendorTimeout(f"Google's service did not answer within {seconds:g} s. Try again later.") from None
        events = read_events(data)
        if len(events) != 1:
            raise unreadable(data)
        return dict(events[0])

    async def _request(
        self, verb: str, path: str, token: str, body: Mapping[str, Any] | None, *, accept: str
    ) -> aiohttp.ClientResponse:
        """The head of a good answer; whoever gets it closes it."""
        import aiohttp  # noqa: PLC0415 - a tenth of a second

        if self._closed:
            raise UUError(_CLOSED)
        try:
            session = self._session or self._open()
            response = await session.request(
                verb,
                self._base + path,
                data=None if body is None else BytesIO(orjson.dumps(body)),  # sent a piece at a time, if it is large
                headers={**_HEADERS, "Accept": accept, "Authorization": f"Bearer {token}"},
                proxy=self._proxy,
                allow_redirects=False,  # the token would travel
            )
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            raise self._failure(exc) from None  # of the exceptions, some hold the request's headers
        self._open_answers.add(response)
        if response.status == 200:
            return response
        try:
            raise await self._refusal(response)
        finally:
            self._end(response)

    def _end(self, response: aiohttp.ClientResponse) -> None:
        """Hang up, unless the whole answer was read: then its connection serves the next request."""
        self._open_answers.discard(response)
        response.close()

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp  # noqa: PLC0415

        self._proxy = _proxy(self._base)
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_LIMIT, ssl=_tls())
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT_LIMIT),
            # Not trust_env: it would read ~/.netrc as well, and for each request anew.
        )
        _sessions.add(self._session)
        return self._session

    async def _next_chunk(self, response: aiohttp.ClientResponse) -> bytes:
        """What has come of the body; nothing at its end."""
        import aiohttp  # noqa: PLC0415

        try:
            return await response.content.readany()
        except (aiohttp.ClientError, OSError) as exc:
            raise self._failure(exc) from None

    async def _read(self, response: aiohttp.ClientResponse, limit: int) -> bytes:
        data = bytearray()
        while chunk := await self._next_chunk(response):
            data += chunk
            if len(data) > limit:
                raise ProtocolError(f"Google's service answered with more than {limit // 2**20} MiB.")
        return bytes(data)

    async def _refusal(self, response: aiohttp.ClientResponse) -> UUError:
        """What an answer amounts to whose status is not good."""
        status = response.status
        if status < 400:
            message = f"Google's service answered with status {status}, which nothing here can follow. Check api_base."
            return ProtocolError(message, evidence=response.headers.get("Location", ""))
        text = bytearray()
        # The status tells the most: text that breaks off, or does not come, must not hide it.
        with suppress(UUError), anyio.move_on_after(_ERROR_LIMIT):
            while len(text) < _MAX_ERROR and (chunk := await self._next_chunk(response)):
                text += chunk
        return failure(status, bytes(text[:_MAX_ERROR]), response.headers.get("Retry-After", ""))

    def _failure(self, exc: Exception) -> UUError:
        return UUError(_CLOSED) if self._closed else _connection_failure(exc)


_sessions: set[aiohttp.ClientSession] = set()
"""All that are open, so that none is finalized in a forked process before it is disowned."""


def _disown() -> None:
    """In a forked process: the connections are the parent's.

    To close them, as a finalizer would, takes them out of the selector that both processes share, and the parent's next
    request on them would wait for ever. No method of the client's forgets connections without closing them.
    """
    for session in _sessions:
        if session.connector is not None:
            session.connector._closed = True  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    _sessions.clear()


loop.on_fork(_disown)


def _connection_failure(exc: Exception) -> UUError:
    """What a failure of the HTTP client amounts to, in its words; some of them hold the request in their repr."""
    import aiohttp  # noqa: PLC0415

    if isinstance(exc, aiohttp.ClientHttpProxyError | aiohttp.ClientProxyConnectionError):
        words = f"{exc.status} {exc.message}" if isinstance(exc, aiohttp.ClientHttpProxyError) else str(exc)
        return VendorUnavailable(f"{_PROXY} did not connect to Google's service. {_CHECK_PROXY}", evidence=words)
    if isinstance(exc, aiohttp.ClientResponseError):
        return ProtocolError("Google's service answered something that is no HTTP.", evidence=exc.message)
    no_address = aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError
    if isinstance(exc, aiohttp.ClientError | OSError) and not isinstance(exc, no_address):
        return GOOGLE.connection_failed(str(exc) or type(exc).__name__)
    message = "Google's service cannot be asked: HTTP does not take its address, its proxy's, or the access token."
    return BadRequest(message, param="api_base")


def _proxy(url: str) -> str | None:
    """The proxy that the user's variables (`HTTPS_PROXY`, `NO_PROXY` ...) want for it."""
    import urllib.request  # noqa: PLC0415 - with the HTTP client, which needs it too

    there, proxies = urlsplit(url), urllib.request.getproxies()
    address = proxies.get(there.scheme) or proxies.get("all")
    if not address or urllib.request.proxy_bypass(there.netloc):
        return None
    address = address if "://" in address else f"http://{address}"
    if urlsplit(address).scheme not in {"http", "https"}:
        raise VendorUnavailable(f"{_PROXY} speaks no HTTP, which it must to reach Google's service. {_CHECK_PROXY}")
    return address


def _tls() -> ssl.SSLContext:
    import httpx  # noqa: PLC0415 - a tenth of a second

    context = httpx.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
