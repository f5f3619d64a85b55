"""The access token of a request, whatever it comes from. What is here holds tokens, and shows none."""

from __future__ import annotations

import math
import re
import threading
import time
import warnings
from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

import anyio
import anyio.to_thread
import orjson
from pydantic import SecretStr

from uutel_bridge.core.auth import require
from uutel_bridge.core.errors import LoginExpired, LoginMissing, UUError, VendorUnavailable
from uutel_bridge.core.settings import ProviderSettings
from uutel_bridge.core.stores import UnreadableStoreError
from uutel_bridge.gemini_api.failures import LOGIN_COMMAND
from uutel_bridge.gemini_api.login_files import Tokens, read
from uutel_bridge.providers.cloud_code.auth import Found
from uutel_bridge.providers.cloud_code.renewal import renew

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_ANSWER_SECONDS = 30
"""For Google's sign-in service to answer; it takes tenths of one."""
_MARGIN = 120.0
"""Seconds that a stored token must still be good for. The CLI renews one with less than 300 left."""
_EMPTY_SECONDS = 1.0
"""For a file that is empty or broken to become whole: the CLI empties it first, and fills it in a few milliseconds."""
_WRITTEN_SECONDS = 5.0
"""For the CLI to have written what it has renewed; it does not wait for that itself."""
_PAUSE = 0.01
"""Seconds between two looks at the file."""
_EVIDENCE = 2000
"""Characters; it may be a whole page."""
_LONG_WORD = re.compile(r"[\w.~+/%=-]{60,}")
"""What may be a token, or was signed in place of one: nobody reads such a word in an error."""


class Credential(Protocol):
    """Where tokens come from, on one event loop. To be kept as long as the login is the same: it remembers them."""

    @property
    def identity(self) -> str:
        """The same for the same login, also in another process; says nothing of it."""
        ...

    async def token(self) -> str:
        """An access token that should be good for a request.

        Raises:
            LoginMissing: The login is gone.
            LoginExpired: It cannot be renewed.
            VendorUnavailable: Google's sign-in service failed, or could not be reached.
        """
        ...

    async def renewed(self, refused: str) -> str:
        """Another token than the one which the service refused.

        Raises:
            UUError: As for `token`.
        """
        ...


def credential(found: Found, environment: Mapping[str, str], settings: ProviderSettings) -> Credential:
    """What gives tokens for a login.

    Raises:
        LoginExpired: There was a login.
        LoginMissing: There is none.
    """
    require(found.status, "cloud-code")
    if found.kind == "token":
        return _Given(found)
    if found.kind == "file":
        return _OfGoogle(found)
    return _Stored(found, environment, settings)


class _Given:
    """A token that somebody else takes care of."""

    def __init__(self, found: Found) -> None:
        assert found.secret is not None
        self.identity = found.identity
        self._token = found.secret
        self._status = found.status

    async def token(self) -> str:
        """The token as it was given."""
        return self._token.get_secret_value()

    async def renewed(self, refused: str) -> str:
        """There is no other."""
        del refused
        command = self._status.login_command
        message = (
            f"Google does not accept the access token in {self._status.source}; give a new one, as from: {command}"
        )
        raise LoginExpired(message, login_command=command)


class _Shared:
    """Work that many want done at once: one does it, and those who waited meanwhile share its failure."""

    def __init__(self) -> None:
        self._lock = anyio.Lock()
        self._failures = 0
        self._failure = UUError("")

    async def do(self, work: Callable[[], Awaitable[str]]) -> str:
        """What the work brings. It looks first whether it has been done.

        Raises:
            UUError: It failed.
        """
        before = self._failures
        async with self._lock:
            if self._failures != before:
                raise copy(self._failure)
            try:
                return await work()
            except UUError as exc:
                self._failures, self._failure = self._failures + 1, copy(exc)
                raise


