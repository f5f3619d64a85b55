"""The user's settings: `UUTEL_*` variables over the config file over defaults.

`UUTEL_CLAUDE_CODE__SPARES=2` and `spares = 2` under `[claude-code]` in the config file say the same. An empty variable
counts as unset.
"""

from __future__ import annotations

from collections.abc import Mapping
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

from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.retry import RetryConfig

_READERS = {
    ".toml": TomlConfigSettingsSource,
    ".yaml": YamlConfigSettingsSource,
    ".yml": YamlConfigSettingsSource,
    ".json": JsonConfigSettingsSource,
}

ModelT = TypeVar("ModelT", bound=BaseModel)
SettingsT = TypeVar("SettingsT", bound="ProviderSettings")


class ProviderSettings(BaseModel):
    """What a user can set for one provider. Each description completes "must be ..."."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    executable: str | None = Field(
        default=None, min_length=1, description="the path or the name of the vendor's command"
    )
    """The CLI to run, where it is not simply the first on PATH."""
    api_base: str | None = Field(default=None, pattern=r"^https?://\S+$", description="an http:// or https:// address")
    """Where the vendor's API is, for gateways and tests."""
    api_key: SecretStr | None = Field(default=None, min_length=1, description="a text")
    """Used in place of the stored login."""
    pass_env: tuple[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], ...] = Field(
        default=(), description="a list of names of environment variables"
    )
    """Further variables that the CLI gets to see."""
    timeout: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="a number of seconds above 0")
    """Seconds for a request that brings no time limit of its own."""
    private_links: bool = Field(default=False, description="true or false")
    """Whether the bridge may fetch links to this machine and to private networks."""

    def for_one_request(self) -> Self:
        """The same for a program that makes one request and ends."""
        return self


class CLISettings(ProviderSettings):
    """What a user can set for a provider that is a CLI."""

    spares: int = Field(default=1, ge=0, description="a whole number, 0 or more")
    """Processes kept ready for the next request."""
    max_processes: int = Field(default=4, ge=1, description="a whole number, 1 or more")
    """How many processes may live at once."""
    idle_seconds: float = Field(default=300.0, gt=0, allow_inf_nan=False, description="a number of seconds above 0")
    """Seconds without a request after which processes are stopped."""

    def for_one_request(self) -> Self:
        """Without spares, which would be started for nobody."""
        return self.model_copy(update={"spares": 0})


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
    return _load(RetryConfig, "retry", environment)


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
    title, table = _section(path, name)
    section = name.replace("-", "_")
    variables = _variables(model, section, environment)
    try:
        return model.model_validate({**table, **variables})
    except ValidationError as exc:
        key = str(exc.errors()[0]["loc"][0])
        param = f"UUTEL_{section}__{key}".upper() if key in variables else f"{path.name}: {title}.{key}"
        _complain(model, key, param, exc)


def _complain(model: type[BaseModel], key: str, param: str, cause: ValidationError) -> NoReturn:
    field = model.model_fields.get(key)
    if field is None:
        raise BadRequest(f"{param} is not a setting; known are {', '.join(model.model_fields)}.", param=param)
    raise BadRequest(f"{param} must be {field.description}.", param=param) from cause


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


def _variables(model: type[BaseModel], section: str, environment: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {section: (model, ...)}
    settings = create_model("Settings", __base__=BaseSettings, **fields)
    return _Variables(settings, f"UUTEL_{section}__".upper(), environment)().get(section, {})


def _section(path: Path, name: str) -> tuple[str, dict[str, Any]]:
    """The provider's table and the name under which the file has it, dashes or underscores."""
    document = _document(path)
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
    except (OSError, ValueError, TypeError, YAMLError) as exc:  # TypeError: a list or a number, not sections
        reason = " ".join(str(exc).split())
        raise BadRequest(f"The config file {path} cannot be read: {reason}", param=path.name) from exc
