"""Command lines and environments, to the letter."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from uutel_bridge.core.cli_provider import Launch
from uutel_bridge.core.process import LaunchPlan
from uutel_bridge.core.settings import CLISettings
from uutel_bridge.core.tools import Tool
from uutel_bridge.providers.claude_code.launch import plan, turn_environment
from uutel_bridge.providers.claude_code.models import ClaudeCodeRequest
from uutel_bridge.providers.claude_code.session_file import session_file
from uutel_bridge.providers.claude_code.tools import tool_server

HOME = {"HOME": "/home/me", "PATH": "/usr/bin"}
KEY = "sk-ant-api03-secret"

FLAGS = (
    "-p",
    "--input-format=stream-json",
    "--output-format=stream-json",
    "--verbose",
    "--include-partial-messages",
    "--tools=",
    "--setting-sources=",
    "--strict-mcp-config",
    "--disable-slash-commands",
    "--no-session-persistence",
    "--restricted",
    "--permission-mode=dontAsk",
    "--thinking-display=summarized",
    "--system-prompt-snapshot=off",
)
ALWAYS = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_COMPACT": "1",
    "ENABLE_TOOL_SEARCH": "0",
    "CLAUDE_CODE_MAX_MCP_DESCRIPTION_LENGTH": "1000000",
    "CLAUDE_CODE_MAX_RETRIES": "0",
    "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK": "1",
    "CLAUDE_CODE_DISABLE_REFUSAL_RETRY": "1",
    "CLAUDE_CODE_DISABLE_REFUSAL_FALLBACK": "1",
    "CLAUDE_CODE_DISABLE_LEGACY_MODEL_REMAP": "1",
    "ANTHROPIC_BETAS": "structured-outputs-2025-12-15",
}


def request(**facts: Any) -> ClaudeCodeRequest:
    """A turn."""
    given: dict[str, Any] = {"model": "haiku", "system_prompt": "be brief", "messages": (), **facts}
    return ClaudeCodeRequest(**given)


TOOLS = tool_server([Tool("look", "", None)])
FULL = request(max_tokens=5, effort="low", body={"temperature": 0.5})


def planned(
    turn: ClaudeCodeRequest, *, warm: bool, environment: dict[str, str] | None = None, **settings: Any
) -> LaunchPlan:
    """The plan for a turn."""
    return plan(
        Launch(
            executable="/opt/bin/claude",
            request=turn,
            environment=HOME | (environment or {}),
            settings=CLISettings(**settings),
            cwd="/cache/cwd",
            warm=warm,
        )
    )


def test_a_warm_process_is_started_for_any_turn() -> None:
    """Model, effort and parameters are told to it later."""
    made = planned(FULL, warm=True)
    assert made.argv == ("/opt/bin/claude", *FLAGS, "--model=sonnet", "--system-prompt=replaced by every turn")
    assert dict(made.env) == HOME | ALWAYS
    assert (made.cwd, made.scratch_env, made.max_uses) == (
        "/cache/cwd",
        (("CLAUDE_CODE_TMPDIR", ""), ("XDG_CACHE_HOME", "")),
        50,
    )


def test_turns_without_a_system_prompt_have_warm_processes_of_their_own() -> None:
    """A process cannot be made to forget that it has one."""
    without = planned(request(system_prompt=""), warm=True)
    assert without.argv == ("/opt/bin/claude", *FLAGS, "--model=sonnet", "--system-prompt=")
    assert without != planned(request(), warm=True)


def test_a_cold_process_is_started_for_its_turn() -> None:
    """With all but the conversation and the system prompt, which may be longer than a command line."""
    made = planned(FULL, warm=False)
    assert made.argv == ("/opt/bin/claude", *FLAGS, "--model=haiku", "--system-prompt=", "--effort=low")
    assert dict(made.env) == HOME | ALWAYS | {
        "CLAUDE_CODE_EXTRA_BODY": '{"temperature":0.5}',
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "5",
    }
    assert (made.cwd, made.scratch_env, made.max_uses) == (
        "/cache/cwd",
        (("CLAUDE_CODE_TMPDIR", ""), ("XDG_CACHE_HOME", "")),
        1,
    )


def test_a_cold_process_is_told_nothing_that_was_not_asked_for() -> None:
    """An empty variable might mean something else than none."""
    made = planned(request(), warm=False)
    assert made.argv == ("/opt/bin/claude", *FLAGS, "--model=haiku", "--system-prompt=")
    assert dict(made.env) == HOME | ALWAYS


def test_a_cold_process_may_call_the_functions_of_its_turn() -> None:
    """They are declared to it as it starts."""
    assert TOOLS is not None
    made = planned(request(server=TOOLS), warm=False)
    assert made.argv[-1] == f"--allowedTools={TOOLS.permission}"


def test_a_cold_process_that_shall_not_reason_is_told_so() -> None:
    """By a variable, as a warm one."""
    made = planned(request(thinks=False), warm=False)
    assert dict(made.env) == HOME | ALWAYS | {"CLAUDE_CODE_DISABLE_THINKING": "1"}


def test_a_conversation_that_is_better_in_a_file_has_a_process_of_its_own_that_reads_it() -> None:
    """The file lies in the process's private folder, and its content is not shown."""
    turn = request(messages=({"role": "user", "content": "SECRET"},), in_a_file=True, effort="low", max_tokens=5)
    made = planned(turn, warm=True)
    assert made.argv == ("/opt/bin/claude", *FLAGS, "--model=haiku", "--system-prompt=", "--effort=low")
    assert made.scratch_argv == ("--resume={scratch}/conversation.jsonl",)
    assert made.files == (("conversation.jsonl", session_file(turn.messages)),)
    assert (made.max_uses, made.scratch_env) == (1, (("CLAUDE_CODE_TMPDIR", ""), ("XDG_CACHE_HOME", "")))
    assert dict(made.env) == HOME | ALWAYS
    assert "SECRET" not in repr(made)


