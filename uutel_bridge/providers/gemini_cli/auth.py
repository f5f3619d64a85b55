"""Which login Gemini CLI takes, and where it is kept. Reads, never writes, and lets no token out of `Login`.

Measured on gemini 0.61.0: `security.auth.selectedType` in `.gemini/settings.json` chooses, else variables do. They may
also stand in `.gemini/.env` or `.env` of the home folder; what the environment itself says wins.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, Field

from uutel_bridge.core.auth import Account, LoginStatus, SignIn
from uutel_bridge.core.stores import UnreadableStoreError, content
from uutel_bridge.gemini_api.failures import LOGIN_COMMAND
from uutel_bridge.gemini_api.login_files import (
    ACCOUNTS,
    ADC_VARIABLE,
    ENCRYPT_VARIABLE,
    ENCRYPTED,
    FOLDER,
    GCLOUDS,
    GOOGLE,
    PROJECT_VARIABLES,
    TOKEN_VARIABLE,
    TOKENS,
    Accounts,
    Tokens,
    cli_home,
    judged,
    read,
    user_home,
)

KEY, VERTEX, COMPUTE = "gemini-api-key", "vertex-ai", "compute-default-credentials"
"""With `GOOGLE`, the CLI's own words for the kinds of login that it takes over ACP."""

SIGN_IN = SignIn(
    # Else it asks about the folder; or in a CI, whose log a person may be reading all the same, refuses to ask at all.
    variables=(("GEMINI_CLI_TRUST_WORKSPACE", "true"), ("CI", "false"), ("GITHUB_ACTIONS", "false")),
    stays=True,
    code_prompt="Enter the authorization code: ",
    menu="Sign in with Google",
    unseen=(("NO_BROWSER", "true"), ("TERM", "xterm-256color")),
)
"""It has no command for it: it asks when it is started as a program for a person, and then goes on as that."""

_OLD = "cloud-shell"
"""A choice that the CLI no longer heeds."""
_TOKEN = ("GOOGLE_GENAI_USE_GCA", TOKEN_VARIABLE)
_LOCATION = "GOOGLE_CLOUD_LOCATION"
_NO_KEYRING = "GEMINI_FORCE_FILE_STORAGE"
_PROJECTS = (*PROJECT_VARIABLES, "GOOGLE_CLOUD_QUOTA_PROJECT")
_METADATA = ("GCE_METADATA_HOST", "GCE_METADATA_IP")
_LOGIN_VARIABLES = (
    *_TOKEN,
    *_PROJECTS,
    *_METADATA,
    _LOCATION,
    ADC_VARIABLE,
    ENCRYPT_VARIABLE,
    _NO_KEYRING,
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "GOOGLE_GENAI_USE_VERTEXAI",
    "GEMINI_CLI_USE_COMPUTE_ADC",
    "CLOUD_SHELL",
)
_BY_VARIABLE = (
    ("GOOGLE_GENAI_USE_GCA", GOOGLE),
    ("GOOGLE_GENAI_USE_VERTEXAI", VERTEX),
    ("GEMINI_API_KEY", KEY),
    ("CLOUD_SHELL", COMPUTE),
    ("GEMINI_CLI_USE_COMPUTE_ADC", COMPUTE),
)
"""What chooses where the settings do not, the first one first. All but the key must be `true`."""
_METADATA_SERVER = "metadata server of Google Cloud (not asked)"

_ENTRY = re.compile(
    r"""^\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)"""
    r"""(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:\#.*)?$""",
    re.MULTILINE,
)
"""An entry of an `.env` file, as the package dotenv has it."""


class _Chosen(BaseModel):
    kind: str | None = Field(default=None, alias="selectedType")


class _Security(BaseModel):
    auth: _Chosen = _Chosen()


class _Settings(BaseModel):
    """`settings.json`."""

    security: _Security = _Security()


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A login, and all that a CLI in a private home needs of it."""

    kind: str
    """What `security.auth.selectedType` must say; empty where nothing chooses."""
    status: LoginStatus
    variables: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """To be in the child's environment. Not in the repr: they may hold a key."""
    links: tuple[tuple[str, str], ...] = ()
    """Names in the private `.gemini`, and the user's files that they lead to; the CLI renews a login through them."""


