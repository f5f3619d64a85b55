"""The start-up probe: what it makes of a CLI, and what it keeps out of its way."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from uutel_bridge import testing
from uutel_bridge.core import process
from uutel_bridge.core.errors import CLIExited, CLINotFound, VendorTimeout
from uutel_bridge.core.settings import CLISettings
from uutel_bridge.providers.claude_code import probe as module
from uutel_bridge.providers.claude_code.probe import probe

BOUND = 60
FAKE = str(testing.fakes_folder() / "claude")
SETTINGS = CLISettings(pass_env=("FAKE_CLAUDE_LACKS", "FAKE_CLAUDE_FAIL_START", "FAKE_CLI_LOG"))


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
async def test_a_cli_that_forgets_is_warm() -> None:
    """And nothing of the probe is left."""
    assert await verdict() is True
    assert process._live == set()


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("lacking", ["rewind", "system_prompt", "rewind,system_prompt"])
async def test_a_cli_that_lacks_something_is_not(lacking: str) -> None:
    """Whether it says so, or sends the model what it should not."""
    assert await verdict(FAKE_CLAUDE_LACKS=lacking) is False
    assert process._live == set()


async def test_the_names_of_folders_do_not_matter(home: Path) -> None:
    """The CLI tells the model where it runs, which may be in the words of the probe."""
    assert await verdict(XDG_CACHE_HOME=str(home / "first")) is True


async def test_nothing_of_the_user_gets_into_the_probe(home: Path) -> None:
    """Neither the login nor what lies in the environment."""
    log = home / "log"
    hostile = {
        "ANTHROPIC_API_KEY": "hostile",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
        "CLAUDE_CODE_EXTRA_BODY": '{"hostile": 1}',
        "CLAUDE_CODE_OAUTH_TOKEN": "hostile",
        "CLAUDE_CONFIG_DIR": str(home / "hostile"),
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }
    settings = SETTINGS.model_copy(update={"api_base": "http://127.0.0.1:9"})
    with anyio.fail_after(BOUND):
        assert await probe(FAKE, {**os.environ, **hostile, "FAKE_CLI_LOG": str(log)}, settings) is True
    text = log.read_text(encoding="utf-8")
    assert len(text.splitlines()) == 2
    assert not [word for word in ("hostile", "fake-access-token") if word in text]
    assert json.loads(text.splitlines()[1])["body"]["messages"][0]["content"]
    assert not (home / "hostile").exists()


@pytest.mark.usefixtures("home")
async def test_a_cli_that_does_not_start_gets_no_verdict() -> None:
    """The reason is the CLI's own."""
    with pytest.raises(CLIExited) as caught:
        await verdict(FAKE_CLAUDE_FAIL_START="1")
    assert caught.value.evidence == "fake claude: failed to start on request"


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
