"""The sign-ins: `claude auth login`, `codex login`, and `gemini` on a terminal where nobody is logged in.

What they write before a code is that of the real ones (2.1.330, 0.169.0, 0.61.0). Nobody is asked about the code: the
one that is taken is `CODE`, and the login that it brings is the made-up one. `codex` listens at any free port.
"""

from __future__ import annotations

import json
import os
import shutil
import sys

CODE = "made-up#code"
_HOME = f"{os.path.dirname(os.path.abspath(__file__))}/home"  # noqa: PTH100, PTH120 -- pathlib costs start-up time
_STATE = "made-up-state"


def claude(folder: str) -> int:
    """`claude auth login`; the exit status."""
    _say("Opening browser to sign in…\nIf the browser didn't open, visit:\nhttps://claude.ai/oauth/authorize?made-up\n")
    while True:
        _say("Paste code here if prompted > ")
        code = sys.stdin.readline()
        if not code:
            return 1
        if "#" in code:
            break
        os.write(2, b"That doesn't look like the full code. Copy all of it, including the # in the middle.\n")
    _say("Signing in…\n")
    if code.strip() != CODE:
        os.write(2, b"Couldn't log in: made-up refusal\n")
        return 1
    _give(".claude/.credentials.json", f"{folder}/.credentials.json")
    _say("Login successful.\n")
    return 0


def codex(folder: str) -> int:
    """`codex login`: waits until a browser comes back to it."""
    from http.server import BaseHTTPRequestHandler, HTTPServer  # noqa: PLC0415 -- 20 ms that a start does not need

    asked: list[str] = []

    class Callback(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the library's name
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Callback) as server:
        here = f"127.0.0.1%3A{server.server_port}"
        where = f"redirect_uri=http%3A%2F%2F{here}%2Fauth%2Fcallback&state={_STATE}"
        told = (
            f"Starting local login server on http://localhost:{server.server_port}.\n"
            "If your browser did not open, navigate to this URL to authenticate:\n\n"
            f"https://auth.openai.com/oauth/authorize?response_type=code&{where}\n\n"
            "On a remote or headless machine? Use `codex login --device-auth` instead.\n"
        )
        os.write(2, told.encode())
        while not (asked and asked[-1].startswith("/auth/callback?") and f"state={_STATE}" in asked[-1]):
            server.handle_request()
    _give(".codex/auth.json", f"{folder}/auth.json")
    os.write(2, b"Successfully logged in\n")
    return 0


def gemini(folder: str, *, chosen: bool, missing: bool) -> int:
    """`gemini` as a program for a person. `chosen`: a kind of login; `missing`: that login."""
    if not os.isatty(0):
        os.write(2, b"Manual authorization is required but the current session is non-interactive.\n")
        return 41
    if not chosen:
        _say("\x1b[2J╭───╮\r\n│   How would you like to authenticate for this project?\r\n")
        _say("│   ● 1. Sign in with Google\r\n╰───╯\r\n")
        sys.stdin.readline()
        _write(f"{folder}/settings.json", {"security": {"auth": {"selectedType": "oauth-personal"}}})
    while missing:
        _say("Please visit the following URL to authorize the application:\r\n\r\n")
        _say("https://accounts.google.com/o/oauth2/v2/auth?made-up\r\n\r\n")
        _say("\x1b[1G\x1b[0JEnter the authorization code: \x1b[31G")
        code = sys.stdin.readline()
        if not code:
            return 1
        missing = code.strip() != CODE
        if missing:
            _say("Failed to authenticate with user code. Retrying...\r\n")
    for name in ("google_accounts.json", "oauth_creds.json"):
        _give(f".gemini/{name}", f"{folder}/{name}")
    _say("\x1b[2J╭───╮\r\n│ > │\r\n╰───╯\r\n")
    while (line := sys.stdin.readline()) and line.strip() != "/quit":
        pass
    return 0


def _say(text: str) -> None:
    os.write(1, text.encode())


def _give(name: str, to: str) -> None:
    os.makedirs(os.path.dirname(to), exist_ok=True)  # noqa: PTH103, PTH120 -- pathlib costs start-up time
    shutil.copyfile(f"{_HOME}/{name}", to)


def _write(to: str, content: object) -> None:
    os.makedirs(os.path.dirname(to), exist_ok=True)  # noqa: PTH103, PTH120 -- pathlib costs start-up time
    with open(to, "w", encoding="utf-8") as file:  # noqa: PTH123 -- pathlib costs start-up time
        json.dump(content, file)
