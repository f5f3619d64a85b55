"""The road from the Service to its endpoint: proxies, TLS, and what lies about that must not travel."""

from __future__ import annotations

import asyncio
import base64
import datetime
import ipaddress
import os
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.emulators.refusing_proxy import RefusingProxy
from tests.providers.cloud_code.endpoints import (
    JSON,
    SSE,
    TOKEN,
    answering,
    failed,
    served,
    serviced,
    silence,
    speaking,
    streamed,
)
from uutel_bridge.core import loop
from uutel_bridge.core.errors import VendorUnavailable
from uutel_bridge.core.loopback import Request, Response
from uutel_bridge.core.process import LaunchPlan, run
from uutel_bridge.providers.cloud_code.service import BASE_URL

EVENT = b'data: {"a":1}\r\n\r\n'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n%b" % (len(EVENT), EVENT)


FORKING = """
import gc, os, sys, warnings
from uutel_bridge.core import loop
from uutel_bridge.providers.cloud_code.service import Service
warnings.filterwarnings("ignore", message=".*fork")
service = Service(sys.argv[1])

async def ask(body):
    return [event async for event in service.stream(body, "made-up-token")]

assert loop.run(lambda: ask({})) == [{"a": 1}]
pid = os.fork()
if pid == 0:
    service = Service(sys.argv[1])
    gc.collect()
    assert loop.run(lambda: ask({})) == [{"a": 1}]
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
assert loop.run(lambda: ask({})) == [{"a": 1}]
loop.run(service.aclose)
"""


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever the developer has set."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir", "netrc"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def proxy() -> Iterator[RefusingProxy]:
    """It lets nothing through."""
    with RefusingProxy() as running:
        yield running


async def test_a_refusing_proxy_is_named_as_the_trouble(proxy: RefusingProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Google was never reached."""
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    async with serviced(BASE_URL) as service:
        error = await failed(streamed(service), VendorUnavailable)
    assert proxy.attempts == ["cloudcode-pa.googleapis.com:443"]
    assert error.evidence == "403 Forbidden"
    assert "proxy" in error.message


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
async def test_a_proxy_that_is_not_there_is_named_as_the_trouble(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its password is not."""
    async with speaking(silence) as port:
        pass
    monkeypatch.setenv(variable, f"name:secret@127.0.0.1:{port}")
    async with serviced(BASE_URL) as service:
        error = await failed(streamed(service), VendorUnavailable)
    assert "proxy" in error.message
    assert f"127.0.0.1:{port}" in error.evidence
    assert "secret" not in str(error)


async def test_a_proxy_gets_its_password_and_not_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token is inside the tunnel."""
    heads: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 407 Not So\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with speaking(talk) as port, serviced(BASE_URL) as service:
        monkeypatch.setenv("HTTPS_PROXY", f"http://name:secret@127.0.0.1:{port}")
        error = await failed(streamed(service), VendorUnavailable)
    assert heads[0].startswith(b"CONNECT cloudcode-pa.googleapis.com:443 ")
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"name:secret") in heads[0]
    assert TOKEN.encode() not in heads[0]
    assert error.evidence == "407 Not So"
    assert "secret" not in str(error)


async def test_a_plain_address_goes_through_its_proxy_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """As proxies want it; names of `NO_PROXY` go straight."""
    asked: list[str] = []

    async def answer(request: Request) -> Response:
        asked.append(request.target)
        return Response(200, SSE, EVENT)

    async with served(answer) as url, serviced(url) as straight:
        monkeypatch.setenv("HTTP_PROXY", url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        async with serviced("http://gateway.invalid/google") as through:
            assert await streamed(through) == [{"a": 1}]
        assert await streamed(straight) == [{"a": 1}]
    path = "/v1internal:streamGenerateContent?alt=sse"
    assert asked == [f"http://gateway.invalid/google{path}", path]


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:1", "ftp://127.0.0.1"])
async def test_a_proxy_that_speaks_no_http_is_told(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not passed by in silence: the user wants nothing to go straight."""
    monkeypatch.setenv("ALL_PROXY", address)
    async with serviced(BASE_URL) as service:
        error = await failed(streamed(service), VendorUnavailable)
    assert "ALL_PROXY" in error.message


@pytest.mark.parametrize("by_variable", [True, False])
async def test_stored_passwords_do_not_travel(
    by_variable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in place of the token nor beside it."""
    folder = tmp_path / "elsewhere" if by_variable else tmp_path
    folder.mkdir(exist_ok=True)
    netrc = folder / ".netrc"
    netrc.write_text("machine 127.0.0.1 login name password secret\ndefault login name password secret\n")
    netrc.chmod(0o600)
    if by_variable:
        monkeypatch.setenv("NETRC", str(netrc))
    asked: list[Request] = []

    async def answer(request: Request) -> Response:
        asked.append(request)
        return Response(200, JSON, b"{}")

    async with served(answer) as url, serviced(url) as service:
        await service.call("loadCodeAssist", {}, TOKEN, timeout=30)
        monkeypatch.setenv("HTTP_PROXY", url)
        async with serviced("http://gateway.invalid") as through:
            await through.call("loadCodeAssist", {}, TOKEN, timeout=30)
    assert [request.headers["authorization"] for request in asked] == [f"Bearer {TOKEN}"] * 2
    assert "proxy-authorization" not in asked[1].headers


@pytest.mark.parametrize("is_known", [True, False])
async def test_the_endpoint_must_prove_itself(is_known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By `SSL_CERT_FILE` a certificate is known that nobody else knows; the token goes to no other."""
    talked: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(ANSWER)
        await writer.drain()

    tls = _certified(tmp_path)
    if is_known:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    async with speaking(talk, tls) as port, serviced(f"https://127.0.0.1:{port}") as service:
        if is_known:
            assert await streamed(service) == [{"a": 1}]
        else:
            error = await failed(streamed(service), VendorUnavailable)
            assert "certificate verify failed" in error.evidence
    assert len(talked) == is_known


async def test_certificates_that_are_not_there_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As a failure of the connection."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    async with serviced(BASE_URL) as service:
        await failed(streamed(service), VendorUnavailable)


def _certified(folder: Path) -> ssl.SSLContext:
    """A server's context with a certificate of its own, which speaks HTTP/1.1 and would rather speak HTTP/2."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "endpoint.test")])
    here = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509
        .CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([here]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, *plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


async def test_a_fork_leaves_the_connections_to_the_parent() -> None:
    """The child's end, or its use of the endpoint, never makes the parent deaf; both end without a word."""
    root = str(Path(loop.__file__).parents[2])
    async with served(answering(Response(200, SSE, EVENT))) as url:
        plan = LaunchPlan((sys.executable, "-c", FORKING, url), (("PATH", os.defpath), ("PYTHONPATH", root)))
        done = await run(plan, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
