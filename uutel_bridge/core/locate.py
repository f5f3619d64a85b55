"""Where a CLI is, which version it is, and what of this machine it gets to see."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from platformdirs import user_cache_path

from uutel_bridge.core.errors import CLINotFound, CLIVersion, PermissionDenied
from uutel_bridge.core.process import LaunchPlan, run

COMMON = (
    "HOME",
    "PATH",
    "LANG",
    "LC_*",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    *(name for upper in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY") for name in (upper, upper.lower())),
)
"""Variables that every CLI may see: to find its files, its language and the network."""

_USUAL_FOLDERS = (
    "~/.local/bin",
    "/usr/local/bin",
    "~/.npm-global/bin",
    "~/.claude/local",
    "/opt/homebrew/bin",
    "~/.volta/bin",
    "~/.bun/bin",
)
"""Where installers put things that only a login shell has on its PATH."""
_VERSION = re.compile(r"\b\d+(?:\.\d+)+(?:-[0-9A-Za-z.]+)?")
_VERSION_SECONDS = 10.0

_versions: dict[tuple[str, int, int], str] = {}
"""By resolved path, mtime and size, so that an update is noticed."""


def find(
    executable_setting: str | None,
    name: str,
    *,
    environment: Mapping[str, str],
    install_command: str,
    provider: str,
) -> str:
    """The absolute path of a CLI: as set, else on the environment's PATH, else where installers put it.

    Raises:
        CLINotFound: It is in none of these places.
    """
    home = environment.get("HOME") or str(Path.home())
    path = environment.get("PATH", "")
    if executable_setting:
        found = shutil.which(_expand(executable_setting, home), path=path)
        missing = f"{executable_setting!r}, set as executable of {provider}, cannot be run; correct it or install it"
    else:
        usual = os.pathsep.join(_expand(folder, home) for folder in _USUAL_FOLDERS)
        found = shutil.which(name, path=path) or shutil.which(name, path=usual)
        missing = f"The command {name!r} of {provider} is neither on PATH nor in its usual places; install it"
    if found is None:
        raise CLINotFound(f"{missing}: {install_command}", provider=provider)
    return str(Path(found).absolute())


def _expand(path: str, home: str) -> str:
    return home + path[1:] if path.startswith("~/") else path


async def version(executable: str, environment: Mapping[str, str], *, pass_env: Iterable[str] = ()) -> str:
    """The version number that the CLI gives itself. Asked once per file, then remembered.

    Raises:
        CLINotFound: The file is gone.
        CLIVersion: What it printed holds no version number.
        VendorTimeout: It printed nothing in time.
    """
    key = _identity(executable)
    if key not in _versions:
        _versions[key] = await _ask_version(executable, child_environment(environment, allow=COMMON, pass_env=pass_env))
    return _versions[key]


def _identity(executable: str) -> tuple[str, int, int]:
    try:
        real = Path(executable).resolve(strict=True)
        facts = real.stat()
    except OSError as exc:
        raise CLINotFound(f"{executable} cannot be run: {exc.strerror}.") from exc
    return str(real), facts.st_mtime_ns, facts.st_size


async def _ask_version(executable: str, environment: tuple[tuple[str, str], ...]) -> str:
    done = await run(LaunchPlan((executable, "--version"), environment, cwd=empty_cwd()), timeout=_VERSION_SECONDS)
    number = _VERSION.search(done.stdout)
    if done.returncode != 0 or number is None:
        evidence = f"{done.stdout}{done.stderr}".strip()
        raise CLIVersion(f"{executable} --version names no version; reinstall it or set another.", evidence=evidence)
    return number[0]


def child_environment(
    environment: Mapping[str, str],
    *,
    allow: Iterable[str],
    pass_env: Iterable[str] = (),
    extra: Mapping[str, str] | None = None,
) -> tuple[tuple[str, str], ...]:
    """The whole environment of a child, sorted: the allowed part of ours, and what the bridge itself adds.

    A name that ends in `*` stands for all that begin so. An empty variable counts as unset: an empty
    CLAUDE_CONFIG_DIR, for one, makes claude look for its login in the working directory.
    """
    names = {*allow, *pass_env}
    prefixes = tuple(name[:-1] for name in names if name.endswith("*"))
    allowed = {n: v for n, v in environment.items() if v and (n in names or n.startswith(prefixes))}
    return tuple(sorted({**allowed, **(extra or {})}.items()))


def cache_dir() -> Path:
    """The bridge's own cache folder, made on demand.

    Raises:
        PermissionDenied: It cannot be made.
    """
    path = user_cache_path("uutel-bridge")
    _make(path, 0o700)
    return path


def empty_cwd() -> str:
    """An empty, read-only folder to run every child in.

    CLIs tell the model their working directory, so it says nothing of the user's work, and it is the same for
    every child, so that the vendor's prompt cache sees the same words each time.

    Raises:
        PermissionDenied: It cannot be made, or what is there is no empty folder of this user's own.
    """
    path = cache_dir() / "cwd"
    _make(path, 0o500)
    facts = path.lstat()
    ours = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid()
    if ours and stat.S_IMODE(facts.st_mode) != 0o500:
        path.chmod(0o500)
    if not ours or any(path.iterdir()):
        raise PermissionDenied(f"{path} must be an empty folder of your own, for CLIs to run in; remove what is there.")
    return str(path)


def _make(path: Path, mode: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode, exist_ok=True)
    except FileExistsError as exc:
        raise PermissionDenied(f"{exc.filename} must be a folder; remove what is there.") from exc
    except OSError as exc:
        hint = "Set XDG_CACHE_HOME to a folder that can be written."
        raise PermissionDenied(f"The folder {path} cannot be made: {exc.strerror}. {hint}") from exc
