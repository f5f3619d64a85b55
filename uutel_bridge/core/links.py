"""What stands behind a caller's links, for vendors that do not look themselves.

A link may come from anybody, so it must not reach what only this machine can: the host's every address must be public,
the connection goes to the very address that was checked, and so with each redirect. Where the user's proxy variables
send a link to a proxy, that proxy looks the name up itself: here the name is checked as far as it can be resolved.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any

import anyio

from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.media import Media, read_fetched
from uutel_bridge.core.messages import Part
from uutel_bridge.core.request import ChatRequest

if TYPE_CHECKING:
    import httpx

_MAX_BYTES = 20 * 1024 * 1024
_MAX_TOTAL = 50 * 1024 * 1024
"""Of all links of a request; OpenAI takes no more."""
_MAX_REDIRECTS = 3
_MAX_AT_ONCE = 4
_TIME_LIMIT = 30.0
"""Seconds for one link, redirects included."""
_CONNECT_LIMIT = 5.0
"""Seconds after which a host's next address is tried."""
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "uutel-bridge"}
_MAX_PORT = 65535
_NAT64 = IPv6Network("64:ff9b::/96")


def found(chat: ChatRequest) -> bool:
    """Whether there are any links."""
    return any(True for _ in _links(chat))


async def fetched(chat: ChatRequest, *, private_allowed: bool) -> ChatRequest:
    """The same request with what its links lead to in their place; each is fetched once.

    Raises:
        BadRequest: A link leads nowhere, too far, or to what it should not; `param` says where it stands.
    """
    distinct = {(link.url, link.kind): link for link in _links(chat)}
    fetcher = _Fetcher(private_allowed=private_allowed)
    tasks = [asyncio.ensure_future(fetcher.fetch(link)) for link in distinct.values()]
    try:
        media = dict(zip(distinct, await asyncio.gather(*tasks), strict=True))
    finally:
        for task in tasks:  # one failed, or the caller left: the others are of no use
            task.cancel()

    def there(part: Part) -> Part:
        return media[part.url, part.kind] if isinstance(part, Media) and part.url else part

    messages = tuple(replace(message, parts=tuple(map(there, message.parts))) for message in chat.messages)
    return chat.model_copy(update={"messages": messages})


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet's, in whatever form of IPv6 it is wrapped."""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address):
        behind_nat64 = ip_address(int(ip) & 0xFFFF_FFFF) if ip in _NAT64 else None
        ip = ip.ipv4_mapped or ip.sixtofour or behind_nat64 or ip
    is_site_local = isinstance(ip, IPv6Address) and ip.is_site_local
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or is_site_local)


def _links(chat: ChatRequest) -> Iterator[Media]:
    parts = (part for message in chat.messages for part in message.parts)
    return (part for part in parts if isinstance(part, Media) and part.url)