class GeminiCLIAuth:
    """The login of the `gemini` command."""

    def status(self, environment: Mapping[str, str], /) -> LoginStatus:
        """What the settings, the environment and the stores say, without starting the CLI and without the network."""
        return find(environment).status

    async def account(
        self, executable: str, environment: Mapping[str, str], /, *, pass_env: Iterable[str] = ()
    ) -> Account:
        """Whom the stores name: the CLI has no command that tells, and it names no plan."""
        status = find(environment).status
        return Account(status.logged_in, status.method, status.account, "")


def find(environment: Mapping[str, str]) -> Login:
    """The login that the CLI would take in this environment."""
    home = cli_home(environment)
    folder = home / FOLDER
    settings = folder / "settings.json"
    kind = ""
    try:
        kind = (read(settings, _Settings) or _Settings()).security.auth.kind or ""
        known = _known(environment, home)
        kind = (kind if kind != _OLD else "") or _by_variable(known)
        return _look(kind, known, folder, user_home(environment) / GCLOUDS)
    except UnreadableStoreError as exc:
        return _absent(kind, str(exc.path), str(exc))


def with_key(key: str) -> Login:
    """The login by an API key, whatever the settings say."""
    return _present(KEY, "GEMINI_API_KEY", variables={"GEMINI_API_KEY": key})


def _look(kind: str, known: Mapping[str, str], folder: Path, googles: Path) -> Login:
    if kind == GOOGLE:
        return _google(known, folder)
    if kind == KEY:
        return _key(known, folder)
    if kind == VERTEX:
        return _vertex(known, googles)
    if kind == COMPUTE:
        return _present(COMPUTE, _METADATA_SERVER, variables=_some(known, *_PROJECTS, *_METADATA, "CLOUD_SHELL"))
    settings = str(folder / "settings.json")
    if kind:
        return _absent(kind, settings, f"{settings} chooses {kind!r}, which the CLI does not take from a program.")
    return _absent("", settings, f"Neither {settings} nor a variable such as GEMINI_API_KEY chooses a login.")


def _google(known: Mapping[str, str], folder: Path) -> Login:
    """A Google account. The CLI prefers a token in the environment, then its own store, then Google's."""
    variables = _some(known, *_PROJECTS)
    if all(name in known for name in _TOKEN):
        return _present(GOOGLE, _TOKEN[1], variables={**variables, **_some(known, *_TOKEN)})
    accounts = folder / ACCOUNTS
    active = (read(accounts, Accounts) or Accounts()).active or ""
    links = ((accounts.name, str(accounts)),) if active else ()
    variables |= _absolute(known)
    encrypted = folder / ENCRYPTED
    if known.get(ENCRYPT_VARIABLE) == "true" and encrypted.is_file():
        return _sealed(
            GOOGLE, encrypted, variables={**variables, ENCRYPT_VARIABLE: "true"}, links=links, account=active
        )
    store = folder / TOKENS
    if tokens := read(store, Tokens):
        status = judged(tokens, store, account=active, licensed=bool(variables.keys() & {*PROJECT_VARIABLES}))
        return Login(kind=GOOGLE, status=status, variables=variables, links=((store.name, str(store)), *links))
    if ADC_VARIABLE in variables:
        return _of_google(GOOGLE, Path(variables[ADC_VARIABLE]), variables)
    if known.get(ENCRYPT_VARIABLE) == "true":
        return _absent(
            GOOGLE, str(encrypted), f"This login may be in a keyring, as {ENCRYPT_VARIABLE} is set; keep it in a file."
        )
    return _absent(GOOGLE, str(store))


def _key(known: Mapping[str, str], folder: Path) -> Login:
    if "GEMINI_API_KEY" in known:
        return with_key(known["GEMINI_API_KEY"])
    store = folder / ENCRYPTED
    if sys.platform == "darwin" and known.get(_NO_KEYRING) != "true":
        return _present(KEY, "macOS Keychain (not read)")
    if store.is_file():
        return _sealed(KEY, store)
    return _absent(
        KEY,
        "GEMINI_API_KEY",
        f"{folder / 'settings.json'} chooses an API key, but GEMINI_API_KEY is not set; set it, for a key in a keyring "
        "cannot be lent to a sealed gemini.",
    )


