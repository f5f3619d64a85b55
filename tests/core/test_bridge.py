"""What runs for a provider: checks before anything starts, then processes, time limits and further tries."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

import uutel_bridge
from uutel_bridge import testing
from uutel_bridge.core import loop, process
from uutel_bridge.core.bridge import Bridge, Options, bridge
from uutel_bridge.core.errors import BadRequest, CLIExited, CLINotFound, LoginMissing, VendorTimeout, VendorUnavailable
from uutel_bridge.core.events import Event, Finished, Served, Started, TextDelta, UsageReport
from uutel_bridge.core.loopback import LoopbackServer, Request, Response
from uutel_bridge.core.provider import ProviderStatus
from uutel_bridge.core.request import ChatRequest, read_request
from uutel_bridge.core.settings import CLISettings, load
from uutel_bridge.providers.claude_code.parts import PARTS

BOUND = 60
GIF = b"GIF89a\x03\x00\x02\x00" + bytes(10)
HIDDEN = {"UUTEL_CLAUDE_CODE__PASS_ENV": "FAKE_CLI_LOG,FAKE_CLAUDE_FAIL_START,FAKE_CLAUDE_LACKS"}


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Fake CLIs with a login, and no spare processes."""
    with testing.fake_clis() as home:
        for name, value in {**HIDDEN, "UUTEL_CLAUDE_CODE__SPARES": "0", "FAKE_CLI_LOG": str(home / "log")}.items():
            monkeypatch.setenv(name, value)
        yield home


def asked(home: Path) -> int:
    """How many requests the model has had, without those of the start-up probe."""
    lines = (home / "log").read_text(encoding="utf-8").splitlines()
    return sum("[[scenario:" in line for line in lines)


def chat(text: str | list[Any], **fields: Any) -> ChatRequest:
    """A request of one message."""
    said = [{"role": "user", "content": text}]
    return read_request("sonnet", said, fields, provider="claude-code", supported=PARTS.transform.supported)


async def ask(text: str, options: Options | None = None, using: Bridge | None = None) -> list[Event]:
    """A whole answer."""
    with anyio.fail_after(BOUND):
        at_work = using or bridge("claude-code")
        call = at_work.call(chat(text), options or Options())
        (events,) = await loop.arun(lambda: at_work.collect(call, 1))
        return events


def text_of(events: list[Event]) -> str:
    """What was said."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def status() -> ProviderStatus:
    """That of claude-code."""
    (found,) = [each for each in uutel_bridge.status() if each.name == "claude-code"]
    return found


async def test_an_answer_is_a_series_of_events() -> None:
    """It starts, says something, counts and finishes."""
    events = await ask("Hello [[scenario:text n=2]]")
    kinds = [type(event) for event in events]
    assert kinds == [Started, TextDelta, TextDelta, UsageReport, Served, Finished]


async def test_several_choices_are_several_turns() -> None:
    """Side by side, each whole."""
    at_work = bridge("claude-code")
    call = at_work.call(chat("Hello"), Options())
    with anyio.fail_after(BOUND):
        answers = await loop.arun(lambda: at_work.collect(call, 3))
    assert [text_of(events) for events in answers] == ["part0 part1 part2 part3 "] * 3


async def test_one_choice_that_fails_ends_the_others() -> None:
    """Nobody wants them any more."""
    at_work = bridge("claude-code")
    call = at_work.call(chat("[[scenario:hang]]"), Options())
    with anyio.fail_after(BOUND):
        choices = asyncio.create_task(loop.arun(lambda: at_work.collect(call, 2)))
        while status().processes.leased < 2:
            await asyncio.sleep(0.01)
        next(iter(process._live)).leader.kill()
        with pytest.raises(CLIExited):
            await choices
        while status().processes.leased:
            await asyncio.sleep(0.01)


def test_an_unknown_provider_is_a_bad_request() -> None:
    """The known ones are named."""
    with pytest.raises(BadRequest, match="Known are claude-code, ") as caught:
        bridge("nobody")
    assert caught.value.param == "model"


def test_a_bridge_stays_until_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the settings of its first use."""
    first = bridge("claude-code")
    monkeypatch.setenv("UUTEL_CLAUDE_CODE__MAX_PROCESSES", "7")
    assert bridge("claude-code") is first
    uutel_bridge.close()
    assert bridge("claude-code") is not first
    assert bridge("claude-code").settings.max_processes == 7