class _Fetcher:
    """Fetches the links of one request, a few at a time."""

    def __init__(self, *, private_allowed: bool) -> None:
        self._private_allowed = private_allowed
        self._slots = anyio.Semaphore(_MAX_AT_ONCE)
        self._left = _MAX_TOTAL
        self._tls: ssl.SSLContext | None = None

    async def fetch(self, link: Media) -> Media:
        import httpx  # noqa: PLC0415 - a tenth of a second, only where there is a link

        async with self._slots:
            try:
                with anyio.fail_after(_TIME_LIMIT):
                    return await self._follow(link)
            except TimeoutError as exc:
                raise _refusal(link, f"it took more than {_TIME_LIMIT:g} s") from exc
            except httpx.InvalidURL as exc:  # its text may hold a part of the URL
                raise _refusal(link, "it is no valid URL, or leads to none") from exc
            except (httpx.HTTPError, OSError) as exc:
                raise _refusal(link, f"{exc or type(exc).__name__}") from exc

    async def _follow(self, link: Media) -> Media:
        import httpx  # noqa: PLC0415

        url = httpx.URL(link.url)
        for _ in range(_MAX_REDIRECTS + 1):
            async with self._get(link, url) as response:
                if response.has_redirect_location:
                    url = url.join(response.headers["Location"])
                elif response.status_code != 200:
                    raise _refusal(link, f"{_shown(url)} answered {response.status_code}")
                else:
                    content = await self._read(link, response.aiter_raw())
                    said_type = response.headers.get("Content-Type", "application/octet-stream")
                    return read_fetched(link, content, said_type.partition(";")[0].strip().lower())
        raise _refusal(link, f"more than {_MAX_REDIRECTS} redirects")

    async def _read(self, link: Media, chunks: AsyncIterable[bytes]) -> bytes:
        content = bytearray()
        async for chunk in chunks:
            content += chunk
            self._left -= len(chunk)
            if len(content) > _MAX_BYTES:
                raise _refusal(link, f"it has more than {_MAX_BYTES // 2**20} MiB")
            if self._left < 0:
                raise _refusal(link, f"the links of this request have more than {_MAX_TOTAL // 2**20} MiB")
        return bytes(content)

    @asynccontextmanager
    async def _get(self, link: Media, url: httpx.URL) -> AsyncGenerator[httpx.Response, None]:
        """One request, by a transport and not by a client: those log whole URLs."""
        import httpx  # noqa: PLC0415

        if url.scheme not in {"http", "https"} or not url.host or (url.port or 0) > _MAX_PORT:
            raise _refusal(link, "it does not lead to an http(s) address")
        if url.userinfo:
            raise _refusal(link, "it holds a user name or a password")
        proxy = _proxy(link, url)
        addresses = await self._checked(link, url, resolved_elsewhere=proxy is not None)
        self._tls = self._tls or httpx.create_ssl_context()
        try:
            transport = httpx.AsyncHTTPTransport(verify=self._tls, proxy=proxy)
        except ImportError as exc:
            raise _refusal(link, "a SOCKS proxy needs the package socksio") from exc
        async with transport:
            response = await _connected(transport, url, addresses if proxy is None else [url.host])
            try:
                yield response
            finally:
                await response.aclose()

    async def _checked(self, link: Media, url: httpx.URL, *, resolved_elsewhere: bool) -> list[str]:
        """The host's addresses, each of them allowed."""
        try:
            records = await anyio.getaddrinfo(url.raw_host, url.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as exc:
            if resolved_elsewhere:
                return []
            raise _refusal(link, f"the host {url.host} is not known ({exc})") from exc
        addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in records))
        if not self._private_allowed and not all(map(is_public, addresses)):
            raise _refusal(link, f"{url.host} is on a private address; the setting private_links=true allows that")
        return addresses


async def _connected(transport: httpx.AsyncHTTPTransport, url: httpx.URL, addresses: list[str]) -> httpx.Response:
    """The answer from the first address that takes a connection; the server is still the one that the URL names."""
    import httpx  # noqa: PLC0415

    headers = {**_HEADERS, "Host": url.netloc.decode("ascii")}
    extensions: dict[str, Any] = {"timeout": {"connect": _CONNECT_LIMIT}}
    for n, address in enumerate(addresses, 1):
        # The address in place of the name: looked up a second time, that might lead elsewhere.
        there = url.copy_with(host=address, fragment=None)
        named = {} if address == url.host else {"sni_hostname": url.raw_host.decode("ascii")}
        request = httpx.Request("GET", there, headers=headers, extensions={**extensions, **named})
        try:
            return await transport.handle_async_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            if n == len(addresses):
                raise
    raise httpx.ConnectError(f"{url.host} has no address")


def _proxy(link: Media, url: httpx.URL) -> httpx.Proxy | None:
    """The proxy that the user's variables (`HTTPS_PROXY`, `NO_PROXY` ...) want for it."""
    import urllib.request  # noqa: PLC0415

    import httpx  # noqa: PLC0415

    proxies = urllib.request.getproxies()
    address = proxies.get(url.scheme) or proxies.get("all")
    if not address or urllib.request.proxy_bypass(url.netloc.decode("ascii")):
        return None
    try:
        return httpx.Proxy(address if "://" in address else f"http://{address}")
    except (ValueError, httpx.InvalidURL) as exc:
        raise _refusal(link, "the proxy that the environment names for it is none that can be used") from exc


def _shown(url: httpx.URL) -> str:
    """Without what may be secret in it."""
    return f"{url.scheme}://{url.netloc.decode('ascii')}{url.path}"


def _refusal(link: Media, reason: str) -> BadRequest:
    return BadRequest(f"{link.at}: the link could not be fetched: {reason}.", param=link.at)
