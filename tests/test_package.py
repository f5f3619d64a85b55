"""What is installed, and what importing it costs."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import uutel_bridge

_ROOT = Path(__file__).parents[1]
_SLOW = ("litellm", "pydantic", "asyncio", "typer", "rich", "httpx", "orjson")


def _python(code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout


def test_every_public_name_can_be_had() -> None:
    """From the package itself, although they are imported late."""
    for name in uutel_bridge.__all__:
        assert getattr(uutel_bridge, name) is not None
    assert not hasattr(uutel_bridge, "nothing_of_this_name")


def test_importing_the_package_imports_nothing_slow() -> None:
    """So it costs milliseconds."""
    code = f"import sys, uutel_bridge; print([name for name in {_SLOW!r} if name in sys.modules])"
    assert _python(code) == "[]\n"


def test_the_parts_of_a_provider_do_not_import_litellm() -> None:
    """The command line works on them."""
    code = (
        "import sys\n"
        "from uutel_bridge.core import bridge, registry\n"
        "from uutel_bridge.providers.claude_code import ClaudeCodeAuth\n"
        "from uutel_bridge.providers.codex import CodexAuth\n"
        "for name in registry.provider_names(): registry.parts(name)\n"
        "print('litellm' in sys.modules)"
    )
    assert _python(code) == "False\n"


@pytest.mark.parametrize(
    ("package", "name", "provider", "model"),
    [
        ("claude_code", "ClaudeCodeUU", "claude-code", "sonnet"),
        ("codex", "CodexUU", "codex", "default"),
        ("gemini_cli", "GeminiCLIUU", "gemini-cli", "flash"),
    ],
)
def test_a_provider_class_can_be_imported_by_its_name(package: str, name: str, provider: str, model: str) -> None:
    """For those who fill `litellm.custom_provider_map` by hand."""
    handler = getattr(importlib.import_module(f"uutel_bridge.providers.{package}"), name)()
    assert handler.provider_name == provider
    assert model in handler.supported_models


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from the source tree without the network."""
    pytest.importorskip("hatchling", reason="the build backend is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(_ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=150)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_carries_the_fakes(wheel: zipfile.ZipFile) -> None:
    """The executables with their execute bits, and the made-up logins."""
    for name in ("claude", "codex", "gemini"):
        assert wheel.getinfo(f"uutel_bridge/_fake_clis/{name}").external_attr >> 16 & 0o111 == 0o111
    for login in (".claude/.credentials.json", ".codex/auth.json", ".gemini/oauth_creds.json"):
        assert "fake-refresh-token" in wheel.read(f"uutel_bridge/_fake_clis/home/{login}").decode()


def test_the_wheel_carries_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    """Typed, with its command, without tests and compiled files."""
    names = wheel.namelist()
    assert {name.split("/")[0] for name in names} == {
        "uutel_bridge",
        f"uutel_bridge-{uutel_bridge.__version__}.dist-info",
    }
    assert "uutel_bridge/py.typed" in names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
    (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
    assert "uutel-bridge = uutel_bridge.cli.main:main" in wheel.read(entry_points).decode()
