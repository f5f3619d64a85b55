"""`uutel-bridge serve`: LiteLLM's proxy over every provider that is logged in."""

from __future__ import annotations

import errno
import gc
import ipaddress
import os
import secrets
import socket
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import cast

import yaml
from rich.console import Console
from rich.markup import escape

from uutel_bridge.cli import proxy_config, running
from uutel_bridge.cli.failures import nobody_ready
from uutel_bridge.core import bridge, registry, scratch
from uutel_bridge.core.errors import UUError
from uutel_bridge.core.provider import AnyParts, ProviderStatus

_KEY = "LITELLM_MASTER_KEY"
_SUFFIXES = (".yaml", ".yml")
_QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # this and the next four: else it would ask the network
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOCAL_AUTOROUTER_PRESETS": "True",
    "LITELLM_LOCAL_BLOG_POSTS": "True",
    "LITELLM_LOCAL_POLICY_TEMPLATES": "True",
    "LITELLM_MODE": "PRODUCTION",  # else it would read any .env that it finds above its own folder
    "GRACEFUL_SHUTDOWN_TIMEOUT": "5",
}
"""What LiteLLM is told by its environment, where that does not say otherwise."""


def run(*, host: str, port: int, key: str, config: Path | None) -> None:
    """Serve until a signal ends it; or write the config, where it is to be kept and is not there.

    Raises:
        UUError: It cannot be served.
    """
    if config and config.suffix not in _SUFFIXES:
        raise UUError(f"LiteLLM takes {config} for no config: its name must end with {' or '.join(_SUFFIXES)}.")
    if config and not config.is_file():
        _write(config)
        return
    if config:
        _check(config)
    if not key and not _is_loopback(host):
        raise UUError(
            f"{host} can be reached from other machines, and whoever has the key uses your login: "
            f"choose the key yourself, with --key or {_KEY}."
        )
    gc.enable()  # which no shorter command needs
    with _listening(host, port) as door, ExitStack() as stack:
        stack.callback(bridge.close)
        path = config or stack.enter_context(_own_config())
        made = "" if key else f"sk-{secrets.token_urlsafe(32)}"
        _prepare(key or made, path, is_own=config is None)
        _serve(door, stack, made)


def _serve(door: socket.socket, stack: ExitStack, made: str) -> None:
    """Serve at a door; a key that was `made` is shown."""
    console = Console(highlight=False, soft_wrap=True, stderr=True)
    with console.status("Importing LiteLLM ..."):
        try:
            from uutel_bridge.cli import proxy
        except ImportError as exc:
            raise UUError(
                f"LiteLLM's proxy is not installed whole ({exc.name} is missing): pip install 'uutel-bridge[proxy]'"
            ) from exc

    def announce(key: str) -> None:
        server = running.Server(_address(door), key)
        try:
            stack.enter_context(running.noted(server))
        except OSError as exc:
            console.print(f"`uutel-bridge status` will need --url and --key: no note could be left ({exc.strerror}).")
        if key == made:
            sys.stderr.write(f"Key, shown this once (--key or {_KEY} sets your own): {key}\n")
        console.print(f"Serving OpenAI's and Anthropic's API at [bold]{server.url}[/bold]; Ctrl-C ends it.")

    proxy.serve(door, status_path=running.STATUS_PATH, status=_statuses, announce=announce)


def _prepare(key: str, config: Path, *, is_own: bool) -> None:
    """Tell LiteLLM by its environment, which it reads when it is imported and when its app starts."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    os.environ |= {_KEY: key, "CONFIG_FILE_PATH": str(config)}
    if is_own:
        os.environ.pop("DATABASE_URL", None)  # some other program's; LiteLLM would keep its own tables there


@contextmanager
def _own_config() -> Generator[Path, None, None]:
    folder = scratch.make()
    try:
        scratch.fill(folder, files=[("config.yaml", _config_text().encode())], links=[])
        yield Path(folder, "config.yaml")
    finally:
        scratch.remove(folder)


def _write(config: Path) -> None:
    text = _config_text()
    try:
        config.parent.mkdir(parents=True, exist_ok=True)
        with config.open("x", encoding="utf-8") as file, _removed_if_broken(config):
            file.write(text)
            file.flush()
    except OSError as exc:
        raise UUError(f"{config} cannot be written: {exc.strerror}.") from exc
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"Written: {escape(str(config))}. Edit it as you like; the same command serves it from now on.")


@contextmanager
def _removed_if_broken(path: Path) -> Generator[None, None, None]:
    """Half of a config would be served next time."""
    try:
        yield
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _check(config: Path) -> None:
    """What LiteLLM would tell after seconds, and in pages."""
    try:
        document: object = yaml.safe_load(config.read_bytes())
    except OSError as exc:
        raise UUError(f"{config} cannot be read: {exc.strerror}.") from exc
    except yaml.MarkedYAMLError as exc:
        line = f", line {exc.problem_mark.line + 1}" if exc.problem_mark else ""
        raise UUError(f"{config}{line}, is no YAML: {exc.problem}.") from exc
    except yaml.YAMLError as exc:
        raise UUError(f"{config} is no YAML: it is no text.") from exc
    if not isinstance(document, dict):
        raise UUError(f"{config} is no config: LiteLLM wants sections, such as model_list.")


def _config_text() -> str:
    return proxy_config.as_yaml(proxy_config.document(_ready()))


def _ready() -> list[AnyParts]:
    statuses = _statuses()
    ready = [registry.parts(status.name) for status in statuses if not status.problem]
    if not ready:
        raise nobody_ready(status.problem for status in statuses)
    return ready


def _statuses() -> list[ProviderStatus]:
    return list(bridge.status())


@contextmanager
def _listening(host: str, port: int) -> Generator[socket.socket, None, None]:
    """Before LiteLLM's import, which takes seconds: a taken port is known at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        door = socket.create_server((host, port), family=family)
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            raise UUError(f"Port {port} of {host} is taken. Choose another with --port.") from exc
        raise UUError(f"Cannot listen at {host}, port {port}: {exc.strerror}.") from exc
    with door:
        yield door


def _address(door: socket.socket) -> str:
    host, port = cast("tuple[str, int]", door.getsockname()[:2])
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost"
