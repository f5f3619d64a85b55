"""What links lead to, from a server of the test's own; and what they must not lead to."""

from __future__ import annotations

import asyncio
import base64
import datetime
import logging
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.emulators.refusing_proxy import RefusingProxy
from uutel_bridge.core import links
from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.loopback import LoopbackServer, Request, Response
from uutel_bridge.core.media import Media
from uutel_bridge.core.request import ChatRequest, read_request

BOUND = 60
GIF = b"GIF89a\x03\x00\x02\x00" + bytes(10)
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x03\0\0\0\x02\x08\x06\0\0\0" + bytes(8)
AT = "messages[0].content[0].image_url"
MIB = 2**20


async def endless() -> AsyncGenerator[bytes, None]:
    """More than anybody wants."""
    while True:
        yield bytes(MIB)


ANSWERS = {
    "/a.gif": Response(body=GIF, headers={"content-type": "image/gif"}),
    "/a.png": Response(body=PNG, headers={"content-type": "image/png; a=b"}),
    "/mistaken": Response(body=GIF, headers={"content-type": "image/png"}),
    "/untyped": Response(body=GIF),
    "/typed": Response(body=b"<svg width='3' height='2'/>", headers={"content-type": "Image/SVG+xml"}),
    "/broken": Response(body=PNG[:12]),
    "/page": Response(body=b"<html>", headers={"content-type": "text/html"}),
    "/document": Response(body=b"%PDF-1.4"),
    "/nothing": Response(),
    "/gone": Response(404),
    "/failed": Response(503),
    "/here": Response(302, headers={"location": "a.gif?signature=s"}),
    "/there": Response(301, headers={"location": "/here"}),
    "/around": Response(307, headers={"location": "/around"}),
    "/nowhere": Response(302, headers={"location": "http://127.0.0.1:x/"}),
    "/file": Response(302, headers={"location": "file:///etc/passwd"}),
    "/elsewhere": Response(302, headers={"location": "http://127.0.0.2:1/a.gif"}),
}


class Site:
    """A host of images, and what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.at_once = self.most_at_once = 0
        self.left = asyncio.Event()
        self.server = LoopbackServer(self.answer)

    async def answer(self, request: Request) -> Response:
        """By the path."""
        self.asked.append(request)
        path = request.target.partition("?")[0]
        if path == "/silent":
            try:
                await asyncio.Event().wait()
            finally:
                self.left.set()
        if path == "/endless":
            return Response(body=endless())
        if path.startswith("http://pictures.test/"):  # asked as a proxy
            return ANSWERS["/a.gif"]
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        for _ in range(20):  # time for others to come
            await asyncio.sleep(0)
        self.at_once -= 1
        return ANSWERS[path]

    @property
    def url(self) -> str:
        """Where it is."""
        return self.server.url

    @property
    def port(self) -> int:
        """On every address that leads here."""
        return int(self.url.rpartition(":")[2])

    @property
    def paths(self) -> list[str]:
        """What it was asked for."""
        return [request.target for request in self.asked]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """One that runs."""
    site = Site()
    await site.server.start()
    yield site
    await site.server.aclose()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the developer has set."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Host names and the addresses that each lookup takes from them; no other name is known."""
    known: dict[str, list[str]] = {}
    real = anyio.getaddrinfo

    async def getaddrinfo(host: bytes, port: int | None, **options: Any) -> Any:
        name = host.decode()
        if name.replace(".", "").isdigit():
            return await real(host, port, **options)
        if not known.get(name):
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        addresses = known.pop(name)
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, port)) for address in addresses]

    monkeypatch.setattr(anyio, "getaddrinfo", getaddrinfo)
    return known


def chat(*urls: str) -> ChatRequest:
    """A request with these images."""
    content = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return read_request("m", [{"role": "user", "content": content}], {}, provider="p", supported=())


async def fetched(*urls: str, private_allowed: bool = True) -> list[Media]:
    """What these links lead to."""
    with anyio.fail_after(BOUND):
        found = await links.fetched(chat(*urls), private_allowed=private_allowed)
    return [part for part in found.messages[0].parts if isinstance(part, Media)]


def image(media_type: str, content: bytes) -> Media:
    """An image of three by two."""
    return Media("image", media_type, base64.b64encode(content).decode(), "", (3, 2))


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
)
def test_addresses_of_the_open_internet_are_public(address: str) -> None:
    """Also one of IPv4 within one of IPv6."""
    assert links.is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::10.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1",
        "2001:db8::1",
        "2002:a00:1::",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%2",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ],
)
def test_no_other_address_is_public(address: str) -> None:
    """Neither this machine's, nor a private network's, nor nobody's."""
    assert not links.is_public(address)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1"],
)
async def test_a_link_to_a_private_address_is_refused(site: Site, host: str) -> None:
    """However it is written; the setting that would allow it is named."""
    with pytest.raises(BadRequest, match=r"private address.*private_links") as caught:
        await fetched(f"http://{host}:{site.port}/a.gif", private_allowed=False)
    assert caught.value.param == AT
    assert site.paths == []


