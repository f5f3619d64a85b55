"""Google's sign-in service as far as a stored login needs it: behind a proxy, as its address cannot be changed."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typing_extensions import Self

HOSTS = ("oauth2.googleapis.com", "www.googleapis.com")
RENEWED = "renewed-access-token"
_ANSWERS = {
    "/token": {"access_token": RENEWED, "expires_in": 3599, "token_type": "Bearer", "scope": "made-up"},
    "/tokeninfo": {"expires_in": 3599, "scope": "made-up", "email": "nobody@example.invalid"},
    "/oauth2/v2/userinfo": {"id": "1", "email": "nobody@example.invalid"},
}


class GoogleSignIn:
    """Answers for Google's hosts, and refuses every other; `asked` has method and path of each request."""

    def __init__(self, folder: Path) -> None:
        """`folder`: where the made-up certificates go."""
        self.asked: list[tuple[str, str]] = []
        self._authority = folder / "authority.pem"
        context, asked = _certified(folder, self._authority), self.asked

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10
            connection: socket.socket

            def do_CONNECT(self) -> None:
                if self.path.partition(":")[0] not in HOSTS:
                    self.send_error(403)
                    return
                self.send_response(200)
                self.end_headers()
                self.close_connection = False  # some ask for the tunnel by HTTP/1.0
                self.connection = context.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)

            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def _answer(self) -> None:
                path = urlsplit(self.path).path  # some of the CLI's requests name the host to the proxy
                asked.append((self.command, path))
                self.rfile.read(int(self.headers.get("content-length") or 0))
                body = json.dumps(_ANSWERS.get(path, {})).encode()
                self.send_response(200 if path in _ANSWERS else 404)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def finish(self) -> None:
                super().finish()
                self.connection.close()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="google sign-in")

    @property
    def environment(self) -> dict[str, str]:
        """Variables that lead a CLI here."""
        url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return {"HTTPS_PROXY": url, "https_proxy": url, "NODE_EXTRA_CA_CERTS": str(self._authority)}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


_SIGNS = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=False,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


def _certified(folder: Path, authority: Path) -> ssl.SSLContext:
    """A server's side with a certificate for Google's hosts, and the made-up authority's own certificate in a file."""
    issuer, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "made-up authority")])
    now = datetime.now(timezone.utc)
    plain = x509.CertificateBuilder().issuer_name(name).not_valid_before(now - timedelta(days=1))
    plain = plain.not_valid_after(now + timedelta(days=1)).serial_number(x509.random_serial_number())
    # Python 3.13 wants to know who signed whom.
    plain = plain.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)
    own = plain.subject_name(name).public_key(issuer.public_key())
    own = own.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    own = own.add_extension(_SIGNS, critical=True)
    own = own.add_extension(x509.SubjectKeyIdentifier.from_public_key(issuer.public_key()), critical=False)
    theirs = plain.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOSTS[0])])).public_key(
        key.public_key()
    )
    theirs = theirs.add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), critical=False)
    pem = serialization.Encoding.PEM
    authority.write_bytes(own.sign(issuer, hashes.SHA256()).public_bytes(pem))
    chain = folder / "server.pem"
    chain.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + theirs.sign(issuer, hashes.SHA256()).public_bytes(pem)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context
