"""The user's settings: `UUTEL_*` variables over the config file over defaults.

`UUTEL_CLAUDE_CODE__SPARES=2` and `spares = 2` under `[claude-code]` in the config file say the same; a setting of no
section is `UUTEL_LOG_CONTENT=true`, or `log_content = true` above all sections. An empty variable counts as unset. A
name that nobody knows is an error: of the section in which it stands, or which it resembles, and of all sections where
it resembles none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar, cast

import orjson
from platformdirs import user_config_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    JsonConfigSettingsSource,
    TomlConfigSettingsSource,
    YamlConfigSettingsSource,
)
from typing_extensions import Self

from uutel_bridge.core import registry
from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.retry import RetryConfig

_READERS = {
    ".toml": TomlConfigSettingsSource,
    ".yaml": YamlConfigSettingsSource,
    ".yml": YamlConfigSettingsSource,
    ".json": JsonConfigSettingsSource,
}

_RETRY = "retry"
"""The one section that is no provider's."""

ModelT = TypeVar("ModelT", bound=BaseModel)
SettingsT = TypeVar("SettingsT", bound="ProviderSettings")


_ADDRESS = r"^https?://\S+$"


class ProviderSettings(BaseModel):
    """What a user can set for one provider. Each description completes "must be ..."."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    executable: str | None = Field(
        default=None, min_length=1, description="the path or the name of the vendor's command"
    )
    """The CLI to run, where it is not simply the first of its name on PATH."""
    api_base: str | None = Field(default=None, pattern=_ADDRESS, description="an http:// or https:// address")
    """Where the vendor's API is, for gateways and tests."""
    api_key: SecretStr | None = Field(default=None, min_length=1, description="a text")
    """Used in place of the stored login."""
    pass_env: tuple[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], ...] = Field(
        default=(), description="a list of names of environment variables"
    )
    """Further variables that the CLI gets to see."""
    timeout: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="a number of seconds above 0")
    """Seconds for a whole answer, where a call brings no shorter `timeout` (LiteLLM's default is 600)."""
    private_links: bool = Field(default=False, description="true or false")
    """Whether links that the bridge fetches may lead to this machine and to private networks."""

    def for_one_request(self) -> Self:
        """The same for a program that makes one request and ends."""
        return self

    def with_callers(self, api_key: str | None, api_base: str | None) -> Self:
        """The same for a call that may bring a key and an address of its own.

        Raises:
            BadRequest: That is no address.
        """
        if api_base and not re.fullmatch(_ADDRESS, api_base):
            raise BadRequest("api_base must be an http:// or https:// address.", param="api_base")
        given = {"api_key": SecretStr(api_key) if api_key else None, "api_base": api_base}
        return self.model_copy(update={name: value for name, value in given.items() if value})


class CLISettings(ProviderSettings):
    """What a user can set for a provider that is a CLI."""

    spares: int = Field(default=1, ge=0, description="a whole number, 0 or more")
    """Processes kept ready for the next request."""
    max_processes: int = Field(default=4, ge=1, description="a whole number, 1 or more")
    """How many processes may live at once; further requests wait in line."""
    idle_seconds: float = Field(default=300.0, gt=0, allow_inf_nan=False, description="a number of seconds above 0")
    """Seconds without a request after which processes are stopped."""

    def for_one_request(self) -> Self:
        """Without spares, which would be started for nobody."""
        return self.model_copy(update={"spares": 0})