async def test_one_private_address_of_several_is_enough(site: Site, names: dict[str, list[str]]) -> None:
    """Nobody is asked."""
    names["pictures.test"] = ["8.8.8.8", "127.0.0.1"]
    with pytest.raises(BadRequest, match="private address"):
        await fetched(f"http://pictures.test:{site.port}/a.gif", private_allowed=False)
    assert site.paths == []


async def test_the_connection_goes_to_the_address_that_was_checked(site: Site, names: dict[str, list[str]]) -> None:
    """The name is looked up once, and still told to the server."""
    names["pictures.test"] = ["127.0.0.1"]
    assert await fetched(f"http://pictures.test:{site.port}/a.gif") == [image("image/gif", GIF)]
    assert site.asked[0].headers["host"] == f"pictures.test:{site.port}"


async def test_the_next_address_is_tried(site: Site, names: dict[str, list[str]]) -> None:
    """Where nobody listens on the first."""
    names["pictures.test"] = ["127.0.0.2", "127.0.0.1"]
    assert await fetched(f"http://pictures.test:{site.port}/a.gif") == [image("image/gif", GIF)]


async def test_a_redirect_to_a_private_address_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each target is checked like a link of its own."""
    monkeypatch.setattr(links, "is_public", lambda address: address == "127.0.0.1")
    with pytest.raises(BadRequest, match=r"127\.0\.0\.2 is on a private address"):
        await fetched(f"{site.url}/elsewhere", private_allowed=False)
    assert site.paths == ["/elsewhere"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a.gif?x=1#y", image("image/gif", GIF)),
        ("/a.png", image("image/png", PNG)),
        ("/mistaken", image("image/gif", GIF)),
        ("/untyped", image("image/gif", GIF)),
        ("/typed", image("image/svg+xml", b"<svg width='3' height='2'/>")),
        ("/here", image("image/gif", GIF)),
        ("/there", image("image/gif", GIF)),
    ],
)
async def test_an_image_is_fetched_with_its_type_and_size(site: Site, path: str, expected: Media) -> None:
    """Byte for byte; its own first bytes say what it is, and only where they do not, the server."""
    assert await fetched(f"{site.url}{path}") == [expected]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/gone", r"127\.0\.0\.1:\d+/gone answered 404"),
        ("/failed", "answered 503"),
        ("/broken", "this image/png is broken"),
        ("/page", r"is no image \(text/html\)"),
        ("/document", r"is no image \(application/pdf\)"),
        ("/nothing", "is no image"),
        ("/around", "more than 3 redirects"),
        ("/nowhere", "no valid URL"),
        ("/file", r"http\(s\)"),
        ("/endless", "more than 20 MiB"),
    ],
)
async def test_what_is_no_image_is_refused_by_its_place(site: Site, path: str, reason: str) -> None:
    """With what was there instead, and without the query, which may be secret."""
    with pytest.raises(BadRequest, match=reason) as caught:
        await fetched(f"{site.url}/a.gif", f"{site.url}{path}?signature=secret")
    assert caught.value.param == "messages[0].content[1].image_url"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://", r"http\(s\)"),
        ("http://127.0.0.1:secret/", "no valid URL"),
        ("http://127.0.0.1:99999/", r"http\(s\)"),
        ("http://somebody:secret@127.0.0.1/", "a user name or a password"),
        ("http://nobody.test/?secret", r"nobody\.test is not known"),
        (f"http://{'a' * 64}.test/", "is not known"),
        ("http://127.0.0.1:1/?secret", "connection"),
    ],
)
@pytest.mark.usefixtures("names")
async def test_a_link_that_leads_nowhere_is_refused(url: str, reason: str) -> None:
    """No error of a library's comes through."""
    with pytest.raises(BadRequest, match=f"(?i){reason}") as caught:
        await fetched(url)
    assert caught.value.param == AT
    assert "secret" not in str(caught.value)


