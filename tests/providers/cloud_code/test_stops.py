"""An account that Google has stopped is never asked with again, and one that must be verified is not pressed."""

from __future__ import annotations

import json

import anyio
import litellm
import orjson
import pytest
from litellm import exceptions as lite

import uutel_bridge
from tests.cli.conftest import Command
from tests.providers.cloud_code.conftest import LOAD, Place
from tests.providers.cloud_code.logins import log_in, write
from uutel_bridge.core.bridge import Options
from uutel_bridge.core.errors import PermissionDenied, UUError
from uutel_bridge.providers.cloud_code.failures import AccountStopped
from uutel_bridge.providers.cloud_code.stops import Stops

APPEAL = "https://example.invalid/appeal"
VERIFY = "https://example.invalid/verify"
CROWD = 16
STOPPED = AccountStopped("Stopped.", appeal_url=APPEAL)


async def stop(place: Place) -> None:
    """Let Google stop the account."""
    with pytest.raises(AccountStopped):
        await place.ask("e403_tos")


def test_a_program_learns_it_once_and_asks_no_more(place: Place) -> None:
    """LiteLLM's own error, with where to appeal; tries that LiteLLM makes do not reach Google either."""
    uutel_bridge.register()
    said = [{"role": "user", "content": "[[scenario:e403_tos]]"}]
    for words, tries in (("violation of its terms of service", 0), ("nothing more is asked with it", 2)):
        with pytest.raises(lite.PermissionDeniedError) as caught:
            litellm.completion("uutel/cloud-code/gemini-2.5-flash", said, num_retries=tries)
        assert words in str(caught.value)
        assert f"Appeal at {APPEAL}" in str(caught.value)
    assert place.asked == 1


async def test_the_same_program_asks_no_more(place: Place) -> None:
    """Not the model, and nothing else; it says what lifts that."""
    async with place.program() as program:
        with pytest.raises(AccountStopped, match="Do not use Cloud Code with it again") as caught:
            await program.ask("e403_tos")
        assert "violation of Terms of Service" in caught.value.evidence
        before = len(place.tokens)
        with pytest.raises(AccountStopped, match="nothing more is asked") as caught:
            await program.ask()
        assert str(place.stops) in caught.value.message
        with pytest.raises(AccountStopped):
            await program.bridge.warm(1)
        assert (await program.bridge.checkup()).problem == program.bridge.status().problem == caught.value.message
    assert len(place.tokens) == before == 2


async def test_a_later_program_asks_nothing(place: Place) -> None:
    """What is known is in a file of the bridge's own, which holds neither a token nor a name."""
    await stop(place)
    before = len(place.tokens)
    with pytest.raises(AccountStopped) as caught:
        await place.ask()
    assert caught.value.appeal_url == APPEAL
    assert len(place.tokens) == before
    told = json.loads(place.stops.read_text(encoding="utf-8"))
    assert list(told.values()) == [APPEAL]
    assert [len(each) for each in told] == [64]


def test_another_process_asks_nothing(place: Place) -> None:
    """Though it is the command line."""
    first, second = (
        Command(place.home)("ask", "-m", "cloud-code", f"[[scenario:{name}]]") for name in ("e403_tos", "text")
    )
    assert (first.returncode, second.returncode) == (1, 1)
    assert "violation of its terms of service" in first.stderr
    assert "nothing more is asked with it" in second.stderr
    assert place.asked == 1


async def test_another_account_may_ask(place: Place) -> None:
    """Each is known by itself; the first one stays stopped."""
    await stop(place)
    log_in(place.home)
    assert await place.ask()
    await place.ask(options=Options(api_key="another-token"))
    with pytest.raises(AccountStopped):
        await place.ask("e403_tos", Options(api_key="another-token"))
    assert len(json.loads(place.stops.read_text(encoding="utf-8"))) == 2


async def test_a_renewed_token_is_still_the_same_account(place: Place) -> None:
    """A stored login is known by its account, not by its token."""
    log_in(place.home)
    await stop(place)
    log_in(place.home, access_token="another")
    with pytest.raises(AccountStopped):
        await place.ask()


async def test_who_removes_the_file_may_ask_again(place: Place) -> None:
    """In the same program and in a later one."""
    async with place.program() as program:
        with pytest.raises(AccountStopped):
            await program.ask("e403_tos")
        place.stops.unlink()
        assert await program.ask()


async def test_many_at_once_learn_it_together(place: Place) -> None:
    """Each gets the error; the file is whole."""
    errors: list[UUError] = []

    async def ask() -> None:
        with pytest.raises(AccountStopped) as caught:
            await program.ask("e403_tos")
        errors.append(caught.value)

    async with place.program() as program, anyio.create_task_group() as group:
        for _ in range(CROWD):
            group.start_soon(ask)
    assert len(errors) == CROWD
    assert len(json.loads(place.stops.read_text(encoding="utf-8"))) == 1
    assert list(place.stops.parent.iterdir()) == [place.stops]


async def test_it_is_learnt_before_the_model_is_asked_as_well(place: Place) -> None:
    """From whatever is asked first."""
    place.api.account = "tos"
    for _ in range(2):
        with pytest.raises(AccountStopped):
            await place.ask()
    assert (place.paths, place.asked) == ([LOAD], 0)


@pytest.mark.parametrize("where", ["folder", "file"])
async def test_where_nothing_can_be_written_the_program_itself_remembers(
    place: Place, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder that is a file, or a file that is a folder; it is logged."""
    (place.stops.mkdir(parents=True) if where == "file" else write(place.stops.parent, ""))
    async with place.program() as program:
        for _ in range(2):
            with pytest.raises(AccountStopped):
                await program.ask("e403_tos")
    assert place.asked == 1
    assert "cannot be written" in caplog.text


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', "\x00"])
def test_a_file_that_is_broken_is_written_anew(place: Place, content: str, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing can be known from it; it is logged."""
    write(place.stops, content)
    Stops().check("mine")
    assert "cannot be read" in caplog.text
    Stops().remember("mine", STOPPED)
    with pytest.raises(AccountStopped):
        Stops().check("mine")


def test_what_others_have_learnt_is_kept(place: Place) -> None:
    """The file is read again before it is written; who does not know where to appeal says nothing of it."""
    one, other = Stops(), Stops()
    one.remember("first", STOPPED)
    other.remember("second", AccountStopped("Stopped."))
    assert orjson.loads(place.stops.read_bytes()) == {"first": APPEAL, "second": ""}
    with pytest.raises(AccountStopped) as caught:
        one.check("second")
    assert "Appeal" not in caught.value.message
    assert place.stops.parent.stat().st_mode & 0o777 == 0o700


# Google wants to see the person first


@pytest.mark.parametrize("scenario", ["e403_validation", "e403_validation_help"])
async def test_an_account_to_be_verified_is_asked_with_once(place: Place, scenario: str) -> None:
    """The error says where to go; once the person has been there, the same program goes on."""
    async with place.program() as program:
        with pytest.raises(PermissionDenied, match=f"Open {VERIFY} in a browser") as caught:
            await program.ask(scenario)
        assert type(caught.value) is PermissionDenied
        assert place.asked == 1
        assert await program.ask()
        assert program.bridge.status().problem == ""


async def test_an_account_to_be_verified_is_told_before_the_model_is_asked(place: Place) -> None:
    """As `loadCodeAssist` says it."""
    place.api.account = "validation"
    async with place.program() as program:
        with pytest.raises(PermissionDenied, match=f"Open {VERIFY} in a browser"):
            await program.ask()
        assert (place.paths, place.asked) == ([LOAD], 0)
        place.api.account = "standard"
        assert await program.ask()
