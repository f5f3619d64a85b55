"""Where settings come from, which one wins, and what is said of a wrong one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.retry import RetryConfig
from uutel_bridge.core.settings import CLISettings, GeneralSettings, config_path, load, load_general, load_retry


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty config folder of our own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = config_path().parent
    assert folder.is_relative_to(tmp_path)
    folder.mkdir(parents=True)
    return folder


def write(folder: Path, name: str, text: str) -> Path:
    """A config file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.usefixtures("folder")
def test_without_settings_the_defaults_hold() -> None:
    """Other variables, and empty ones, are none of ours."""
    environment = {"TIMEOUT": "3", "API_KEY": "key", "UUTEL_CODEX__SPARES": "9", "UUTEL_CLAUDE_CODE__SPARES": ""}
    assert load(CLISettings, "claude-code", environment) == CLISettings()
    assert load_retry(environment) == RetryConfig()


@pytest.mark.usefixtures("folder")
def test_every_field_can_be_set_by_a_variable() -> None:
    """The provider's name in capitals with underscores."""
    fields = {
        "EXECUTABLE": "/opt/claude",
        "API_BASE": "https://gateway.example/v1",
        "API_KEY": "sk-secret",
        "SPARES": "0",
        "MAX_PROCESSES": "2",
        "IDLE_SECONDS": "1.5",
        "PASS_ENV": "ONE, TWO,",
        "TIMEOUT": "90",
        "PRIVATE_LINKS": "true",
    }
    settings = load(CLISettings, "claude-code", {f"UUTEL_CLAUDE_CODE__{name}": value for name, value in fields.items()})
    assert settings == CLISettings(
        executable="/opt/claude",
        api_base="https://gateway.example/v1",
        api_key=SecretStr("sk-secret"),
        spares=0,
        max_processes=2,
        idle_seconds=1.5,
        pass_env=("ONE", "TWO"),
        timeout=90,
        private_links=True,
    )


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("written", ["ONE,TWO", '["ONE", "TWO"]', ' ["ONE","TWO"] '])
def test_a_list_is_written_with_commas_or_as_json(written: str) -> None:
    """Both mean the same."""
    assert load(CLISettings, "claude-code", {"UUTEL_CLAUDE_CODE__PASS_ENV": written}).pass_env == ("ONE", "TWO")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.toml", '[claude-code]\nspares = 3\npass_env = ["ONE"]\n[retry]\nretry_on_status = [500]\n'),
        ("config.toml", '[claude_code]\nspares = 3\npass_env = ["ONE"]\n[retry]\nretry_on_status = [500]\n'),
        ("config.yaml", "claude-code:\n  spares: 3\n  pass_env: [ONE]\nretry:\n  retry_on_status: [500]\n"),
        ("config.yml", "claude_code:\n  spares: 3\n  pass_env:\n  - ONE\nretry: {retry_on_status: [500]}\n"),
        (
            "config.json",
            json.dumps({"claude-code": {"spares": 3, "pass_env": ["ONE"]}, "retry": {"retry_on_status": [500]}}),
        ),
    ],
)
def test_the_config_file_is_read_in_each_format(folder: Path, name: str, text: str) -> None:
    """The section is the provider's name, with dashes or underscores."""
    path = write(folder, name, text)
    assert config_path() == path
    assert load(CLISettings, "claude-code", {}) == CLISettings(spares=3, pass_env=("ONE",))
    assert load_retry({}) == RetryConfig(retry_on_status=(500,))
    assert load(CLISettings, "codex", {}) == CLISettings()


def test_a_variable_wins_over_the_file_for_its_own_field_only(folder: Path) -> None:
    """The rest of the section stays."""
    write(folder, "config.toml", "[claude-code]\nspares = 3\nmax_processes = 9\n[retry]\nmax_retries = 1\n")
    settings = load(CLISettings, "claude-code", {"UUTEL_CLAUDE_CODE__SPARES": "5"})
    assert (settings.spares, settings.max_processes) == (5, 9)
    retry = load_retry({"UUTEL_RETRY__RETRY_ON_STATUS": "500,503"})
    assert (retry.max_retries, retry.retry_on_status) == (1, (500, 503))