async def test_all_links_together_have_a_limit(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many small ones are as much as one that is large."""
    monkeypatch.setattr(links, "_MAX_TOTAL", 5 * len(GIF))
    assert len(await fetched(*(f"{site.url}/a.gif?{n}" for n in range(5)))) == 5
    with pytest.raises(BadRequest, match="the links of this request"):
        await fetched(*(f"{site.url}/a.gif?{n}" for n in range(6)))


async def test_a_silent_server_is_left(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time limit, with the connection closed."""
    monkeypatch.setattr(links, "_TIME_LIMIT", 0.2)
    with pytest.raises(BadRequest, match=r"more than 0\.2 s") as caught:
        await fetched(f"{site.url}/silent")
    assert caught.value.param == AT
    with anyio.fail_after(BOUND):
        await site.left.wait()


async def test_one_failure_ends_the_others(site: Site) -> None:
    """Nobody waits for what is of no use."""
    with pytest.raises(BadRequest, match="404"):
        await fetched(f"{site.url}/silent", f"{site.url}/gone")
    with anyio.fail_after(BOUND):
        while "/silent" in site.paths and not site.left.is_set():
            await asyncio.sleep(0.01)


async def test_each_link_is_fetched_once_and_stands_in_its_place(site: Site) -> None:
    """However often it is in the conversation; a few at a time."""
    urls = [f"{site.url}/a.{kind}?{n}" for n in range(6) for kind in ("gif", "png")]
    found = await fetched(*urls, *urls)
    assert found == [image("image/gif", GIF), image("image/png", PNG)] * 12
    assert sorted(site.paths) == sorted(url.removeprefix(site.url) for url in urls)
    assert 1 < site.most_at_once <= 4


async def test_the_rest_of_the_conversation_stays_as_it_is(site: Site) -> None:
    """Texts, other images, and what functions said."""
    inline = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    link = {"type": "image_url", "image_url": f"{site.url}/a.gif"}
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    messages = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": inline}, link]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": [link, {"type": "text", "text": "b"}]},
    ]
    tools = [{"type": "function", "function": {"name": "look"}}]
    given = read_request("m", messages, {"tools": tools}, provider="p", supported=("tools",))
    assert links.found(given)
    with anyio.fail_after(BOUND):
        made = await links.fetched(given, private_allowed=True)
    assert not links.found(made)
    messages[1]["content"][2] = messages[3]["content"][0] = {  # type: ignore[index]
        "type": "image_url",
        "image_url": f"data:image/gif;base64,{base64.b64encode(GIF).decode()}",
    }
    assert made == read_request("m", messages, {"tools": tools}, provider="p", supported=("tools",))


async def test_no_log_holds_a_link(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Its query may be a signature."""
    with caplog.at_level(logging.DEBUG):
        await fetched(f"{site.url}/a.gif?signature=secret")
    assert "secret" not in caplog.text


async def test_a_proxy_does_the_connecting(
    site: Site, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a name that only it may know, and to one that is known here."""
    monkeypatch.setenv("HTTP_PROXY", site.url.removeprefix("http://"))
    assert await fetched("http://pictures.test/a.gif", private_allowed=False) == [image("image/gif", GIF)]
    names["pictures.test"] = ["8.8.8.8"]
    assert await fetched("http://pictures.test/b.gif", private_allowed=False) == [image("image/gif", GIF)]
    assert site.paths == ["http://pictures.test/a.gif", "http://pictures.test/b.gif"]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.usefixtures("names")
async def test_what_a_proxy_refuses_is_refused(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An https link goes through it as a tunnel."""
    with RefusingProxy() as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        with pytest.raises(BadRequest, match="403"):
            await fetched(f"{scheme}://pictures.test/a.gif")
        assert proxy.attempts == ["http://pictures.test/a.gif" if scheme == "http" else "pictures.test:443"]


async def test_a_proxy_is_not_sent_to_a_private_address(names: dict[str, list[str]]) -> None:
    """As far as it is known here that it is one."""
    with RefusingProxy() as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HTTP_PROXY", proxy.url)
        for host in ("10.0.0.1", "2130706433", "inside.test"):
            names["inside.test"] = ["10.0.0.1"]
            with pytest.raises(BadRequest, match="private address"):
                await fetched(f"http://{host}/a.gif", private_allowed=False)
        assert proxy.attempts == []


async def test_hosts_without_a_proxy_are_asked_directly(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `NO_PROXY` says."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert await fetched(f"{site.url}/a.gif") == [image("image/gif", GIF)]


@pytest.mark.parametrize("address", ["gopher://somebody:secret@127.0.0.1:1", "http://somebody:secret@127.0.0.1:x"])
async def test_a_proxy_of_an_unknown_kind_is_an_error(
    site: Site, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """Its password stays unsaid."""
    monkeypatch.setenv("HTTP_PROXY", address)
    with pytest.raises(BadRequest, match="proxy") as caught:
        await fetched(f"{site.url}/a.gif")
    assert "secret" not in str(caught.value)


@asynccontextmanager
async def https_site(folder: Path) -> AsyncIterator[tuple[int, Path]]:
    """A server that proves to be `pictures.test`: its port, and the certificate to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pictures.test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509
        .CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("pictures.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, *plain))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(GIF), GIF))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1], folder / "certificate.pem"


async def test_the_server_must_be_the_one_that_the_link_names(
    tmp_path: Path, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The certificate is that of the name, not of the address that was connected to."""
    async with https_site(tmp_path) as (port, certificate):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        names |= {"pictures.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]}
        assert await fetched(f"https://pictures.test:{port}/a.gif") == [image("image/gif", GIF)]
        for host in ("other.test", "127.0.0.1"):
            with pytest.raises(BadRequest, match="CERTIFICATE_VERIFY_FAILED"):
                await fetched(f"https://{host}:{port}/a.gif")