def _vertex(known: Mapping[str, str], googles: Path) -> Login:
    if "GOOGLE_API_KEY" in known:
        return _present(VERTEX, "GOOGLE_API_KEY", variables=_some(known, "GOOGLE_API_KEY"))
    missing = [name for name in (PROJECT_VARIABLES[0], _LOCATION) if name not in known]
    if missing:
        return _absent(VERTEX, missing[0], f"Vertex AI needs GOOGLE_API_KEY, or else {' and '.join(missing)}; set it.")
    variables = _some(known, *_PROJECTS, *_METADATA, _LOCATION) | _absolute(known)
    if ADC_VARIABLE in variables:
        return _of_google(VERTEX, Path(variables[ADC_VARIABLE]), variables)
    if googles.is_file():
        return _of_google(VERTEX, googles, variables)
    return _present(
        VERTEX,
        _METADATA_SERVER,
        variables=variables,
        problem=f"There is no {googles}; without it, only a machine of Google Cloud has a login for Vertex AI.",
    )


def _of_google(kind: str, store: Path, variables: Mapping[str, str]) -> Login:
    """Application Default Credentials. As a Google account the CLI takes a person's own from its own store only."""
    tokens = read(store, Tokens)
    if tokens is None:
        return _absent(kind, str(store), f"There is no {store}, which {ADC_VARIABLE} names.")
    if kind == GOOGLE and tokens.kind in {None, "authorized_user"}:
        return _absent(kind, str(store), f"{store} holds no service account, and there is no login of the CLI's own.")
    return _present(kind, str(store), variables=variables, account=tokens.email or "")


def _sealed(
    kind: str,
    store: Path,
    *,
    variables: Mapping[str, str] | None = None,
    links: tuple[tuple[str, str], ...] = (),
    account: str = "",
) -> Login:
    """A login in the CLI's encrypted file, which only the CLI can look into."""
    return _present(
        kind,
        str(store),
        variables={**(variables or {}), _NO_KEYRING: "true"},
        links=((store.name, str(store)), *links),
        account=account,
        problem=f"{store} is encrypted; only a request shows whether it holds the login.",
    )


def _present(
    kind: str,
    source: str,
    *,
    variables: Mapping[str, str] | None = None,
    links: tuple[tuple[str, str], ...] = (),
    account: str = "",
    problem: str = "",
) -> Login:
    status = LoginStatus(
        logged_in=True, method=kind, account=account, source=source, problem=problem, login_command=LOGIN_COMMAND
    )
    return Login(kind=kind, status=status, variables=variables or {}, links=links)


def _absent(kind: str, source: str, problem: str = "") -> Login:
    status = LoginStatus(logged_in=False, method="none", source=source, problem=problem, login_command=LOGIN_COMMAND)
    return Login(kind=kind, status=status)


def _by_variable(known: Mapping[str, str]) -> str:
    return next((kind for name, kind in _BY_VARIABLE if name in known and (kind == KEY or known[name] == "true")), "")


def _some(known: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: known[name] for name in names if name in known}


def _absolute(known: Mapping[str, str]) -> dict[str, str]:
    """The path of Google's credentials, for the CLI is started in another folder."""
    return {ADC_VARIABLE: str(Path(known[ADC_VARIABLE]).absolute())} if ADC_VARIABLE in known else {}


def _known(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """What the environment and the user's own `.env` say of a login."""
    stored: dict[str, str] = {}
    for path in (home / FOLDER / ".env", home / ".env"):
        if path.is_file():
            stored = _entries(path)
            break
    merged = {**stored, **{name: value for name, value in environment.items() if value}}
    return {name: merged[name] for name in _LOGIN_VARIABLES if merged.get(name)}


def _entries(path: Path) -> dict[str, str]:
    text = (content(path) or b"").decode("utf-8", "replace")
    return {name: _value(raw.strip()) for name, raw in _ENTRY.findall(text)}


def _value(raw: str) -> str:
    if len(raw) < 2 or raw[0] not in "'\"`" or raw[0] != raw[-1]:
        return raw
    inner = raw[1:-1]
    return inner.replace("\\n", "\n").replace("\\r", "\r") if raw[0] == '"' else inner
