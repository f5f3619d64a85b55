"""Every example runs as it stands, here on the fakes."""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from uutel_bridge import testing

_ROOT = Path(__file__).parents[1]
_EXAMPLES = _ROOT / "examples"
_KEY = f"sk-{secrets.token_hex(32)}"
_ANSWER = "part0 part1 part2 part3 "
_CLAUDE, _CODEX = ".claude/.credentials.json", ".codex/auth.json"


@pytest.fixture(autouse=True)
def on_fakes() -> Iterator[Path]:
    """Nobody is logged in here; the home with the made-up logins."""
    with testing.fake_clis() as home:
        os.environ |= {"PYTHONPATH": str(_ROOT), "LITELLM_MASTER_KEY": _KEY, "TEAM_ANTHROPIC_KEY": "sk-ant-made-up"}
        yield home


_QUESTIONS = {
    "agent_loop_example.py": ("[[scenario:loop n=2]]", "done after 2 steps"),
    "tool_calling_example.py": ("[[scenario:loop n=2]]", "done after 2 steps"),
    "structured_output_example.py": ("[[scenario:json]]", "s: 1 minutes, 1 ingredients"),
}
"""What makes the fake model do what the example is about, and the answer to it."""


@pytest.mark.parametrize("example", sorted(_EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_runs_as_it_stands(example: Path) -> None:
    """It ends well, prints answers, and warns of nothing."""
    *question, answer = _QUESTIONS.get(example.name, (_ANSWER,))
    if example.name == "proxy_example.py":
        pytest.importorskip("fastapi", reason="the extra `proxy` is not installed")
    assert answer in _printed(example, *question)


@pytest.mark.parametrize(("missing", "model"), [((_CLAUDE,), "codex/default"), ((_CLAUDE, _CODEX), "gemini-cli/flash")])
def test_the_conversation_goes_on_with_the_next_vendor(on_fakes: Path, missing: tuple[str, ...], model: str) -> None:
    """That is, with the first that is logged in."""
    for login in missing:
        (on_fakes / login).unlink()
    assert _printed(_EXAMPLES / "fallback_example.py").count(f"{model}: {_ANSWER}") == 2


def _printed(program: Path, *arguments: str) -> str:
    command = [sys.executable, str(program), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_readme_runs_as_it_stands() -> None:
    """Its pieces of Python, one after the other."""
    text = (_ROOT / "README.md").read_text(encoding="utf-8")
    program = "".join(re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(_ANSWER) == 3


def _readme_commands() -> list[str]:
    """What it shows of the command line, but for what serves or waits for a person to log in, or has no server."""
    text = (_ROOT / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^    (uutel-bridge (?:ask|chat|models|doctor) .*)$", text, re.MULTILINE)
    assert len(lines) > 5
    return lines


@pytest.mark.parametrize("line", _readme_commands(), ids=lambda line: line.partition("#")[0].strip())
def test_a_command_of_the_readme_runs_as_it_stands(line: str) -> None:
    """With the remark behind it."""
    _, *arguments = shlex.split(line, comments=True)
    command = [sys.executable, "-m", "uutel_bridge", *arguments]
    done = subprocess.run(command, check=False, input="Hello\n", capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert done.stdout


def test_the_readmes_proxy_config_says_what_the_sample_says() -> None:
    """The sample is served below; the shorter one has none but its settings."""
    text = (_ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    short, sample = yaml.safe_load(block), yaml.safe_load((_EXAMPLES / "proxy_config.yaml").read_text(encoding="utf-8"))
    for section in ("litellm_settings", "router_settings"):
        assert short[section] == sample[section]
    assert {_kind(each) for each in short["model_list"]} == {_kind(each) for each in sample["model_list"]}


def _kind(deployment: dict[str, Any]) -> tuple[str, str]:
    """What a deployment says, whichever model of its provider it names."""
    params = dict(deployment["litellm_params"])
    return params.pop("model").rpartition("/")[0], json.dumps(params)


def test_the_proxy_serves_the_sample_config(tmp_path: Path) -> None:
    """Named models and wildcards, with reasoning effort, plain and streamed."""
    pytest.importorskip("litellm.proxy.proxy_cli", reason="the extra `proxy` is not installed")
    pytest.importorskip("fastapi", reason="the extra `proxy` is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from litellm import run_server; run_server()"]
    arguments = ["--config", str(_EXAMPLES / "proxy_config.yaml"), "--host", "127.0.0.1", "--port", str(port)]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen([*command, *arguments], stdout=log, stderr=log) as proxy,
    ):
        try:
            _wait_until_up(f"http://127.0.0.1:{port}/health/liveliness", proxy)
            url = f"http://127.0.0.1:{port}/v1/chat/completions"
            question = {"messages": [{"role": "user", "content": "Hello"}], "reasoning_effort": "low"}
            for model in ("sonnet", "claude-code/opus", "codex/default", "gemini-cli/flash"):
                answer = json.loads(_post(url, {**question, "model": model}))
                assert answer["choices"][0]["message"]["content"] == _ANSWER
                streamed = _post(url, {**question, "model": model, "stream": True})
                assert _joined(streamed) == _ANSWER
        finally:
            proxy.terminate()


def _wait_until_up(url: str, proxy: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while True:
        assert proxy.poll() is None, "the proxy has ended"
        try:
            urllib.request.urlopen(url, timeout=10).close()
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < deadline, "the proxy did not come up"
            time.sleep(0.2)
        else:
            return


def _post(url: str, body: dict[str, Any]) -> str:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"content-type": "application/json", "authorization": f"Bearer {_KEY}"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read().decode()


def _joined(events: str) -> str:
    lines = [line.removeprefix("data: ") for line in events.splitlines() if line.startswith("data: {")]
    return "".join(json.loads(line)["choices"][0]["delta"].get("content") or "" for line in lines)
