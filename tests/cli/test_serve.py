"""`uutel-bridge serve` and `status`: one server for all that clients do, others for how servers begin and end."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest
import yaml

from tests.cli.asking import TOOLS, asynchronous, called, question, streamed_words, words
from tests.cli.conftest import Command
from tests.cli.serving import ANSWER, BOUND, MODELS, WATCHED, Served, runtime, serving, until
from tests.emulators.refusing_proxy import RefusingProxy
from uutel_bridge import testing
from uutel_bridge.cli import running

pytest.importorskip("fastapi", reason="the extra `proxy` is not installed")

_KEY = "a-key-of-my-own"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """With a config that was written, kept and edited, behind a proxy that lets nothing out."""
    with testing.fake_clis() as home, RefusingProxy() as proxy:
        command = Command(home)
        config = home / "kept.yaml"
        assert command("serve", "--config", str(config)).returncode == 0
        kept = yaml.safe_load(config.read_text(encoding="utf-8"))
        kept["model_list"].append({"model_name": "mine", "litellm_params": {"model": MODELS["codex"]}})
        config.write_text(yaml.safe_dump(kept), encoding="utf-8")
        with serving(command, "--config", str(config), environment=proxy.environment) as server:
            yield server
        assert command.nothing_left()
        assert proxy.attempts == []


@pytest.mark.parametrize("path", TOOLS)
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_every_api_answers_for_every_provider(served: Served, path: str, model: str) -> None:
    """Whole and streamed, also where the client must send what the vendor does not take."""
    body = question(path, "Hello", model)
    answer = served.post(path, **body)
    assert answer.status_code == 200, answer.text
    assert words(path, answer.json()) == ANSWER
    assert streamed_words(path, served.events(path, **body)) == ANSWER


@pytest.mark.parametrize("path", TOOLS)
def test_functions_are_called_through_every_api(served: Served, path: str) -> None:
    """The client's own, whole and streamed."""
    body = {**question(path, "Look. [[scenario:tool]]"), "tools": TOOLS[path]}
    assert called(path, served.post(path, **body).json()) == "look"
    assert '"look"' in json.dumps(served.events(path, **body))


def test_what_a_function_said_reaches_the_model(served: Served) -> None:
    """As a turn of the conversation."""
    path = "/v1/messages"
    body = {**question(path, "Look. [[scenario:loop n=1]]"), "tools": TOOLS[path]}
    first = served.post(path, **body).json()["content"]
    results = [
        {"type": "tool_result", "tool_use_id": each["id"], "content": "rain"}
        for each in first
        if each["type"] == "tool_use"
    ]
    turns = [{"role": "assistant", "content": first}, {"role": "user", "content": results}]
    second = served.post(path, **{**body, "messages": body["messages"] + turns}).json()
    assert second["content"][0]["text"] == "done after 1 steps"


@pytest.mark.parametrize(
    ("model", "extra"),
    [
        ("claude-code", {"reasoning_effort": "low"}),
        ("claude-code", {"thinking": {"type": "disabled"}}),
        ("codex", {"reasoning_effort": "low"}),
        ("codex", {"verbosity": "low"}),
        ("gemini-cli", {"reasoning_effort": "low"}),
    ],
)
def test_parameters_that_litellm_would_refuse_reach_the_bridge(
    served: Served, model: str, extra: dict[str, Any]
) -> None:
    """By their own names."""
    path = "/v1/chat/completions"
    assert served.post(path, **question(path, "Hello", MODELS[model]), **extra).status_code == 200


@pytest.mark.parametrize("model", ["uutel/claude-code/claude-3-of-the-future", "uutel/codex/any", "mine"])
def test_other_names_go_by_the_wildcard_and_by_the_users_own_config(served: Served, model: str) -> None:
    """What the vendor takes is for the vendor to say."""
    path = "/v1/chat/completions"
    assert words(path, served.post(path, **question(path, "Hello", model)).json()) == ANSWER


def test_the_models_are_listed(served: Served) -> None:
    """All that have names."""
    with served.client() as client:
        listed = {model["id"] for model in client.get("/v1/models").json()["data"]}
    assert {*MODELS.values(), "mine"} <= listed
    assert not any("cloud-code" in name for name in listed), "nobody has switched that on"