def test_a_cold_process_is_told_even_a_long_conversation_turn_by_turn() -> None:
    """A file needs a rewind, which this CLI may not know."""
    made = planned(request(in_a_file=True), warm=False)
    assert (made.scratch_argv, made.files) == ((), ())


DIFFERENT = [
    pytest.param(request(server=TOOLS), id="functions"),
    pytest.param(request(thinks=False), id="no-reasoning"),
    pytest.param(request(model="opus"), id="model"),
    pytest.param(request(effort="max"), id="effort"),
    pytest.param(request(max_tokens=9), id="max-tokens"),
    pytest.param(request(body={"top_p": 0.1}), id="body"),
]


@pytest.mark.parametrize("other", DIFFERENT)
def test_different_turns_share_a_warm_process(other: ClaudeCodeRequest) -> None:
    """Equal plans are one key of the pool."""
    one, two = planned(request(), warm=True), planned(other, warm=True)
    assert one == two
    assert hash(one) == hash(two)


@pytest.mark.parametrize("other", DIFFERENT)
def test_different_turns_share_no_cold_process(other: ClaudeCodeRequest) -> None:
    """It could serve only one of them."""
    assert planned(request(), warm=False) != planned(other, warm=False)


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize(
    ("one", "two"),
    [
        pytest.param({"api_key": "a"}, {"api_key": "b"}, id="two-keys"),
        pytest.param({"api_key": "a"}, {}, id="key-and-login"),
        pytest.param({"api_base": "https://a"}, {"api_base": "https://b"}, id="two-addresses"),
    ],
)
def test_different_accounts_share_no_process(one: dict[str, str], two: dict[str, str], warm: bool) -> None:
    """Nobody is charged for another's request."""
    assert planned(request(), warm=warm, **one) != planned(request(), warm=warm, **two)


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_a_prompt_never_travels_by_command_line_or_environment(warm: bool) -> None:
    """Both can be read by others, and are short."""
    secret = request(system_prompt="SECRET", messages=({"role": "user", "content": "SECRET"},))
    made = planned(secret, warm=warm)
    assert not [text for text in (*made.argv, *dict(made.env).values()) if "SECRET" in text]


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_an_api_key_takes_the_place_of_the_login(warm: bool) -> None:
    """The token that lies in the environment stays out, and the key is not shown."""
    made = planned(request(), warm=warm, environment={"CLAUDE_CODE_OAUTH_TOKEN": "token"}, api_key=SecretStr(KEY))
    assert dict(made.env)["ANTHROPIC_API_KEY"] == KEY
    assert "CLAUDE_CODE_OAUTH_TOKEN" not in dict(made.env)
    assert KEY not in repr(made)
    assert not [text for text in made.argv if KEY in text]


