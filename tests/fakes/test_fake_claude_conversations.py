"""What the model sees of a conversation with the fake `claude`, and what that costs."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.playing import CHAT, STREAM, asked, assistant, request, said_by_user, started, user

QUIET = {"CLAUDE_CODE_MAX_RETRIES": "0", "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK": "1"}


async def test_the_model_sees_a_replayed_history_as_turns(tmp_path: Path) -> None:
    """Kept lines answer with an empty result each; the last one asks."""
    log = tmp_path / "log"
    async with started(FAKE_CLI_LOG=str(log)) as fake:
        for said, answered in (("h1", "r1"), ("h2", "r2")):
            assert (await fake.ask(said, shouldQuery=False))["num_turns"] == 0
            await fake.send(assistant(answered))
        result = await fake.ask("ask [[scenario:echo]]")
    assert result["result"] == "ask "
    (body,) = asked(log)
    roles = [message["role"] for message in body["messages"]]
    assert roles == ["user", "system", "assistant", "user", "assistant", "user", "system"]
    assert [content for role, content in said_by_user(body) if role == "user"] == ["h1", "h2", "ask [[scenario:echo]]"]


async def test_lines_that_do_not_wait_for_a_result_get_out_of_order(tmp_path: Path) -> None:
    """The trap: assistants at once, users when their turn comes."""
    log = tmp_path / "log"
    async with started(FAKE_CLI_LOG=str(log)) as fake:
        await fake.send(user("h1", shouldQuery=False), assistant("r1"), user("ask"))
        await fake.until(lambda line: line.get("num_turns") == 1)
    (body,) = asked(log)
    merged = [{"type": "text", "text": "h1\n"}, {"type": "text", "text": "ask"}]
    assert said_by_user(body) == [("assistant", [{"type": "text", "text": "r1"}]), ("user", merged)]


async def test_user_text_is_read_as_paths_and_commands_unless_client_composed(tmp_path: Path) -> None:
    """The serious trap, and its only remedy."""
    log, secret = tmp_path / "log", tmp_path / "secret"
    secret.write_text("SECRET", encoding="utf-8")
    async with started(*STREAM, FAKE_CLI_LOG=str(log)) as fake:
        await fake.ask(f"see @{secret}", client_composed=False)
        assert "isn't available" in (await fake.ask("/cost", client_composed=False))["result"]
        await fake.ask(f"see @{secret}")
        await fake.ask("/cost")
    first, second, third = asked(log)
    assert "SECRET" in json.dumps(first["messages"])
    assert second["messages"][-1]["content"][0]["text"] == f"see @{secret}"
    assert third["messages"][-1]["content"][0]["text"] == "/cost"


async def test_blank_text_never_reaches_the_model(tmp_path: Path) -> None:
    """And empty text does not reach it as such."""
    log = tmp_path / "log"
    async with started(FAKE_CLI_LOG=str(log)) as fake:
        blank = await fake.ask(" \n")
        await fake.ask("")
    assert (blank["num_turns"], blank["is_error"]) == (0, False)
    assert said_by_user(asked(log)[0]) == [("user", "(no content)")]


async def test_a_rewind_wants_the_right_words(tmp_path: Path) -> None:
    """Every reason the real one gives, and the clean start in the end."""
    log = tmp_path / "log"
    async with started(FAKE_CLI_LOG=str(log)) as fake:
        for name in ("u1", "u2"):
            await fake.ask(f"text {name}", uuid=name)
        reasons = []
        for target, last in (("u1", None), ("u9", "u2"), ("u1", "u1")):
            marks = {"last_seen_user_message_uuid": last} if last else {}
            reply = await fake.control("rewind_conversation", target_message_uuid=target, **marks)
            reasons.append(reply["response"]["reason"])
        marks = {"target_message_uuid": "u1", "last_seen_user_message_uuid": "u2"}
        done = await fake.control("rewind_conversation", **marks)
        await fake.ask("clean")
    assert reasons == ["stale_target", "target_not_found", "unseen_later_turn"]
    assert done["response"]["rewound"] is True
    assert said_by_user(asked(log)[-1]) == [("user", "clean")]


async def test_an_interrupt_in_time_stops_the_second_call(tmp_path: Path) -> None:
    """The fake gives it a fair chance; the real one may be faster."""
    log = tmp_path / "log"
    async with started(FAKE_CLI_LOG=str(log)) as fake:
        await fake.send(user("go [[scenario:max_tokens]]"), request("initialize", "i"))
        await fake.until(lambda line: line.get("event", {}).get("type") == "message_delta")
        await fake.send(request("interrupt"))
        result = await fake.until(lambda line: line["type"] == "result")
    assert len(asked(log)) == 1
    assert (result["is_error"], result["terminal_reason"], result["num_turns"]) == (True, "aborted_streaming", 3)


@pytest.mark.parametrize(
    ("scenario", "status", "text"),
    [
        ("drop", None, "API Error: Connection to the API was lost (ECONNRESET)."),
        ("badsse", None, "API Error: JSON Parse error"),
        ("sse_error", 529, "API Error: Overloaded"),
        ("too_long", 400, "Prompt is too long"),
        ("refusal", None, "API Error: Sonnet 5.5's safeguards flagged this message"),
    ],
)
async def test_a_broken_answer_is_an_error_when_the_fallbacks_are_off(scenario: str, status: Any, text: str) -> None:
    """What was measured with the settings that a bridge uses."""
    async with started(**QUIET, CLAUDE_CODE_DISABLE_REFUSAL_RETRY="1") as fake:
        result = await fake.ask(f"go [[scenario:{scenario}]]")
        assert await fake.end() == 1
    assert (result["is_error"], result["api_error_status"]) == (True, status)
    assert result["result"].startswith(text)


async def test_a_broken_answer_is_asked_for_again_when_they_are_on(tmp_path: Path) -> None:
    """Then the whole answer comes without deltas, at the price of a second request."""
    log = tmp_path / "log"
    async with started(FAKE_CLI_LOG=str(log)) as fake:
        result = await fake.ask("go [[scenario:sse_error]]")
    assert (result["is_error"], result["result"]) == (False, "p0 p1 ")
    assert [body["stream"] for body in asked(log)] == [True, False]


async def test_an_unknown_model_name_costs_a_request_of_its_own(tmp_path: Path) -> None:
    """`set_model` tries a full name out once; aliases are free."""
    log = tmp_path / "log"
    async with started(FAKE_CLI_LOG=str(log)) as fake:
        for name in ("haiku", "claude-sonnet-4-5", "claude-sonnet-4-5"):
            assert (await fake.control("set_model", model=name))["subtype"] == "success"
        await fake.ask("hi")
    assert [(body["model"], body["max_tokens"]) for body in asked(log)] == [
        ("claude-sonnet-4-5", 1),
        ("claude-sonnet-4-5", 32_000),
    ]


async def test_a_model_among_the_settings_is_taken_at_its_word(tmp_path: Path) -> None:
    """The way around that request; None goes back to what `set_model` said."""
    log = tmp_path / "log"
    async with started(FAKE_CLI_LOG=str(log)) as fake:
        for model in ("claude-sonnet-4-5", "haiku", None):
            await fake.control("set_model", model="default")
            await fake.control("apply_flag_settings", settings={"model": model})
            await fake.ask("hi", uuid="u")
            await fake.control("rewind_conversation", target_message_uuid="u")
    assert [body["model"] for body in asked(log)] == ["claude-sonnet-4-5", "claude-haiku-5-5", "claude-opus-5-5"]


async def test_a_change_of_model_in_mid_conversation_leaves_its_trace(tmp_path: Path) -> None:
    """Texts that the caller never wrote."""
    log = tmp_path / "log"
    async with started(FAKE_CLI_LOG=str(log)) as fake:
        await fake.ask("one")
        await fake.control("set_model", model="haiku")
        await fake.ask("two")
    texts = [block["text"] for block in said_by_user(asked(log)[-1])[-1][1]]
    assert "<command-name>/model</command-name>" in texts[1]
    assert texts[-1] == "two"


async def test_a_scenario_that_fails_first_remembers_across_processes(tmp_path: Path) -> None:
    """Where they share a log: a retry may well meet another process."""
    results = []
    for _ in range(2):
        async with started(**QUIET, FAKE_CLI_LOG=str(tmp_path / "log")) as fake:
            results.append(await fake.ask("go [[scenario:flaky_e529]]"))
    assert [result["is_error"] for result in results] == [True, False]


async def test_costs_add_up_over_turns() -> None:
    """Usage is the turn's own, total cost is the process's."""
    async with started() as fake:
        first, second = [await fake.ask("hi [[scenario:usage]]") for _ in range(2)]
    assert first["usage"] == second["usage"]
    assert second["total_cost_usd"] == pytest.approx(2 * first["total_cost_usd"])
    assert first["total_cost_usd"] == pytest.approx((100 * 2 + 7 * 10 + 40 * 0.1 + 20 * 4) / 1e6)
    (spent,) = second["model_usage_since_last_result"].values()
    assert spent["costUSD"] == pytest.approx(first["total_cost_usd"])


async def test_a_version_can_lack_what_later_ones_have(tmp_path: Path) -> None:
    """So that a caller's probe has something to find."""
    log = tmp_path / "log"
    lacking = {"FAKE_CLAUDE_LACKS": "rewind,system_prompt", "FAKE_CLI_LOG": str(log)}
    async with started(*CHAT, "--system-prompt", "OLD", **lacking) as fake:
        rewound = await fake.control("rewind_conversation", target_message_uuid="u")
        await fake.control("set_model", model="sonnet", system_prompt="NEW")
        await fake.ask("hi")
    assert (rewound["subtype"], rewound["error_code"]) == ("error", "unsupported_request")
    assert asked(log)[0]["system"][-1]["text"] == "OLD"
