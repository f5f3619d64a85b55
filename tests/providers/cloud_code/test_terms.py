"""Cloud Code is off until its user says so: until then not a byte leaves, and nothing is started."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import litellm
import pytest
from litellm import exceptions as lite

import uutel_bridge
from tests.providers.cloud_code.conftest import Place
from tests.providers.cloud_code.logins import log_in, write
from uutel_bridge.core import loop
from uutel_bridge.core.bridge import bridge
from uutel_bridge.core.errors import BadRequest, PermissionDenied, UUError
from uutel_bridge.providers.cloud_code.settings import CloudCodeSettings
from uutel_bridge.providers.cloud_code.terms import require_consent

MODEL = "uutel/cloud-code/gemini-2.5-flash"
SAID = [{"role": "user", "content": "hi"}]
WORDS = (
    "Google's terms forbid",
    "accounts have been suspended",
    "uutel/gemini-cli/<model>",
    "gemini/<model>",
    "vertex_ai/<model>",
    "UUTEL_CLOUD_CODE__ACCEPT_TERMS=true",
)


@pytest.fixture(scope="module", autouse=True)
def _registered() -> None:
    uutel_bridge.register()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Where a connection would be heard of."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


@pytest.fixture
def off(place: Place, listener: socket.socket) -> Iterator[str]:
    """The user has not allowed it. Any request would begin with a new token; yields the endpoint's address."""
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    place.set(accept_terms="", api_base=address, private_links="true")
    log_in(place.home, expires_in=-60)
    before, starts = _everything(place.home), place.count_starts()
    yield address
    with pytest.raises(BlockingIOError):
        listener.accept()
    assert starts.read_text(encoding="utf-8") == ""
    assert _everything(place.home) - before <= {starts, place.home / "counted"}


def _everything(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def _picture(address: str) -> list[dict[str, Any]]:
    part = {"type": "image_url", "image_url": {"url": f"{address}/picture.png"}}
    return [{"role": "user", "content": [part]}]


async def _streamed() -> None:
    async for _ in await litellm.acompletion(MODEL, SAID, stream=True):
        pass


CALLS: dict[str, Callable[[str], Any]] = {
    "completion": lambda _: litellm.completion(MODEL, SAID),
    "acompletion": lambda _: asyncio.run(litellm.acompletion(MODEL, SAID)),
    "streaming": lambda _: list(litellm.completion(MODEL, SAID, stream=True)),
    "astreaming": lambda _: asyncio.run(_streamed()),
    "several": lambda _: litellm.completion(MODEL, SAID, n=3),
    "own-token": lambda address: litellm.completion(MODEL, SAID, api_key="made-up", api_base=address),
    "own-word": lambda _: litellm.completion(MODEL, SAID, extra_body={"accept_terms": True}, drop_params=True),
    "link": lambda address: litellm.completion(MODEL, _picture(address)),
    "retries": lambda _: litellm.completion(MODEL, SAID, num_retries=2),
}


@pytest.mark.parametrize("way", CALLS)
def test_every_call_is_refused_before_a_byte_leaves(off: str, way: str) -> None:
    """It says why, and which ways Google allows; the login is not renewed, and no link is followed."""
    with pytest.raises(lite.PermissionDeniedError) as caught:
        CALLS[way](off)
    for words in WORDS:
        assert words in str(caught.value)


def test_warming_up_is_refused(off: str) -> None:
    """As a request is."""
    del off
    with pytest.raises(PermissionDenied, match="Google's terms forbid") as caught:
        uutel_bridge.warm("cloud-code")
    assert caught.value.provider == "cloud-code"


def test_status_and_checkup_say_that_it_is_off(off: str) -> None:
    """And ask nobody."""
    del off
    (status,) = [each for each in uutel_bridge.status() if each.name == "cloud-code"]
    found = loop.run(bridge("cloud-code").checkup)
    assert status.problem == found.problem
    assert all(words in status.problem for words in WORDS)
    assert found.off
    assert ("terms", "not accepted (UUTEL_CLOUD_CODE__ACCEPT_TERMS)") in found.facts


# What counts as the user's word


def config(place: Place, text: str) -> None:
    """Write the config file."""
    write(place.home / ".config" / "uutel-bridge" / "config.toml", text)


@pytest.mark.parametrize(
    ("variable", "file", "is_on"),
    [
        ("true", "", True),
        ("TRUE", "", True),
        ("1", "", True),
        ("false", "", False),
        ("0", "", False),
        ("no", "", False),
        ("", "", False),
        ("", "[cloud-code]\naccept_terms = true\n", True),
        ("", "[cloud_code]\naccept_terms = true\n", True),
        ("", "[cloud-code]\naccept_terms = false\n", False),
        ("", "[gemini-cli]\n", False),
        ("true", "[cloud-code]\naccept_terms = false\n", True),
        ("false", "[cloud-code]\naccept_terms = true\n", False),
    ],
)
async def test_a_variable_or_the_config_file_switches_it_on(
    place: Place, variable: str, file: str, is_on: bool
) -> None:
    """The variable counts first; empty, it says nothing."""
    place.set(accept_terms=variable)
    config(place, file)
    with nullcontext() if is_on else pytest.raises(PermissionDenied, match="Cloud Code is off"):
        await place.ask()
    assert bool(place.tokens) is is_on


@pytest.mark.parametrize(
    ("variable", "file", "param"),
    [
        ("maybe", "", "UUTEL_CLOUD_CODE__ACCEPT_TERMS"),
        ("2", "", "UUTEL_CLOUD_CODE__ACCEPT_TERMS"),
        (" ", "", "UUTEL_CLOUD_CODE__ACCEPT_TERMS"),
        ("", '[cloud-code]\naccept_terms = "perhaps"\n', "config.toml: cloud-code.accept_terms"),
        ("", "[cloud-code]\naccept_terms = []\n", "config.toml: cloud-code.accept_terms"),
    ],
)
async def test_another_word_than_yes_or_no_is_an_error(place: Place, variable: str, file: str, param: str) -> None:
    """Nobody guesses what was meant."""
    place.set(accept_terms=variable)
    config(place, file)
    with pytest.raises(BadRequest, match="must be true or false") as caught:
        await place.ask()
    assert caught.value.param == param
    assert not place.tokens


async def test_a_word_that_is_taken_back_counts_for_the_next_program(place: Place) -> None:
    """Settings are read once."""
    async with place.program() as program:
        await program.ask()
        place.set(accept_terms="false")
        await program.ask()
    with pytest.raises(PermissionDenied):
        await place.ask()
    assert place.asked == 2


def test_the_word_is_needed_and_enough() -> None:
    """Nothing else of the settings lifts it, and nothing else is looked at."""
    with pytest.raises(UUError):
        require_consent(CloudCodeSettings(project_id="a", api_base="http://127.0.0.1"))
    require_consent(CloudCodeSettings(accept_terms=True))