def test_the_login_is_let_through() -> None:
    """A token of its own, or another folder for it."""
    login = {"CLAUDE_CODE_OAUTH_TOKEN": "token", "CLAUDE_CONFIG_DIR": "/elsewhere"}
    made = planned(request(), warm=True, environment=login)
    assert dict(made.env) == HOME | ALWAYS | login
    assert "token" not in repr(made)


def test_another_address_of_the_api_is_told() -> None:
    """For gateways and tests."""
    made = planned(request(), warm=True, api_base="http://127.0.0.1:1")
    assert dict(made.env) == HOME | ALWAYS | {"ANTHROPIC_BASE_URL": "http://127.0.0.1:1"}


HOSTILE = {
    "ANTHROPIC_API_KEY": "k",
    "ANTHROPIC_AUTH_TOKEN": "t",
    "ANTHROPIC_BASE_URL": "http://evil",
    "ANTHROPIC_BETAS": "b",
    "ANTHROPIC_CUSTOM_HEADERS": "x: y",
    "ANTHROPIC_DEFAULT_SONNET_MODEL": "m",
    "ANTHROPIC_MODEL": "m",
    "BUN_OPTIONS": "--preload x",
    "CLAUDECODE": "1",
    "CLAUDE_CODE_DISABLE_THINKING": "1",
    "CLAUDE_CODE_EFFORT_LEVEL": "max",
    "CLAUDE_CODE_ENTRYPOINT": "cli",
    "CLAUDE_CODE_EXTRA_BODY": '{"system":"evil"}',
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "1",
    "CLAUDE_CODE_MAX_RETRIES": "9",
    "CLAUDE_CODE_SIMPLE": "1",
    "CLAUDE_CODE_TMPDIR": "/elsewhere",
    "CLAUDE_CODE_USE_BEDROCK": "1",
    "DISABLE_COMPACT": "0",
    "LD_PRELOAD": "x.so",
    "MAX_THINKING_TOKENS": "0",
    "NODE_OPTIONS": "--require x",
    "UUTEL_CLAUDE_CODE__API_KEY": "k",
}


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_what_lies_in_the_environment_does_not_reach_the_cli(warm: bool) -> None:
    """It would change the request, or where it goes."""
    assert planned(request(), warm=warm, environment=HOSTILE) == planned(request(), warm=warm)


@pytest.mark.parametrize(
    "name",
    ["LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "HTTPS_PROXY", "https_proxy", "NO_PROXY"],
)
def test_what_the_cli_needs_of_the_machine_reaches_it(name: str) -> None:
    """Language, certificates and the way to the network."""
    assert dict(planned(request(), warm=True, environment={name: "x"}).env) == HOME | ALWAYS | {name: "x"}


def test_a_user_may_let_more_through() -> None:
    """By name, and what is not there is not made up."""
    made = planned(request(), warm=True, environment={"MY_VAR": "x", "OTHER": "y"}, pass_env=("MY_VAR", "MISSING"))
    assert dict(made.env) == HOME | ALWAYS | {"MY_VAR": "x"}


def test_what_the_bridge_sets_cannot_be_passed_over() -> None:
    """A process that retries or compacts by itself would repeat text."""
    made = planned(request(), warm=True, environment=HOSTILE, pass_env=("CLAUDE_CODE_MAX_RETRIES", "DISABLE_COMPACT"))
    assert dict(made.env) == HOME | ALWAYS


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        pytest.param(request(), ("", "", ""), id="nothing-clears-all"),
        pytest.param(request(max_tokens=1), ("", "1", ""), id="tokens"),
        pytest.param(request(thinks=False), ("", "", "1"), id="no-reasoning"),
        pytest.param(request(body={"top_p": 0.5}), ('{"top_p":0.5}', "", ""), id="body"),
        pytest.param(
            request(body={"temperature": 0.0, "stop_sequences": ["\u2028", '"']}),
            ('{"temperature":0.0,"stop_sequences":["\u2028","\\""]}', "", ""),
            id="any-text-in-the-body",
        ),
    ],
)
def test_the_variables_of_a_turn_are_all_set_each_time(turn: ClaudeCodeRequest, expected: tuple[str, str, str]) -> None:
    """An empty one clears what the turn before has set."""
    names = ("CLAUDE_CODE_EXTRA_BODY", "CLAUDE_CODE_MAX_OUTPUT_TOKENS", "CLAUDE_CODE_DISABLE_THINKING")
    assert turn_environment(turn) == dict(zip(names, expected, strict=True))