@pytest.mark.parametrize(
    ("name", "text"), [("config.toml", ""), ("config.yaml", "claude-code:\n"), ("config.json", "{}")]
)
def test_an_empty_file_or_section_sets_nothing(folder: Path, name: str, text: str) -> None:
    """It is not an error to have nothing to say."""
    write(folder, name, text)
    assert load(CLISettings, "claude-code", {}) == CLISettings()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("SPARES", "-1"),
        ("SPARES", "many"),
        ("MAX_PROCESSES", "0"),
        ("IDLE_SECONDS", "0"),
        ("IDLE_SECONDS", "inf"),
        ("TIMEOUT", "nan"),
        ("API_BASE", "gateway.example"),
        ("PASS_ENV", "ONE TWO"),
        ("PASS_ENV", "[ONE"),
        ("PASS_ENV", '["ONE"'),
        ("PASS_ENV", "[1]"),
    ],
)
def test_a_wrong_variable_is_named_with_what_is_allowed(field: str, value: str) -> None:
    """The message is ours, not the validator's."""
    with pytest.raises(BadRequest) as caught:
        load(CLISettings, "claude-code", {f"UUTEL_CLAUDE_CODE__{field}": value})
    assert caught.value.param == f"UUTEL_CLAUDE_CODE__{field}"
    allowed = CLISettings.model_fields[field.lower()].description
    assert caught.value.message == f"UUTEL_CLAUDE_CODE__{field} must be {allowed}."


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "param", "nearest"),
    [
        ("UUTEL_CLAUDE_CODE__SPARSE", "UUTEL_CLAUDE_CODE__SPARSE", "UUTEL_CLAUDE_CODE__SPARES"),
        ("UUTEL_CLAUDE_CODE__SPARE__S", "UUTEL_CLAUDE_CODE__SPARE", "UUTEL_CLAUDE_CODE__SPARES"),
        ("UUTEL_CLAUDE_CODE__TIME_OUT", "UUTEL_CLAUDE_CODE__TIME_OUT", "UUTEL_CLAUDE_CODE__TIMEOUT"),
        ("UUTEL_CLAUDE_CODE_SPARES", "UUTEL_CLAUDE_CODE_SPARES", "UUTEL_CLAUDE_CODE__SPARES"),
        ("UUTEL_CLAUDE__SPARES", "UUTEL_CLAUDE__SPARES", "UUTEL_CLAUDE_CODE__SPARES"),
    ],
)
def test_an_unknown_variable_is_an_error_that_names_the_nearest(name: str, param: str, nearest: str) -> None:
    """A typing error does not pass in silence."""
    with pytest.raises(BadRequest, match=rf"{param} is not a setting. Did you mean {nearest}\? Known are ") as caught:
        load(CLISettings, "claude-code", {name: "1"})
    assert caught.value.param == param


@pytest.mark.usefixtures("folder")
def test_an_unknown_variable_that_resembles_none_is_an_error_with_all_that_are_known() -> None:
    """There is no guessing."""
    with pytest.raises(
        BadRequest, match=f"is not a setting. Known are {', '.join(CLISettings.model_fields)}."
    ) as caught:
        load(CLISettings, "claude-code", {"UUTEL_CLAUDE_CODE__ZZZ": "1"})
    assert caught.value.param == "UUTEL_CLAUDE_CODE__ZZZ"