def test_a_wrong_setting_is_a_bad_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the first use; once corrected, all is well."""
    monkeypatch.setenv("UUTEL_CLAUDE_CODE__MAX_PROCESSES", "0")
    with pytest.raises(BadRequest, match="MAX_PROCESSES"):
        bridge("claude-code")
    monkeypatch.setenv("UUTEL_CLAUDE_CODE__MAX_PROCESSES", "1")
    assert bridge("claude-code").settings.max_processes == 1


def test_wrong_settings_are_one_providers_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its status names them, and the others stand as they are."""
    monkeypatch.setenv("UUTEL_CODEX__MAX_PROCESSES", "0")
    problems = {each.name: each.problem for each in uutel_bridge.status()}
    assert "UUTEL_CODEX__MAX_PROCESSES" in problems["codex"]
    assert problems["claude-code"] == ""


@pytest.mark.parametrize("address", ["gopher://127.0.0.1", "127.0.0.1:1", "http://a b", " "])
def test_an_address_in_a_call_must_be_one(address: str) -> None:
    """As one in the settings must."""
    with pytest.raises(BadRequest, match="api_base") as caught:
        bridge("claude-code").call(chat("Hello"), Options(api_base=address))
    assert (caught.value.param, caught.value.provider) == ("api_base", "claude-code")


def test_without_the_cli_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says how to install it."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("UUTEL_CLAUDE_CODE__EXECUTABLE", "claude-that-is-not-there")
    with pytest.raises(CLINotFound, match="npm install") as caught:
        bridge("claude-code").call(chat("Hello"), Options())
    assert caught.value.provider == "claude-code"
    assert "npm install" in status().problem
    assert process._live == set()


def test_without_a_login_nothing_is_started(home: Path) -> None:
    """The error says how to log in; a key makes up for it."""
    (home / ".claude" / ".credentials.json").unlink()
    at_work = bridge("claude-code")
    with pytest.raises(LoginMissing, match="claude auth login") as caught:
        at_work.call(chat("Hello"), Options())
    assert caught.value.provider == "claude-code"
    assert "claude auth login" in status().problem
    assert at_work.call(chat("Hello"), Options(api_key="key")).settings.api_key is not None
    assert process._live == set()


def test_a_request_that_the_vendor_could_not_answer_is_refused_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anybody looks for the CLI."""
    monkeypatch.setenv("PATH", "/nowhere")
    said = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello?"}]
    wrong = read_request("sonnet", said, {}, provider="claude-code", supported=())
    with pytest.raises(BadRequest) as caught:
        bridge("claude-code").call(wrong, Options())
    assert caught.value.provider == "claude-code"


def test_what_the_caller_says_wins_for_that_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings stay as they are."""
    monkeypatch.setenv("UUTEL_CLAUDE_CODE__API_BASE", "http://127.0.0.1:1")
    at_work = bridge("claude-code")
    mine = at_work.call(chat("Hello"), Options(api_key="key", api_base="http://127.0.0.1:2")).settings
    assert mine.api_key is not None
    assert (mine.api_key.get_secret_value(), mine.api_base) == ("key", "http://127.0.0.1:2")
    plain = at_work.call(chat("Hello"), Options()).settings
    assert (plain.api_key, plain.api_base) == (None, "http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("setting", "option", "limit"), [("0.4", None, "0.4"), ("30", 0.4, "0.4"), ("0.4", 30.0, "0.4"), (None, 0.4, "0.4")]
)
async def test_the_shorter_time_limit_counts(
    monkeypatch: pytest.MonkeyPatch, setting: str | None, option: float | None, limit: str
) -> None:
    """The caller's or the setting's."""
    if setting:
        monkeypatch.setenv("UUTEL_CLAUDE_CODE__TIMEOUT", setting)
    with pytest.raises(VendorTimeout, match=f"within {limit} s"):
        await ask("[[scenario:hang]]", Options(timeout=option))


