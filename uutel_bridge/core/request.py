"""What the caller asked for, checked once, in no vendor's words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from uutel_bridge.core.errors import BadRequest, UnsupportedParam
from uutel_bridge.core.messages import Message, read_messages
from uutel_bridge.core.tools import (
    ResponseFormat,
    Tool,
    ToolChoice,
    read_response_format,
    read_tool_choice,
    read_tools,
)

_TEXT = {"type": "text"}

ASK_NOTHING: Mapping[str, tuple[object, ...]] = {
    "frequency_penalty": (0,),
    "logprobs": (False,),
    "modalities": (["text"],),
    "parallel_tool_calls": (True,),
    "presence_penalty": (0,),
    "response_format": (_TEXT,),
    "service_tier": ("auto", "default"),
    "store": (False,),
    "tool_choice": ("auto",),
    "tools": ([],),
}
"""Values that clients send out of habit and that change nothing, so a provider without the parameter can take them."""

ASK_NOTHING_WITHOUT_TOOLS: Mapping[str, tuple[object, ...]] = {
    **ASK_NOTHING,
    "parallel_tool_calls": (True, False),
    "tool_choice": ("auto", "none"),
}
"""The same for a request without `tools`: it need not be told how not to use them."""

_OTHER_NAMES: Mapping[str, str] = {"effort": "reasoning_effort", "max_completion_tokens": "max_tokens"}
"""Second names: OpenAI's newer one, and ours for what LiteLLM does not let through to a custom provider."""


_THINKING: Mapping[str, frozenset[str]] = {
    "enabled": frozenset({"type", "budget_tokens", "display"}),
    "disabled": frozenset({"type"}),
    "adaptive": frozenset({"type", "display"}),
}
"""What each type of `thinking` may hold."""


_ONLY_JSON = "Answer with a single JSON object and nothing else: no words around it, no code fence."


def _as_tuple(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    return tuple(cast("list[object]", value)) if isinstance(value, list) else value


def _thinking(value: Mapping[str, Any]) -> Mapping[str, Any]:
    kind, budget, display = value.get("type"), value.get("budget_tokens"), value.get("display", "")
    fields = _THINKING.get(str(kind))
    if fields is None:
        raise ValueError(f"type {kind!r} is not one of {', '.join(_THINKING)}")
    if unknown := sorted(set(value) - fields):
        raise ValueError(f"{unknown[0]!r} does not go with type {kind!r}")
    if kind == "enabled" and (type(budget) is not int or budget < 1):
        raise ValueError("budget_tokens must be a whole number of at least 1")
    if not isinstance(display, str):
        raise ValueError("display must be text")  # noqa: TRY004  # Pydantic reports a ValueError
    return value


class ChatRequest(BaseModel):
    """An OpenAI chat request after validation. A field that is None was not asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)

    model: str = Field(min_length=1)
    messages: tuple[Message, ...]
    max_tokens: int | None = Field(default=None, ge=1, lt=2**31)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    stop: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_as_tuple)] = ()
    reasoning_effort: str | None = Field(default=None, min_length=1)
    verbosity: str | None = Field(default=None, min_length=1)
    service_tier: str | None = Field(default=None, min_length=1)
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    top_k: int | None = Field(default=None, ge=1, lt=2**31)
    safety_settings: Annotated[tuple[Mapping[str, Any], ...], BeforeValidator(_as_tuple)] = ()
    """Google's: a list of `{"category", "threshold"}`."""
    project_id: str | None = Field(default=None, min_length=1)
    """Google's: the Cloud project that a request is for."""
    n: int = Field(default=1, ge=1, le=128)
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice("auto")
    parallel_tool_calls: bool = True
    response_format: ResponseFormat | None = None
    thinking: Annotated[Mapping[str, Any], AfterValidator(_thinking)] | None = None
    """Anthropic's switch, as LiteLLM takes it: `type`, and `budget_tokens` or `display` where the type has them."""

    @property
    def instructions(self) -> str:
        """The system messages, a blank line between them; and in words, that any JSON object is wanted.

        The vendors know schemas only, and none that any object fits.
        """
        said = [message.text for message in self.messages if message.role == "system"]
        any_object = self.response_format is not None and self.response_format.schema is None
        return "\n\n".join([*said, _ONLY_JSON] if any_object else said)


def read_request(
    model: str,
    messages: object,
    params: Mapping[str, Any],
    *,
    provider: str,
    supported: Iterable[str],
    drop_unsupported: bool = False,
) -> ChatRequest:
    """An OpenAI request, as LiteLLM hands it over, as a checked `ChatRequest`.

    Args:
        model: The name without the provider's prefix.
        messages: OpenAI's list.
        params: OpenAI's other parameters by name; `extra_body` is unpacked.
        provider: Named in errors.
        supported: Parameters that this provider can carry out.
        drop_unsupported: LiteLLM's `drop_params`: leave out what the provider cannot do, instead of refusing it.

    Raises:
        BadRequest: Something cannot be right; `param` names it.
        UnsupportedParam: Something is right, but not possible here.
    """
    given = _given(params, provider)
    known = {*supported, "n"}
    unsupported = sorted(set(given) - known)
    if unsupported and not drop_unsupported:
        raise _unsupported(unsupported[0], provider)
    asked = {name: value for name, value in given.items() if name in known}
    try:
        read = read_messages(messages)
        if "tools" not in known:
            _refuse_calls(read, provider)
        tools = read_tools(asked.pop("tools", ()))
        return ChatRequest(
            model=model,
            messages=read,
            tools=tools,
            tool_choice=read_tool_choice(asked.pop("tool_choice", "auto"), tools),
            response_format=read_response_format(asked.pop("response_format", _TEXT)),
            **asked,
        )
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        param = str(first["loc"][0])
        raise BadRequest(f"{param}: {first['msg']}.", param=param, provider=provider) from exc
    except BadRequest as exc:
        exc.provider = provider
        raise


def _given(params: Mapping[str, Any], provider: str) -> dict[str, Any]:
    """What was really asked for: without nulls, habits, second names and the wrapping of `extra_body`."""
    flat = {name: value for name, value in params.items() if name != "extra_body"}
    extra = params.get("extra_body")
    if isinstance(extra, Mapping):
        flat.update(cast("Mapping[str, Any]", extra))
    elif extra is not None:
        raise BadRequest("extra_body: an object is needed.", param="extra_body", provider=provider)
    neutral = ASK_NOTHING if flat.get("tools") else ASK_NOTHING_WITHOUT_TOOLS
    given = {name: value for name, value in flat.items() if value is not None and value not in neutral.get(name, ())}
    for second, first in _OTHER_NAMES.items():
        value = given.pop(second, None)
        if value is not None and given.setdefault(first, value) != value:
            raise BadRequest(f"{second} and {first} are one parameter; give one.", param=second, provider=provider)
    return given


def _refuse_calls(messages: tuple[Message, ...], provider: str) -> None:
    for index, message in enumerate(messages):
        if message.tool_calls or message.role == "tool":
            at = f"messages[{index}]"
            raise UnsupportedParam(f"{at}: {provider} does not support function calls.", param=at)


def _unsupported(name: str, provider: str) -> UnsupportedParam:
    return UnsupportedParam(
        f"{provider} does not support the parameter {name!r}. Leave it out, or pass drop_params=True.",
        param=name,
        provider=provider,
    )
