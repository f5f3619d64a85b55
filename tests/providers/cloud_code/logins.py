"""Logins that are made up, in a home folder of the test's own, and a server that gives tokens for them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from typing_extensions import Self

ACCOUNT = "me@example.invalid"
ACCESS, REFRESH, KEY = "ya29-hidden-access", "1//hidden-refresh", "hidden-key"
ADC = ".config/gcloud/application_default_credentials.json"
_FORM = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
_SIGNING_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(*_FORM).decode()


def write(path: Path, content: object) -> Path:
    """Write a file: a text as it is, anything else as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def stored(*, expires_in: float = 3600, **changes: object) -> dict[str, object]:
    """What the Gemini CLI stores of a login; seconds from now."""
    expires_at = int((time.time() + expires_in) * 1000)
    return {"access_token": ACCESS, "refresh_token": REFRESH, "expiry_date": expires_at, **changes}


def log_in(home: Path, **changes: Any) -> Path:
    """Let the Gemini CLI have stored a login."""
    write(home / ".gemini" / "google_accounts.json", {"active": ACCOUNT, "old": []})
    store = write(home / ".gemini" / "oauth_creds.json", stored(**changes))
    store.chmod(0o600)
    return store


def service_account(token_uri: str) -> dict[str, str]:
    """The content of a key file."""
    return {
        "type": "service_account",
        "project_id": "made-up-project",
        "private_key_id": "1",
        "private_key": _SIGNING_KEY,
        "client_email": "robot@example.invalid",
        "client_id": "1",
        "token_uri": token_uri,
    }


class TokenServer:
    """A token endpoint on loopback."""

    def __init__(self, answer: Callable[[dict[str, str]], tuple[int, object]]) -> None:
        """`answer`: status and body for a form; a body that is no text is sent as JSON."""
        self.asked: list[dict[str, str]] = []
        """Form and headers of each request."""
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = dict(parse_qsl(self.rfile.read(int(self.headers["content-length"])).decode()))
                asked.append({**form, **{name.lower(): value for name, value in self.headers.items()}})
                status, body = answer(form)
                data = (body if isinstance(body, str) else json.dumps(body)).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="token server")
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/token"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
