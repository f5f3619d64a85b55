"""A proxy that lets nothing through: whatever tries to leave the machine ends up in `attempts`."""

from __future__ import annotations

import socketserver
import threading

from typing_extensions import Self

_REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class RefusingProxy:
    """Answers 403 to everything and records every target."""

    def __init__(self) -> None:
        self.attempts: list[str] = []
        """`host:port` of a CONNECT, the URL of a plain request, in order of arrival."""
        attempts = self.attempts

        class Refuse(socketserver.StreamRequestHandler):
            timeout = 10

            def handle(self) -> None:
                words = self.rfile.readline(65536).decode("latin-1").split()
                if words:
                    attempts.append(words[1] if len(words) > 1 else words[0])
                    while self.rfile.readline(65536).strip():
                        continue  # an unread request would turn the answer into a reset
                    self.wfile.write(_REFUSAL)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refuse)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="refusing proxy")

    @property
    def url(self) -> str:
        """What belongs into `HTTPS_PROXY`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that send everything but loopback here, in both spellings."""
        upper = {
            "HTTP_PROXY": self.url,
            "HTTPS_PROXY": self.url,
            "ALL_PROXY": self.url,
            "NO_PROXY": "127.0.0.1,localhost",
        }
        return upper | {name.lower(): value for name, value in upper.items()}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