def test_a_model_that_nobody_has_is_refused(served: Served) -> None:
    """With its name."""
    answer = served.post("/v1/chat/completions", **question("/v1/chat/completions", "Hello", "no-such-model"))
    assert 400 <= answer.status_code < 500
    assert "no-such-model" in answer.text


@pytest.mark.parametrize("path", ["/v1/models", "/v1/chat/completions", "/v1/messages", "/health", "/uutel/status"])
@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"x-api-key": "wrong"}])
def test_nobody_gets_in_without_the_key(served: Served, path: str, headers: dict[str, str]) -> None:
    """Whatever they want, they are told so in the way that clients understand."""
    method = "POST" if path.startswith(("/v1/chat", "/v1/mess")) else "GET"
    body = question(path, "Hello") if method == "POST" else None
    answer = httpx.request(method, served.url + path, headers=headers, json=body, trust_env=False, timeout=BOUND)
    assert answer.status_code == 401
    assert ANSWER not in answer.text


@pytest.mark.parametrize("path", ["/health", f"/health?model={MODELS['codex']}", "/health/readiness"])
def test_a_look_at_its_health_asks_no_model(served: Served, path: str) -> None:
    """As that would use the plan up."""
    before = served.questions()
    with served.client() as client:
        client.get(path)
    assert served.questions() == before


async def test_a_hundred_requests_at_once_get_each_its_own_answer(served: Served) -> None:
    """None is lost, and none is mixed up, whole or streamed, whoever answers."""
    path = "/v1/chat/completions"
    answers: dict[int, str] = {}

    async def ask(number: int) -> None:
        model = list(MODELS.values())[number % len(MODELS)]
        body = question(path, f"question {number} [[scenario:echo]]", model)
        answer = await client.post(path, json={**body, "stream": number % 2 == 0})
        if number % 2:
            answers[number] = words(path, answer.json())
        else:
            lines = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
            answers[number] = streamed_words(path, lines)

    async with asynchronous(served) as client, anyio.create_task_group() as group:
        for number in range(100):
            group.start_soon(ask, number)
    assert answers == {number: f"question {number} " for number in range(100)}