async def test_a_passing_trouble_is_tried_again(home: Path) -> None:
    """And the answer says how often."""
    events = await ask("[[scenario:flaky_e529 id=a]]")
    assert isinstance(events[0], Started)
    assert (events[0].attempts, asked(home)) == (2, 2)


@pytest.mark.parametrize("retries", [0, 1])
async def test_a_caller_may_say_how_often(home: Path, retries: int) -> None:
    """In place of the setting; not at all where he tries again himself."""
    with pytest.raises(VendorUnavailable):
        await ask("[[scenario:e529]]", Options(retries=retries))
    assert asked(home) == 1 + retries


def counting(verdict: bool, starts: list[str]) -> Bridge:
    """A bridge whose probe takes its time, and notes that it was asked."""

    async def probe(executable: str, *_: object) -> bool:
        starts.append(executable)
        await asyncio.sleep(0.05)
        return verdict

    return Bridge(replace(PARTS, probe=probe), load(CLISettings, "claude-code", os.environ))


@pytest.mark.parametrize(("verdict", "processes"), [(True, 1), (False, 3)], ids=["warm", "cold"])
async def test_the_probe_decides_whether_processes_are_used_again(verdict: bool, processes: int) -> None:
    """It is asked once, before the first of them."""
    starts: list[str] = []
    at_work = counting(verdict, starts)
    try:
        for _ in range(3):
            assert text_of(await ask("Hello", using=at_work)) == "part0 part1 part2 part3 "
        assert at_work.status().processes.started_total == processes
    finally:
        await loop.arun(at_work.aclose)
    assert len(starts) == 1


async def test_requests_that_come_together_wait_for_one_probe() -> None:
    """Nobody asks twice."""
    starts: list[str] = []
    at_work = counting(True, starts)
    try:
        await asyncio.gather(*(ask("Hello", using=at_work) for _ in range(4)))
    finally:
        await loop.arun(at_work.aclose)
    assert len(starts) == 1


