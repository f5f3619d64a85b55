"""The start-up probes of the CLIs: what they make of a CLI, and what they keep out of its way."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import pytest
from pydantic import SecretStr

from tests.providers.claude_code import sessions as of_claude
from tests.providers.codex import sessions as of_codex
from tests.providers.gemini_cli import sessions as of_gemini
from uutel_bridge import testing
from uutel_bridge.core import process
from uutel_bridge.core.errors import CLIExited, CLINotFound, VendorTimeout
from uutel_bridge.core.settings import CLISettings
from uutel_bridge.providers.claude_code import probe as claude
from uutel_bridge.providers.codex import probe as codex
from uutel_bridge.providers.gemini_cli import probe as gemini

BOUND = 60
NOWHERE = "http://127.0.0.1:9"
KEY = "made-up-key"


@dataclass(frozen=True, kw_only=True)
class CLI:
    """One that is probed."""

    name: str
    module: ModuleType
    lacking: tuple[str, ...]
    """What a version may lack that is not used again then, as the fake calls it."""
    login: str
    """The file of the login in the home folder; what lies beside it is the CLI's own."""
    hostile: Mapping[str, str]
    """Variables that would change what the CLI does; `HOME` in them is the home folder."""
    files: Mapping[str, str]
    """Files in the home folder that would."""
    asked: Callable[[Path], list[Any]]
    """The bodies of the model's requests."""
    seen: Callable[[Any], list[str]]
    """What one of them tells of who speaks."""
    speakers: tuple[list[str], ...]
    """That, of each request that a probe makes."""

    @property
    def fake(self) -> str:
        """The executable."""
        return str(testing.fakes_folder() / self.name)

    @property
    def settings(self) -> CLISettings:
        """A user's, with a key that the probe has no use for; the fake may be told how to misbehave."""
        told = (f"FAKE_{self.name.upper()}_{what}" for what in ("LACKS", "FAIL_START"))
        return CLISettings(api_base=NOWHERE, api_key=SecretStr(KEY), pass_env=("FAKE_CLI_LOG", *told))

    async def verdict(self, executable: str = "", **variables: str) -> bool:
        """What the probe finds out."""
        with anyio.fail_after(BOUND):
            return await self.module.probe(executable or self.fake, {**os.environ, **variables}, self.settings)

    async def misbehaving(self, how: str, what: str) -> bool:
        """What it finds out about the fake when that is told to."""
        return await self.verdict(**{f"FAKE_{self.name.upper()}_{how}": what})


CLIS = (
    CLI(
        name="claude",
        module=claude,
        lacking=("rewind", "system_prompt", "rewind,system_prompt"),
        login=".claude/.credentials.json",
        hostile={
            "ANTHROPIC_API_KEY": "hostile",
            "ANTHROPIC_BASE_URL": NOWHERE,
            "CLAUDE_CODE_EXTRA_BODY": '{"hostile": 1}',
            "CLAUDE_CODE_OAUTH_TOKEN": "hostile",
            "CLAUDE_CONFIG_DIR": "HOME/hostile",
        },
        files={},
        asked=of_claude.asked,
        seen=lambda body: [role for role, _ in of_claude.turns(body)],
        speakers=(["user"], ["user", "assistant", "user"]),
    ),
    CLI(
        name="codex",
        module=codex,
        lacking=("raw_events", "dynamic_tools", "raw_events,dynamic_tools"),
        login=".codex/auth.json",
        hostile={
            "CODEX_API_KEY": "hostile",
            "CODEX_HOME": "HOME/hostile",
            "OPENAI_API_KEY": "hostile",
            "OPENAI_BASE_URL": NOWHERE,
        },
        files={},
        asked=of_codex.asked,
        seen=lambda body: [role for role, _ in of_codex.said(body)],
        speakers=(["developer", "user", "assistant", "user"],),
    ),
    CLI(
        name="gemini",
        module=gemini,
        lacking=("exact_history",),
        login=".gemini/oauth_creds.json",
        hostile={
            "CODE_ASSIST_ENDPOINT": NOWHERE,
            "GEMINI_API_KEY": "hostile",
            "GEMINI_CLI_HOME": "HOME/hostile",
            "GEMINI_MODEL": "hostile",
            "GEMINI_SYSTEM_MD": "HOME/hostile.md",
            "GOOGLE_API_KEY": "hostile",
            "GOOGLE_GEMINI_BASE_URL": NOWHERE,
        },
        files={".env": f"GOOGLE_GEMINI_BASE_URL={NOWHERE}\n", ".gemini/GEMINI.md": "hostile"},
        asked=of_gemini.asked,
        seen=lambda body: [body["model"], of_gemini.told(body), *(role for role, _ in of_gemini.said(body))],
        speakers=([of_gemini.MODEL, "a prompt", "user", "model", "user", "model", "user"],),
    ),
)


