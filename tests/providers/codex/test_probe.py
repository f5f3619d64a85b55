"""The start-up probe: what it makes of a CLI, and what it keeps out of its way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from tests.providers.codex.sessions import BOUND, SETTINGS, asked, said
from uutel_bridge import testing
from uutel_bridge.core import process
from uutel_bridge.core.errors import CLIExited, CLINotFound, VendorTimeout
from uutel_bridge.providers.codex import probe as module
from uutel_bridge.providers.codex.probe import probe

FAKE = str(testing.fakes_folder() / "codex")


@pytest.fixture
def home() -> Iterator[Path]:
    """A home with a login in it."""
    with testing.fake_clis() as home:
        yield home


async def verdict(**variables: str) -> bool:
    """What the probe finds out about the fake."""
    with anyio.fail_after(BOUND):
        return await probe(FAKE, {**os.environ, **variables}, SETTINGS)


@pytest.mark.usefixtures("home")
async def test_a_cli_that_tells_everything_passes() -> None:
    """And nothing of the probe is left."""
    assert await verdict() is True
    assert process._live == set()


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("lacking", ["raw_events", "dynamic_tools", "raw_events,dynamic_tools"])
async def test_a_cli_that_lacks_something_does_not(lacking: str) -> None:
    """Whether it tells less, or sends the model less."""
    assert await verdict(FAKE_CODEX_LACKS=lacking) is False
    assert process._live == set()


async def test_nothing_of_the_user_gets_into_the_probe(home: Path) -> None:
    """Neither the login nor what lies in the environment; the model is asked once."""
    log = home / "log"
    hostile = {
        "CODEX_API_KEY": "hostile",
        "CODEX_HOME": str(home / "hostile"),
        "HTTP_PROXY": "http://127.0.0.1:9",
        "OPENAI_API_KEY": "hostile",
        "OPENAI_BASE_URL": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }
    settings = SETTINGS.model_copy(update={"api_base": "http://127.0.0.1:9"})
    with anyio.fail_after(BOUND):
        assert await probe(FAKE, {**os.environ, **hostile, "FAKE_CLI_LOG": str(log)}, settings) is True
    (body,) = asked(log)
    assert [role for role, _ in said(body)] == ["developer", "user", "assistant", "user"]
    login = (home / ".codex" / "auth.json").read_text(encoding="utf-8")
    text = log.read_text(encoding="utf-8")
    assert "hostile" not in text
    assert not [word for word in login.split('"') if len(word) > 40 and word in text]
    assert not (home / "hostile").exists()


@pytest.mark.usefixtures("home")
async def test_a_cli_that_does_not_start_gets_no_verdict() -> None:
    """The reason is the CLI's own."""
    with pytest.raises(CLIExited) as caught:
        await verdict(FAKE_CODEX_FAIL_START="1")
    assert caught.value.evidence == "fake codex: failed to start on request"


@pytest.mark.usefixtures("home")
async def test_a_cli_that_is_not_there_gets_no_verdict() -> None:
    """The error names it."""
    with pytest.raises(CLINotFound, match="/gone"):
        await probe("/gone", os.environ, SETTINGS)


async def test_a_cli_that_hangs_gets_no_verdict(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a minute; it does not go on."""
    monkeypatch.setattr(module, "_SECONDS", 0.3)
    hanging = home / "hanging"
    hanging.write_text("#!/bin/sh\nexec cat >/dev/null\n", encoding="utf-8")
    hanging.chmod(0o700)
    with anyio.fail_after(BOUND):
        with pytest.raises(VendorTimeout):
            await probe(str(hanging), os.environ, SETTINGS)
        while process._live:
            await anyio.sleep(0.01)