@pytest.mark.parametrize("path", TOOLS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_client_that_hangs_up_before_the_answer_begins_frees_its_process(
    served: Served, path: str, stream: bool
) -> None:
    """Whether it would have been whole or streamed."""
    marker = f"[[scenario:hang0 who={path.replace('/', '-')}-{stream}]]"
    with served.client() as client, pytest.raises(httpx.ReadTimeout):
        client.post(path, json={**question(path, marker), "stream": stream}, timeout=httpx.Timeout(BOUND, read=1))
    until(lambda: marker in served.questions(), "the model was not asked")
    until(lambda: not served.leased(), "the process still works for a client that has left")


@pytest.mark.parametrize("path", TOOLS)
def test_a_client_that_hangs_up_in_mid_stream_frees_its_process(served: Served, path: str) -> None:
    """Long before the answer would have ended."""
    body = {**question(path, "[[scenario:slow n=1000]]"), "stream": True}
    with served.client() as client, client.stream("POST", path, json=body) as answer:
        lines = answer.iter_lines()  # which hang up when they are dropped
        next(lines)
        assert served.leased()
    until(lambda: not served.leased(), "the process still works for a client that has left")


def test_status_tells_of_the_processes_of_a_running_server(served: Served) -> None:
    """Found by the note that it leaves, which nobody else may read, or by its address and its key."""
    (note,) = (runtime(served.command) / "uutel-bridge").iterdir()
    assert (note.stat().st_mode & 0o777, note.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    served.post("/v1/chat/completions", **question("/v1/chat/completions", "Hello"))
    where = {"XDG_RUNTIME_DIR": str(runtime(served.command))}
    found = served.command("status", **where)
    assert (found.returncode, found.stderr) == (0, "")
    lines = found.stdout.splitlines()
    assert lines[0] == served.url
    assert "idle" in lines[1] + lines[2]
    (claude,) = (line.split() for line in lines if line.startswith(" claude-code "))
    assert int(claude[1]) >= 1
    named = served.command("status", "--url", served.url, "--key", served.key)
    assert named.stdout.splitlines()[0] == served.url
    refused = served.command("status", "--url", served.url, "--key", "wrong")
    assert (refused.returncode, "--key" in refused.stderr) == (1, True)


def test_a_key_that_it_made_is_shown_once_and_is_in_no_file_but_the_note(served: Served) -> None:
    """Not in logs, either."""
    assert served.said().count(served.key) == 1
    holding = [
        path.parent.name
        for path in served.command.home.rglob("*")
        if path.is_file() and served.key.encode() in path.read_bytes()
    ]
    assert holding == ["uutel-bridge"]


@pytest.mark.parametrize("path", TOOLS)
@pytest.mark.parametrize("scenario", ["text", "sse_error", "no_such_scenario"])
def test_what_is_said_is_in_no_log(served: Served, path: str, scenario: str) -> None:
    """Not in those of errors, either."""
    served.post(path, **question(path, f"between ourselves [[scenario:{scenario}]]"))
    assert "between ourselves" in served.questions()
    assert "between ourselves" not in served.said()


_ENDS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.mark.parametrize("number", _ENDS)
def test_a_signal_ends_it_and_every_process(uutel: Command, number: signal.Signals) -> None:
    """Soon, in the midst of answers as well; what it told others of itself goes with it."""
    path = "/v1/chat/completions"
    with serving(uutel, "--key", _KEY, code=WATCHED) as server, server.client() as client:
        assert words(path, server.post(path, **question(path, "Hello", MODELS["codex"])).json()) == ANSWER
        body = {**question(path, "[[scenario:slow n=1000]]"), "stream": True}
        with client.stream("POST", path, json=body) as answer:
            lines = answer.iter_lines()  # which hang up when they are dropped
            next(lines)
            server.process.send_signal(number)
            assert server.process.wait(BOUND) == _ENDS[number]
        assert uutel.nothing_left()
        assert _KEY not in server.said()
        assert not [word for word in ("WARNING", "Traceback") if word in server.said()]
    assert list((runtime(uutel) / "uutel-bridge").iterdir()) == []
    went = (uutel.home / "connections").read_text(encoding="utf-8").splitlines()
    assert [line for line in went if "127.0.0.1" not in line] == []


def test_a_key_in_the_config_counts(uutel: Command) -> None:
    """It is not shown, and no other is made."""
    config = uutel.home / "config.yaml"
    assert uutel("serve", "--config", str(config)).returncode == 0
    kept = yaml.safe_load(config.read_text(encoding="utf-8"))
    kept["general_settings"]["master_key"] = _KEY
    config.write_text(yaml.safe_dump(kept), encoding="utf-8")
    with serving(uutel, "--config", str(config)) as server:
        assert server.key == _KEY
        assert "Key" not in "".join(server.lines)
        with server.client() as client:
            assert client.get("/v1/models").status_code == 200


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"model_list:\n- [", ", line 2, is no YAML: "),
        (b"\xff\xff\x00", " is no YAML: it is no text."),
        (b"- model_list", " is no config: LiteLLM wants sections, such as model_list."),
        (b"", " is no config: LiteLLM wants sections, such as model_list."),
    ],
)
def test_a_config_that_is_none_is_told_at_once(uutel: Command, content: bytes, told: str) -> None:
    """In one line."""
    config = uutel.home / "config.yaml"
    config.write_bytes(content)
    done = uutel("serve", "--port", "0", "--config", str(config))
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert done.stderr.startswith(f"uutel-bridge: {config}{told}")


def test_a_config_that_litellm_does_not_take_stops_it(uutel: Command) -> None:
    """It says itself what is wrong with it."""
    config = uutel.home / "config.yaml"
    handler = "{provider: mine, custom_handler: nowhere.to_be_found}"
    config.write_text(f"litellm_settings: {{custom_provider_map: [{handler}]}}", encoding="utf-8")
    done = uutel("serve", "--port", "0", "--config", str(config))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("uutel-bridge: LiteLLM's proxy did not start.")