class Site:
    """A host with one image and a path that never answers."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.server = LoopbackServer(self.answer)

    async def answer(self, request: Request) -> Response:
        """The image, or nothing."""
        self.paths.append(request.target)
        if request.target == "/silent":
            await asyncio.Event().wait()
        return Response(body=GIF) if request.target == "/a.gif" else Response(404)

    def link(self, path: str) -> ChatRequest:
        """A request with a link to it."""
        image = {"type": "image_url", "image_url": {"url": f"{self.server.url}{path}"}}
        return chat([{"type": "text", "text": "[[scenario:text]]"}, image])


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """One that runs."""
    site = Site()
    await site.server.start()
    yield site
    await site.server.aclose()


@asynccontextmanager
async def fetching(*, private_links: bool) -> AsyncIterator[Bridge]:
    """A bridge to a CLI that takes no links."""
    settings = load(CLISettings, "claude-code", os.environ).model_copy(update={"private_links": private_links})
    at_work = Bridge(replace(PARTS, fetches_links=True), settings)
    with anyio.fail_after(BOUND):
        yield at_work
        await loop.arun(at_work.aclose)


async def test_a_link_is_fetched_once_for_all_choices(site: Site, home: Path) -> None:
    """The model gets the image."""
    async with fetching(private_links=True) as at_work:
        call = at_work.call(site.link("/a.gif"), Options())
        answers = await loop.arun(lambda: at_work.collect(call, 2))
    assert [text_of(events) for events in answers] == ["part0 part1 part2 part3 "] * 2
    assert site.paths == ["/a.gif"]
    log = (home / "log").read_text(encoding="utf-8")
    assert base64.b64encode(GIF).decode() in log
    assert site.server.url not in log


async def test_a_streamed_answer_waits_for_the_link(site: Site) -> None:
    """The same as a whole one."""
    events: list[Event] = []

    async def emit(event: Event) -> None:
        events.append(event)

    async with fetching(private_links=True) as at_work:
        call = at_work.call(site.link("/a.gif"), Options())
        await loop.arun(lambda: at_work.run(call, emit))
    assert (text_of(events), site.paths) == ("part0 part1 part2 part3 ", ["/a.gif"])


async def test_a_vendor_that_fetches_links_gets_them(site: Site, home: Path) -> None:
    """The bridge does not look at them."""
    with anyio.fail_after(BOUND):
        at_work = bridge("claude-code")
        call = at_work.call(site.link("/a.gif"), Options())
        await loop.arun(lambda: at_work.collect(call, 1))
    assert site.paths == []
    assert f"{site.server.url}/a.gif" in (home / "log").read_text(encoding="utf-8")


@pytest.mark.parametrize(("private_links", "paths"), [(True, ["/gone"]), (False, [])])
async def test_a_link_that_cannot_be_fetched_starts_nothing(site: Site, private_links: bool, paths: list[str]) -> None:
    """And is not tried again."""
    async with fetching(private_links=private_links) as at_work:
        call = at_work.call(site.link("/gone"), Options())
        with pytest.raises(BadRequest) as caught:
            await loop.arun(lambda: at_work.collect(call, 2))
        assert at_work.status().processes.started_total == 0
    assert (caught.value.provider, caught.value.param) == ("claude-code", "messages[0].content[1].image_url")
    assert site.paths == paths


async def test_the_time_limit_covers_the_fetching_of_links(site: Site) -> None:
    """It is the limit of the whole answer."""
    async with fetching(private_links=True) as at_work:
        call = at_work.call(site.link("/silent"), Options(timeout=0.4))
        with pytest.raises(VendorTimeout, match=r"within 0\.4 s") as caught:
            await loop.arun(lambda: at_work.collect(call, 1))
    assert caught.value.provider == "claude-code"


def test_status_starts_nothing(home: Path) -> None:
    """It says where the CLI and the login are."""
    found = status()
    assert (found.name, found.problem) == ("claude-code", "")
    assert found.executable == str(testing.fakes_folder() / "claude")
    assert found.login is not None
    assert found.login.logged_in
    assert found.login.source == str(home / ".claude" / ".credentials.json")
    assert found.processes.started_total == 0
    assert process._live == set()


def test_warm_starts_processes_of_every_kind() -> None:
    """As many as asked for, within the limit."""
    uutel_bridge.warm("claude-code", 2)
    assert (status().processes.idle, status().processes.started_total) == (4, 4)


def test_warm_says_why_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the CLI's own words."""
    bridge("claude-code")._backend._verdicts[str(testing.fakes_folder() / "claude")] = True
    monkeypatch.setenv("FAKE_CLAUDE_FAIL_START", "1")
    with pytest.raises(CLIExited, match="failed to start on request"):
        uutel_bridge.warm("claude-code")
    uutel_bridge.close()
    assert process._live == set()


def test_warm_starts_nothing_that_could_not_be_used_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is it an error."""
    monkeypatch.setenv("FAKE_CLAUDE_LACKS", "rewind")
    uutel_bridge.warm("claude-code")
    assert status().processes.started_total == 0


async def test_closing_leaves_no_process() -> None:
    """Idle or at work; and twice is not an error."""
    with anyio.fail_after(BOUND):
        waiting = asyncio.create_task(ask("[[scenario:hang]]"))
        while not status().processes.leased:
            await asyncio.sleep(0.01)
        await uutel_bridge.aclose()
        await uutel_bridge.aclose()
        assert process._live == set()
        with pytest.raises(uutel_bridge.UUError):
            await waiting
