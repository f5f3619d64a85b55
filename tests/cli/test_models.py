"""`uutel-bridge models`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import anyio
import pexpect
import pytest

from tests.cli.conftest import LITELLM, Command, terminal
from tests.conformance.claude_world import ClaudeWorld
from tests.conformance.codex_world import CodexWorld
from tests.conformance.world import World
from uutel_bridge.core import cli_provider, registry
from uutel_bridge.core.errors import ProtocolError, VendorTimeout
from uutel_bridge.core.settings import CLISettings
from uutel_bridge.providers.claude_code import offers as of_claude
from uutel_bridge.providers.codex import offers as of_codex


def listed(uutel: Command, *arguments: str, **variables: str) -> Mapping[str, Any]:
    """What it prints as JSON, by provider."""
    done = uutel("models", "--json", *arguments, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def names(listing: Mapping[str, Any]) -> list[str]:
    """The models of a provider."""
    return [each["model"] for each in listing["models"]]


def test_every_provider_lists_its_models_and_marks_the_default(uutel: Command) -> None:
    """With context and prices, for a person to read."""
    done = uutel("models")
    assert (done.returncode, done.stderr) == (0, "")
    claude, cloud, codex, gemini, legend = done.stdout.split("\n\n")
    (sonnet,) = [line for line in claude.splitlines() if line.startswith("*")]
    assert sonnet.split() == ["*", "uutel/claude-code/sonnet", "1,000,000", "128,000", "2.00", "10.00", _SONNET]
    assert "* uutel/codex/default" in codex
    for section, title in ((cloud, "Cloud Code"), (gemini, "Gemini CLI")):
        assert section.startswith(f"{title}, from the catalogue of the bridge\n")
        assert f"{title} cannot be asked what it offers." in section
        assert section.count("\n* uutel/") == 1
    assert legend.startswith("* is the model where none is named.")


_SONNET = "claude-sonnet-5-5"


@pytest.mark.parametrize("kind", ["fake", pytest.param("real", marks=pytest.mark.real_cli)])
@pytest.mark.parametrize(
    ("world_class", "expected"),
    [
        (ClaudeWorld, {"default": "claude-opus-5-5", "opus": "claude-opus-5-5", "sonnet": _SONNET}),
        (CodexWorld, {"default": "gpt-6.1-sol", "gpt-6.1-sol": None, "gpt-5.5": None}),
    ],
)
def test_a_cli_that_can_be_asked_is_asked(
    world_class: type[World], expected: Mapping[str, str | None], kind: str
) -> None:
    """On the fake as on the real one: its own list, without a request to the model."""
    with world_class.opened(kind) as world:
        uutel = Command(world.home)
        listing = listed(uutel, world.provider)[world.provider]
        assert not world.api.requests
        assert uutel.nothing_left()
    assert (listing["source"], listing["note"]) == ("cli", "")
    about = {each["model"].rpartition("/")[2]: each["about"] for each in listing["models"]}
    assert about.keys() >= expected.keys()
    assert all(about[name] == text for name, text in expected.items() if text)
    known = {each["model"].rpartition("/")[2]: each.get("max_input_tokens") for each in listing["models"]}
    assert all(known[name] for name in expected)


def test_one_provider_may_be_named(uutel: Command) -> None:
    """Then the others are not asked."""
    listing = listed(uutel, "codex", UUTEL_CLAUDE_CODE__EXECUTABLE="no-such-claude")
    assert names(listing["codex"]) == ["uutel/codex/default", "uutel/codex/gpt-6.1-sol", "uutel/codex/gpt-5.5"]
    assert [each["default"] for each in listing["codex"]["models"]] == [True, False, False]
    assert listing.keys() == {"codex"}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"UUTEL_CODEX__EXECUTABLE": "no-such-codex"}, "npm install -g @openai/codex"),
        ({"UUTEL_CODEX__PASS_ENV": "FAKE_CODEX_FAIL_START", "FAKE_CODEX_FAIL_START": "1"}, "failed to start"),
        ({"UUTEL_CODEX__SPARES": "-1"}, "UUTEL_CODEX__SPARES must be a whole number"),
        ({"CODEX_HOME": "/nowhere"}, "codex login"),
    ],
)
def test_where_a_cli_cannot_answer_the_catalogue_is_listed_and_why(
    uutel: Command, variables: Mapping[str, str], words: str
) -> None:
    """The other providers are listed as ever."""
    found = listed(uutel, **variables)
    assert found["codex"]["source"] == "catalogue"
    assert words in found["codex"]["note"]
    assert "uutel/codex/gpt-5.6-sol" in names(found["codex"])
    assert found["claude-code"]["source"] == "cli"


async def test_a_cli_that_says_nothing_is_not_waited_for_for_ever(
    uutel: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stopped."""
    monkeypatch.setattr(cli_provider, "_OFFER_SECONDS", 0.1)
    monkeypatch.setenv("FAKE_CODEX_START_DELAY", "600")
    settings = CLISettings(pass_env=("FAKE_CODEX_START_DELAY",))
    with pytest.raises(VendorTimeout, match="did not name its models"):
        await registry.parts("codex").backend(settings).offered(os.environ)
    assert await anyio.to_thread.run_sync(uutel.nothing_left)


def test_an_unknown_provider_is_answered_with_those_that_exist(uutel: Command) -> None:
    """In one sentence."""
    done = uutel("models", "nobody")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Known are claude-code, " in done.stderr


def test_litellm_is_not_imported(uutel: Command) -> None:
    """It takes seconds."""
    assert uutel("models", code=LITELLM).stderr == "False\n"


@pytest.mark.parametrize(("room", "line"), [(of_claude, {"displayName": "x"}), (of_codex, {"id": "x"})])
def test_a_list_that_is_none_is_a_protocol_error(room: Any, line: Mapping[str, str]) -> None:
    """A CLI of next year may have other words."""
    with pytest.raises(ProtocolError):
        room.offers([line])


def test_what_the_vendor_hides_is_not_listed() -> None:
    """It stands there for the CLI's own use."""
    shown = of_codex.offers([{"model": "a", "hidden": True}, {"model": "b", "hidden": False, "description": "new"}])
    assert [(each.name, each.about) for each in shown] == [("default", "gpt-6.1-sol"), ("b", "new")]


@pytest.mark.parametrize("columns", ["30", "60"])
def test_in_a_narrow_terminal_no_name_and_no_number_is_cut(uutel: Command, columns: str) -> None:
    """A column that has no room is left out; a pipe has room for all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", columns)
        with terminal(uutel, "models", "claude-code") as child:
            child.expect(pexpect.EOF)
        piped = uutel("models", "claude-code").stdout
    (drawn,) = [line for line in child.before.splitlines() if line.startswith("* uutel")]
    (whole,) = [line for line in piped.splitlines() if line.startswith("* uutel")]
    assert drawn.split() == whole.split()[: len(drawn.split())]
    assert whole.split()[-1] == _SONNET