@pytest.mark.parametrize(
    ("text", "variable", "nearest"),
    [
        ("[claude]\nspares = 1\n", "UUTEL_CLAUDE__SPARES", "claude-code"),
        ("[Claude-Code]\nspares = 1\n", "UUTEL_CLAUD_CODE__SPARES", "claude-code"),
        ("[codx]\nspares = 1\n", "UUTEL_CODX__SPARES", "codex"),
        ("[gemini]\n", "UUTEL_GEMINI__API_KEY", "gemini-cli"),
        ("[retries]\n", "UUTEL_RETRIES__MAX_RETRIES", "retry"),
    ],
)
def test_an_unknown_section_is_an_error_of_the_one_that_it_resembles(
    folder: Path, text: str, variable: str, nearest: str
) -> None:
    """The others go on: they were hardly meant."""
    path = write(folder, "config.toml", text)
    said: dict[str, list[str]] = {}
    for environment in ({}, {variable: "1"}):
        path.write_text(text if not environment else "", encoding="utf-8")
        for name in ("claude-code", "codex", "gemini-cli"):
            try:
                load(CLISettings, name, environment)
            except BadRequest as error:
                said.setdefault(name, []).append(error.message)
        try:
            load_retry(environment)
        except BadRequest as error:
            said.setdefault("retry", []).append(error.message)
    assert list(said) == [nearest]
    in_file, in_environment = said[nearest]
    title = text.partition("]")[0].removeprefix("[")
    assert in_file.startswith(f"config.toml: {title} is not a setting. Did you mean {nearest}? Known are ")
    key = variable.rpartition("__")[2]
    assert f"Did you mean UUTEL_{nearest.upper().replace('-', '_')}__{key}?" in in_environment


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.toml", "[zzz]\nspares = 1\n"),
        ("config.toml", "max_processes = 2\n"),
        ("config.json", '{"zzz": null}'),
    ],
)
def test_an_unknown_section_that_resembles_none_is_an_error_of_all(folder: Path, name: str, text: str) -> None:
    """Nobody can tell whose it was meant to be."""
    write(folder, name, text)
    for section in ("claude-code", "codex"):
        with pytest.raises(BadRequest, match=r"is not a setting\. Known are claude-code, cloud-code, codex") as caught:
            load(CLISettings, section, {})
        assert caught.value.param.startswith(f"{name}: ")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", ["UUTEL_LOG", "UUTEL_ZZZ_SPARES", "OTHER_CODEX__SPARES", "UUTEL_"])
def test_variables_that_are_no_settings_of_a_section_are_left_alone(name: str) -> None:
    """Other programs, and other parts of this one, have theirs."""
    assert load(CLISettings, "claude-code", {name: "1"}) == CLISettings()


@pytest.mark.usefixtures("folder")
def test_an_empty_variable_with_an_unknown_name_counts_as_unset() -> None:
    """As any empty one does."""
    environment = {"UUTEL_CLAUDE__SPARES": "", "UUTEL_CLAUDE_CODE__SPARSE": "", "UUTEL_CLAUDE_CODE_SPARES": ""}
    assert load(CLISettings, "claude-code", environment) == CLISettings()


@pytest.mark.parametrize(
    ("text", "param"),
    [
        ("[claude-code]\nspares = -1\n", "config.toml: claude-code.spares"),
        ("[claude_code]\nspare = 1\n", "config.toml: claude_code.spare"),
        ("[claude-code]\n7 = 1\n", "config.toml: claude-code.7"),
        ("[claude-code]\npass_env = ['not a name']\n", "config.toml: claude-code.pass_env"),
        ("claude-code = 3\n", "config.toml: claude-code"),
        ("claude-code = []\n", "config.toml: claude-code"),
        ("[claude-code]\n[claude_code]\n", "config.toml: claude_code"),
    ],
)
def test_a_wrong_entry_of_the_file_is_named(folder: Path, text: str, param: str) -> None:
    """File, section and key."""
    write(folder, "config.toml", text)
    with pytest.raises(BadRequest) as caught:
        load(CLISettings, "claude-code", {})
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.toml", "[claude-code\n"),
        ("config.yaml", "claude-code: [\n"),
        ("config.yaml", "- 1\n"),
        ("config.yaml", "7: {}\n"),
        ("config.yml", "3\n"),
        ("config.json", "{"),
        ("config.json", "[1]"),
        ("config.json", "null"),
    ],
)
def test_a_broken_file_is_named_by_its_path(folder: Path, name: str, text: str) -> None:
    """Whatever is wrong with it."""
    path = write(folder, name, text)
    with pytest.raises(BadRequest) as caught:
        load(CLISettings, "claude-code", {})
    assert caught.value.param == name
    assert str(path) in caught.value.message


def test_a_file_that_is_not_text_is_named_by_its_path(folder: Path) -> None:
    """Bytes that are no UTF-8."""
    path = folder / "config.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BadRequest) as caught:
        load(CLISettings, "claude-code", {})
    assert str(path) in caught.value.message