@pytest.fixture(params=CLIS, ids=lambda cli: cli.name)
def cli(request: pytest.FixtureRequest) -> CLI:
    """One of them."""
    return request.param


@pytest.fixture(autouse=True)
def home() -> Iterator[Path]:
    """A home with a login in it."""
    with testing.fake_clis() as home:
        yield home


def everything(folder: Path) -> dict[Path, bytes]:
    """The files in it."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_a_cli_that_does_all_that_is_needed_passes(cli: CLI) -> None:
    """And nothing of the probe is left."""
    assert await cli.verdict() is True
    assert process._live == set()


@pytest.mark.parametrize(
    ("cli", "lacking"),
    [pytest.param(each, lacking, id=f"{each.name}-{lacking}") for each in CLIS for lacking in each.lacking],
    indirect=["cli"],
)
async def test_a_cli_that_lacks_something_does_not(cli: CLI, lacking: str) -> None:
    """Whether it says so, tells less, or sends the model what it should not."""
    assert await cli.misbehaving("LACKS", lacking) is False
    assert process._live == set()


async def test_the_names_of_folders_do_not_matter(cli: CLI, home: Path) -> None:
    """A CLI may tell the model where it runs, which may be in the words of the probe."""
    assert await cli.verdict(XDG_CACHE_HOME=str(home / "first")) is True


async def test_nothing_of_the_user_gets_into_the_probe(cli: CLI, home: Path) -> None:
    """Neither the login nor what lies about, which stays as it is; the model is asked no more than it must be."""
    log = home / "log"
    tokens = re.findall(r'[tT]oken": "(.+?)"', (home / cli.login).read_text(encoding="utf-8"))
    for name, content in cli.files.items():
        (home / name).write_text(content, encoding="utf-8")
    before = everything((home / cli.login).parent)
    hostile = {name: value.replace("HOME", str(home)) for name, value in cli.hostile.items()}
    proxies = {"HTTP_PROXY": NOWHERE, "http_proxy": NOWHERE}
    assert await cli.verdict(**hostile, **proxies, FAKE_CLI_LOG=str(log)) is True
    assert tuple(cli.seen(body) for body in cli.asked(log)) == cli.speakers
    text = log.read_text(encoding="utf-8")
    assert len(tokens) >= 2
    assert not [word for word in ("hostile", KEY, *tokens) if word in text]
    assert everything((home / cli.login).parent) == before
    assert not (home / "hostile").exists()


async def test_a_cli_that_does_not_start_gets_no_verdict(cli: CLI) -> None:
    """The reason is the CLI's own."""
    with pytest.raises(CLIExited) as caught:
        await cli.misbehaving("FAIL_START", "1")
    assert caught.value.evidence == f"fake {cli.name}: failed to start on request"


async def test_a_cli_that_is_not_there_gets_no_verdict(cli: CLI) -> None:
    """The error names it."""
    with pytest.raises(CLINotFound, match="/gone"):
        await cli.verdict("/gone")


async def test_a_cli_that_hangs_gets_no_verdict(cli: CLI, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a minute or two; it does not go on."""
    monkeypatch.setattr(cli.module, "_SECONDS", 0.3)
    hanging = home / "hanging"
    hanging.write_text("#!/bin/sh\nexec cat >/dev/null\n", encoding="utf-8")
    hanging.chmod(0o700)
    with pytest.raises(VendorTimeout):
        await cli.verdict(str(hanging))
    with anyio.fail_after(BOUND):
        while process._live:
            await anyio.sleep(0.01)