class _OfGoogle:
    """A file of Google's for programs, left to Google's own library."""

    def __init__(self, found: Found) -> None:
        assert found.secret is not None
        self.identity = found.identity
        self._secret = found.secret
        self._status = found.status
        self._shared = _Shared()
        self._busy = threading.Lock()
        """For threads: one whose caller has left may still be at it."""
        self._credentials: Any = None

    async def token(self) -> str:
        """A token with more than 225 seconds left, as the library has it."""
        return await self._other_than("")

    async def renewed(self, refused: str) -> str:
        """One that the library gets anew."""
        return await self._other_than(refused)

    async def _other_than(self, refused: str) -> str:
        return self._good(refused) or await self._shared.do(partial(self._ask, refused))

    def _good(self, refused: str) -> str:
        known = self._credentials
        return known.token if known is not None and known.valid and known.token != refused else ""

    async def _ask(self, refused: str) -> str:
        return self._good(refused) or await anyio.to_thread.run_sync(self._refresh, refused, abandon_on_cancel=True)

    def _refresh(self, refused: str) -> str:
        """In a thread: the library blocks."""
        from google.auth.exceptions import GoogleAuthError, TransportError  # noqa: PLC0415 - 150 ms

        with self._busy:
            try:
                if self._credentials is None:
                    self._credentials = _loaded(self._secret)
                if not self._good(refused):
                    self._credentials.refresh(_transport())
            except (TransportError, OSError) as exc:
                raise VendorUnavailable("Google's sign-in service cannot be reached.", evidence=_words(exc)) from None
            except GoogleAuthError as exc:
                raise self._failed(_words(exc), passing=cast("Any", exc).retryable) from None
            except (TypeError, ValueError, KeyError):  # the library takes an answer for granted that is none
                raise VendorUnavailable("Google's sign-in service gave no token, but something else.") from None
            token = self._credentials.token  # however soon it ends
        if not token or token == refused:
            raise self._failed("", passing=False)
        return token

    def _failed(self, words: str, *, passing: bool) -> UUError:
        if passing:
            return VendorUnavailable("Google's sign-in service failed.", evidence=words)
        command = self._status.login_command
        message = f"Google gives no token for the credentials in {self._status.source}; replace them, or run: {command}"
        return LoginExpired(message, login_command=command, evidence=words)


def _loaded(secret: SecretStr) -> Any:
    from google import auth  # noqa: PLC0415 - 150 ms

    load: Any = auth.load_credentials_from_dict  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of files from strangers, and of gcloud's own; this is the user's choice
        return load(orjson.loads(secret.get_secret_value()), scopes=_SCOPES)[0]


def _transport() -> Any:
    """Proxies and certificates as the environment has them."""
    import requests  # noqa: PLC0415 - only with google-auth
    from google.auth.transport.requests import Request  # noqa: PLC0415 - 50 ms

    session = requests.Session()
    session.auth = _as_it_is  # else an entry in ~/.netrc would be sent along
    return partial(Request(session), timeout=_ANSWER_SECONDS)


def _as_it_is(request: Any) -> Any:
    return request


def _words(exc: Exception) -> str:
    """What an error says, without what may be secret."""
    said = str(exc.args[0]) if exc.args else ""
    return _LONG_WORD.sub("...", said[:_EVIDENCE])


class _Stored:
    """The login that the Gemini CLI has stored, and renews."""

    def __init__(self, found: Found, environment: Mapping[str, str], settings: ProviderSettings) -> None:
        assert found.path is not None
        self.identity = found.identity
        self._path: Path = found.path
        self._environment = environment
        self._settings = settings
        self._shared = _Shared()

    async def token(self) -> str:
        """What is in the file now, or as soon as the CLI has renewed it."""
        return await self._other_than("")

    async def renewed(self, refused: str) -> str:
        """What the CLI has meanwhile written, or writes if asked."""
        return await self._other_than(refused)

    async def _other_than(self, refused: str) -> str:
        return await self._good(refused) or await self._shared.do(partial(self._ask, refused))

    async def _good(self, refused: str) -> str:
        tokens = await self._read()
        token = tokens.access_token.get_secret_value() if tokens.access_token else ""
        left = math.inf if tokens.expires_at is None else tokens.expires_at / 1000 - time.time()
        return token if token != refused and left > (_MARGIN if tokens.refresh_token else 0) else ""

    async def _read(self) -> Tokens:
        until = time.monotonic() + _EMPTY_SECONDS
        while True:
            try:
                tokens = read(self._path, Tokens)
            except UnreadableStoreError as exc:
                if time.monotonic() > until:
                    raise self._missing(str(exc)) from exc
            else:
                if tokens is None:
                    raise self._missing(f"There is no {self._path} any more.")
                return tokens
            await anyio.sleep(_PAUSE)

    def _missing(self, problem: str) -> LoginMissing:
        return LoginMissing(f"{problem} Log in again: {LOGIN_COMMAND}", login_command=LOGIN_COMMAND)

    async def _ask(self, refused: str) -> str:
        if token := await self._good(refused):
            return token
        await renew(self._path.parent, self._environment, self._settings)
        with anyio.move_on_after(_WRITTEN_SECONDS):
            while not (token := await self._good(refused)):  # noqa: ASYNC110  # another process writes it
                await anyio.sleep(_PAUSE)
            return token
        raise LoginExpired(
            f"Google does not accept the login in {self._path}, or gives no new token for it. Log in again: "
            f"{LOGIN_COMMAND}",
            login_command=LOGIN_COMMAND,
        )