def test_a_config_is_written_where_there_is_none_and_left_alone_where_there_is(uutel: Command) -> None:
    """Folders as well."""
    config = uutel.home / "new" / "config.yml"
    done = uutel("serve", "--config", str(config))
    assert (done.returncode, done.stderr) == (0, "")
    assert str(config) in done.stdout
    assert yaml.safe_load(config.read_text(encoding="utf-8"))["model_list"]


def test_of_a_config_that_the_disk_does_not_take_nothing_stays(uutel: Command) -> None:
    """Half of it would be served the next time."""
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))\n"
    config = uutel.home / "config.yaml"
    done = uutel("serve", "--config", str(config), code=f"{full}from uutel_bridge.cli.main import main; main()")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"uutel-bridge: {config} cannot be written: File too large.\n"
    assert not config.exists()


def test_a_taken_port_is_said_plainly(uutel: Command) -> None:
    """At once, not after the seconds that LiteLLM takes to start; and not by taking another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = uutel("serve", "--port", port)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"uutel-bridge: Port {port} of 127.0.0.1 is taken. Choose another with --port.\n"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "somewhere.invalid"])
def test_other_machines_are_let_in_only_with_a_key_of_the_users_own(uutel: Command, host: str) -> None:
    """Whoever has it uses the login."""
    done = uutel("serve", "--host", host, "--port", "0")
    assert done.returncode == 1
    for word in (host, "your login", "--key", "LITELLM_MASTER_KEY"):
        assert word in done.stderr


@pytest.mark.parametrize("host", ["192.0.2.1", "somewhere.invalid"])
def test_an_address_that_is_not_ours_is_said_plainly(uutel: Command, host: str) -> None:
    """With a key, there is nothing else against it."""
    done = uutel("serve", "--host", host, "--port", "0", LITELLM_MASTER_KEY=_KEY)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert host in done.stderr


def test_without_any_login_it_says_how_to_log_in(uutel: Command) -> None:
    """For each provider."""
    uutel.log_out()
    done = uutel("serve", "--port", "0")
    assert done.returncode == 1
    headline, *lines = done.stderr.splitlines()
    assert headline == "uutel-bridge: No provider is ready. One of these, mended, is enough:"
    for command in ("claude auth login", "codex login"):
        assert [command in line for line in lines].count(True) == 1


def test_without_litellms_proxy_it_says_what_to_install(uutel: Command) -> None:
    """Which is an extra."""
    without = 'import sys; sys.modules["fastapi"] = None; from uutel_bridge.cli.main import main; main()'
    done = uutel("serve", "--port", "0", code=without, LITELLM_LOCAL_MODEL_COST_MAP="True")
    assert done.returncode == 1
    assert "pip install 'uutel-bridge[proxy]'" in done.stderr.splitlines()[-1]


def test_a_config_by_another_name_is_refused(uutel: Command) -> None:
    """LiteLLM would start without it, and say nothing."""
    done = uutel("serve", "--config", str(uutel.home / "config.json"))
    assert done.returncode == 1
    assert ".yaml" in done.stderr


def test_status_says_when_no_server_is_running(uutel: Command) -> None:
    """Not one that was killed, either, though its note is still there."""
    where = {"XDG_RUNTIME_DIR": str(runtime(uutel))}
    nothing = uutel("status", **where)
    assert (nothing.returncode, "uutel-bridge serve" in nothing.stderr) == (1, True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", where["XDG_RUNTIME_DIR"])
        with running.noted(running.Server("http://127.0.0.1:1", _KEY)):
            assert uutel("status", **where).stderr == nothing.stderr
    named = uutel("status", "--url", "http://127.0.0.1:1", "--key", _KEY)
    assert named.stderr == "uutel-bridge: No server answers at http://127.0.0.1:1.\n"


def test_status_knows_what_is_no_server_of_ours(uutel: Command) -> None:
    """Something else may have the port."""
    with RefusingProxy() as other:
        done = uutel("status", "--url", other.url, "--key", _KEY)
    assert done.returncode == 1
    assert other.url in done.stderr
