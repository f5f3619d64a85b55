"""`uutel-bridge status` where there is no server of ours; how it tells of one stands in `test_serve`."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from tests.cli.conftest import Command
from tests.emulators.refusing_proxy import RefusingProxy
from uutel_bridge.cli import running

_KEY = "sk-of-the-tests"


@pytest.mark.parametrize("given", [(), ("--key", _KEY), ("--key", "sk-é")], ids=["no key", "a key", "an odd key"])
@pytest.mark.parametrize("scheme", ["http://", ""])
def test_a_server_that_wants_another_key_is_told_from_none(uutel: Command, scheme: str, given: tuple[str, ...]) -> None:
    """However its address is written, and also where no key is given."""
    with RefusingProxy() as server:
        done = uutel("status", "--url", scheme + server.url.removeprefix("http://"), *given)
        assert server.attempts == [running.STATUS_PATH]
    assert done.returncode == 1
    assert done.stderr.startswith(f"uutel-bridge: The server at {server.url} wants another key.")


@pytest.mark.parametrize("url", ["http://127.0.0.1:x", "http://a..b", "http://", "127.0.0.1:99999", "no address"])
def test_what_is_no_address_has_no_server(uutel: Command, url: str) -> None:
    """One sentence, which shows what was typed."""
    done = uutel("status", "--url", url, "--key", _KEY)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"uutel-bridge: No server answers at {url}.\n"


def test_a_page_for_people_is_no_server_of_ours(uutel: Command) -> None:
    """It answers 200 to whatever it is asked."""
    with _Site(("127.0.0.1", 0), _Page) as site:
        url = f"http://127.0.0.1:{site.server_port}"
        thread = Thread(target=site.handle_request, name="a site")
        thread.start()
        done = uutel("status", "--url", url)
        thread.join()
    assert done.returncode == 1
    assert f"What answers at {url} is no `uutel-bridge serve`" in done.stderr


class _Site(HTTPServer):
    timeout = 60


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<!doctype html>")

    def log_message(self, *_: object) -> None:
        """The tests' output stays their own."""


def test_what_took_the_port_of_a_killed_server_is_passed_over(uutel: Command) -> None:
    """The note of the dead one leads there, and no key of the user's can help."""
    with pytest.MonkeyPatch.context() as patch, RefusingProxy() as other:
        runtime = uutel.home / "runtime"
        runtime.mkdir(mode=0o700)
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        with running.noted(running.Server(other.url, _KEY)):
            done = uutel("status")
        assert other.attempts
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("uutel-bridge: No server is running.")