def test_two_config_files_are_an_error_that_names_both(folder: Path) -> None:
    """Neither is silently the right one."""
    paths = [write(folder, name, "") for name in ("config.toml", "config.json")]
    with pytest.raises(BadRequest) as caught:
        load(CLISettings, "claude-code", {})
    assert all(str(path) in caught.value.message for path in paths)


def test_without_a_file_the_path_is_that_of_the_toml_one(folder: Path) -> None:
    """What to create."""
    assert config_path() == folder / "config.toml"


@pytest.mark.parametrize("name", ["config.toml", "config.yaml", "config.json"])
def test_a_key_never_shows_in_an_error(folder: Path, name: str) -> None:
    """Not in the message, and not in the error behind it."""
    texts = {
        "config.toml": "[claude-code]\napi_key = ['sk-secret']\n",
        "config.yaml": "claude-code:\n  api_key: 'sk-secret\n",
        "config.json": '{"claude-code": {"api_key": ["sk-secret"]}}',
    }
    write(folder, name, texts[name])
    with pytest.raises(BadRequest) as caught:
        load(CLISettings, "claude-code", {})
    assert "sk-secret" not in str(caught.value)
    assert "sk-secret" not in str(caught.value.__cause__)


@pytest.mark.usefixtures("folder")
def test_a_key_never_shows_in_a_repr() -> None:
    """Settings end up in logs."""
    assert "sk-secret" not in repr(load(CLISettings, "claude-code", {"UUTEL_CLAUDE_CODE__API_KEY": "sk-secret"}))


def test_settings_do_not_change() -> None:
    """They are shared between threads."""
    with pytest.raises(ValidationError):
        CLISettings().spares = 2  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.toml", "log_content = true\n[codex]\nspares = 3\n"),
        ("config.yaml", "codex: {spares: 3}\nlog_content: yes\n"),
        ("config.json", '{"log_content": true, "codex": {"spares": 3}}'),
    ],
)
def test_a_setting_for_all_stands_above_the_sections(folder: Path, name: str, text: str) -> None:
    """It is none of a provider's; without it the default holds, and a variable wins."""
    assert load_general({}) == GeneralSettings(log_content=False)
    write(folder, name, text)
    assert load_general({}) == load_general({"UUTEL_LOG_CONTENT": ""}) == GeneralSettings(log_content=True)
    assert load_general({"UUTEL_LOG_CONTENT": "false"}) == GeneralSettings(log_content=False)
    assert load(CLISettings, "codex", {"UUTEL_LOG_CONTENT": "true"}) == CLISettings(spares=3)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", ["UUTEL_LOG", "UUTEL_LOG_LEVEL", "UUTEL_CODEX__SPARES", "UUTEL_"])
def test_variables_that_resemble_no_setting_for_all_are_left_alone(name: str) -> None:
    """They are somebody's."""
    assert load_general({name: "1"}) == GeneralSettings()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("UUTEL_LOG_CONTENT", "perhaps", "UUTEL_LOG_CONTENT must be true or false."),
        ("UUTEL_LOG_CONTENT", "2", "UUTEL_LOG_CONTENT must be true or false."),
        ("UUTEL_LOG_CONTNET", "true", "UUTEL_LOG_CONTNET is not a setting. Did you mean UUTEL_LOG_CONTENT? "),
    ],
)
def test_a_wrong_variable_for_all_is_an_error(name: str, value: str, message: str) -> None:
    """In our own words."""
    with pytest.raises(BadRequest, match=re.escape(message)) as caught:
        load_general({name: value})
    assert caught.value.param == name


@pytest.mark.parametrize(
    ("text", "param"),
    [
        ("log_content = 'perhaps'\n", "config.toml: log_content"),
        ("[log_content]\n", "config.toml: log_content"),
        ("log_contents = true\n", "config.toml: log_contents"),
        ("zzz = true\n", "config.toml: zzz"),
    ],
)
def test_a_wrong_entry_above_the_sections_is_named(folder: Path, text: str, param: str) -> None:
    """With what it should be."""
    write(folder, "config.toml", text)
    with pytest.raises(BadRequest, match=r"log_content|true or false") as caught:
        load_general({})
    assert caught.value.param == param