class GeneralSettings(BaseModel):
    """What a user can set for all providers at once; it stands in no section."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    log_content: bool = Field(default=False, description="true or false")
    """Whether the log at DEBUG also tells what is asked and answered: texts, calls of functions and their results."""


def load(model: type[SettingsT], provider_name: str, environment: Mapping[str, str]) -> SettingsT:
    """The settings of a provider, as its model has them.

    Raises:
        BadRequest: A setting is unknown or wrong, or the config file cannot be read; `param` names it.
    """
    return _load(model, provider_name, environment)


def load_retry(environment: Mapping[str, str]) -> RetryConfig:
    """The settings for retries, `UUTEL_RETRY__*` or `[retry]`.

    Raises:
        BadRequest: As in `load`.
    """
    return _load(RetryConfig, _RETRY, environment)


def load_general(environment: Mapping[str, str]) -> GeneralSettings:
    """The settings that stand in no section.

    Raises:
        BadRequest: As in `load`.
    """
    known = GeneralSettings.model_fields
    path = config_path()
    document = _document(path)
    variables = {key: environment[_general(key)] for key in known if environment.get(_general(key))}
    _refuse_unknown_sections(known, path, document)
    _refuse_misspelt(environment)
    try:
        return GeneralSettings.model_validate({**{key: document[key] for key in known if key in document}, **variables})
    except ValidationError as exc:
        key = str(exc.errors()[0]["loc"][0])
        _complain(GeneralSettings, key, _general if key in variables else f"{path.name}: {{}}".format, exc)


def config_path() -> Path:
    """The config file: the one that exists, else the one that would be read.

    Raises:
        BadRequest: There are two of them.
    """
    folder = user_config_path("uutel-bridge")
    candidates = [folder / f"config{suffix}" for suffix in _READERS]
    found = [path for path in candidates if path.is_file()]
    if len(found) > 1:
        paths = " and ".join(map(str, found))
        raise BadRequest(f"There must be only one config file, not {paths}; remove all but one.", param=found[1].name)
    return found[0] if found else candidates[0]


def _load(model: type[ModelT], name: str, environment: Mapping[str, str]) -> ModelT:
    path = config_path()
    document = _document(path)
    title, table = _section(document, path, name)
    variables = _variables(model, name, environment)
    _refuse_unknown_sections([name], path, document)
    _refuse_unknown_variables(name, model, environment)
    try:
        return model.model_validate({**table, **variables})
    except ValidationError as exc:
        key = str(exc.errors()[0]["loc"][0])
        written = partial(_variable, name) if key in variables else f"{path.name}: {title}.{{}}".format
        _complain(model, key, written, exc)


def _complain(model: type[BaseModel], key: str, written: Callable[[str], str], cause: ValidationError) -> NoReturn:
    field = model.model_fields.get(key)
    if field is None:
        raise _unknown(written(key), key, model.model_fields, written)
    raise BadRequest(f"{written(key)} must be {field.description}.", param=written(key)) from cause


def _unknown(param: str, word: str, known: Collection[str], written: Callable[[str], str]) -> BadRequest:
    """What to say of `param`, in which `word` is none of those that are known."""
    nearest = get_close_matches(word, known, n=1)
    hint = f"Did you mean {written(nearest[0])}? " if nearest else ""
    return BadRequest(f"{param} is not a setting. {hint}Known are {', '.join(known)}.", param=param)


def _refuse_unknown_sections(mine: Collection[str], path: Path, document: Mapping[str, Any]) -> None:
    for title in document:
        if title not in GeneralSettings.model_fields:
            _refuse_unknown_section(mine, f"{path.name}: {title}", title, str)


def _refuse_unknown_variables(name: str, model: type[BaseModel], environment: Mapping[str, str]) -> None:
    for variable in sorted(key for key, value in environment.items() if value and key.startswith("UUTEL_")):
        section, separator, key = variable.removeprefix("UUTEL_").partition("__")
        if separator:
            _refuse_unknown_section([name], variable, section.lower(), partial(_variable, key=key))
        elif variable.startswith(start := _variable(name, "").removesuffix("_")):  # UUTEL_CODEX_SPARES
            key = variable.removeprefix(start).lower()
            raise _unknown(variable, key, model.model_fields, partial(_variable, name))


def _refuse_misspelt(environment: Mapping[str, str]) -> None:
    known = GeneralSettings.model_fields
    for variable in sorted(key for key, value in environment.items() if value and key.startswith("UUTEL_")):
        key = variable.removeprefix("UUTEL_").lower()
        if key not in known and "__" not in key and get_close_matches(key, known):
            raise _unknown(variable, key, known, _general)


def _refuse_unknown_section(mine: Collection[str], param: str, section: str, written: Callable[[str], str]) -> None:
    """Refuse one that nobody has, unless it resembles another one than `mine`, where it will be refused."""
    known = (*registry.installed_names(), _RETRY, *GeneralSettings.model_fields)
    word = section.replace("_", "-")
    if word not in known and set(get_close_matches(word, known, n=1)) <= set(mine):
        raise _unknown(param, word, known, written)


def _general(key: str) -> str:
    return f"UUTEL_{key.upper()}"


def _variable(name: str, key: str) -> str:
    return f"UUTEL_{name}__{key}".replace("-", "_").upper()


class _Variables(EnvSettingsSource):
    """Variables of a given environment, not of this process; lists also as `A,B`."""

    def __init__(self, settings_cls: type[BaseSettings], prefix: str, environment: Mapping[str, str]) -> None:
        super().__init__(settings_cls, env_prefix="UUTEL_", env_nested_delimiter="__")
        self.env_vars = {k.lower(): v for k, v in environment.items() if k.startswith(prefix) and v}

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        if value.lstrip().startswith("["):
            try:
                return orjson.loads(value)
            except orjson.JSONDecodeError:
                return value  # no list: the model says what it must be
        return [item.strip() for item in value.split(",") if item.strip()]


def _variables(model: type[BaseModel], name: str, environment: Mapping[str, str]) -> dict[str, Any]:
    section = name.replace("-", "_")
    fields: dict[str, Any] = {section: (model, ...)}
    settings = create_model("Settings", __base__=BaseSettings, **fields)
    return _Variables(settings, _variable(name, ""), environment)().get(section, {})


def _section(document: Mapping[str, Any], path: Path, name: str) -> tuple[str, dict[str, Any]]:
    """The provider's table and the name under which the file has it, dashes or underscores."""
    titles = [title for title in dict.fromkeys((name, name.replace("-", "_"))) if title in document]
    if len(titles) > 1:
        param = f"{path.name}: {titles[1]}"
        raise BadRequest(f"{path} must have only one of the sections {' and '.join(titles)}.", param=param)
    title = titles[0] if titles else name
    table: object = document.get(title)
    if table is None:  # YAML's way to write an empty section
        table = {}
    if not isinstance(table, dict):
        raise BadRequest(f"{title} in {path} must be a section with settings.", param=f"{path.name}: {title}")
    return title, cast("dict[str, Any]", table)


def _document(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    from yaml import YAMLError  # noqa: PLC0415 - 20 ms, only where there is a config file

    try:
        return _READERS[path.suffix](BaseSettings, path)()
    except (OSError, ValueError, TypeError, AttributeError, YAMLError) as exc:  # not sections, or not with names
        reason = " ".join(str(exc).split())
        raise BadRequest(f"The config file {path} cannot be read: {reason}", param=path.name) from exc
