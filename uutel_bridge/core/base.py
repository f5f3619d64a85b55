"""The LiteLLM face: its four calls, once, as views of one turn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, ClassVar, NoReturn

import litellm
from litellm.exceptions import (
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    PermissionDeniedError,
    Timeout,
)
from litellm.llms.custom_llm import CustomLLM
from litellm.types.utils import ModelResponse, ModelResponseStream

from uutel_bridge.core import chunks, loop, registry
from uutel_bridge.core.bridge import Bridge, Call, Options, bridge
from uutel_bridge.core.errors import BadRequest, UnsupportedParam, UUError
from uutel_bridge.core.events import Event
from uutel_bridge.core.litellm_errors import for_router, to_litellm
from uutel_bridge.core.prices import register_prices
from uutel_bridge.core.request import read_request

_PLUMBING = frozenset({"max_retries", "stream", "stream_options", "uutel_dedup"})
"""What stands among the optional parameters and is not for the vendor: LiteLLM's own business, and ours."""

_IDLE_LIMIT = 300.0
"""Seconds after which a stream that nobody reads gives its process back."""

_REFUSALS = (AuthenticationError, BadRequestError, NotFoundError, PermissionDeniedError, Timeout)
"""What LiteLLM hands from a stream straight to the caller, past the Router's fallbacks."""


@dataclass(frozen=True, slots=True)
class _Ask:
    """A LiteLLM call, read and checked."""

    model: str
    bridge: Bridge
    call: Call
    choices: int


def _refusing(what: str) -> Any:
    """A call that LiteLLM knows and no vendor here answers: a bad request, for it would fail each time."""

    def call(self: BaseUU, *args: Any, **kwargs: Any) -> NoReturn:
        with _litellm_errors(kwargs):
            raise BadRequest(f"{what}: not with {self.provider_name}, whose models chat. Ask another provider.")

    return call


class BaseUU(CustomLLM):
    """A provider as a LiteLLM custom provider. Subclasses say which one, nothing more."""

    provider_name: ClassVar[str]
    """As in `<provider_name>/<model>`."""
    supported_models: ClassVar[tuple[str, ...]] = ()
    """Names worth offering; any other that the vendor takes works as well."""

    def __init__(self) -> None:
        super().__init__()
        register_prices()  # whichever way a handler gets into LiteLLM's list

    def completion(self, *args: Any, **kwargs: Any) -> ModelResponse:
        """A whole answer, for a thread that may wait."""
        with _litellm_errors(kwargs):
            ask = self._read(kwargs)
            turns = loop.run(partial(ask.bridge.collect, ask.call, ask.choices))
        return _folded(kwargs, ask.model, turns)

    async def acompletion(self, *args: Any, **kwargs: Any) -> ModelResponse:
        """A whole answer."""
        with _litellm_errors(kwargs):
            ask = self._read(kwargs)
            turns = await loop.arun(partial(ask.bridge.collect, ask.call, ask.choices))
        return _folded(kwargs, ask.model, turns)

    def streaming(self, *args: Any, **kwargs: Any) -> Iterator[ModelResponseStream]:  # pyright: ignore[reportIncompatibleMethodOverride]  # LiteLLM 1.89 takes these chunks, its annotation does not say so
        """Chunks as they come, for a thread that may wait."""
        with _litellm_errors(kwargs):
            return _chunks(kwargs, *self._open(kwargs))

    def astreaming(self, *args: Any, **kwargs: Any) -> AsyncIterator[ModelResponseStream]:  # pyright: ignore[reportIncompatibleMethodOverride]  # likewise
        """Chunks as they come. Not a coroutine: what is wrong with the request is said before the first chunk."""
        with _litellm_errors(kwargs):
            return _achunks(kwargs, *self._open(kwargs))

    embedding = aembedding = _refusing("Embeddings")
    image_generation = aimage_generation = _refusing("Making images")
    image_edit = aimage_edit = _refusing("Changing images")

    def _route(self, model: str) -> tuple[str, str]:
        """Which provider a model name means, and the name that its vendor knows."""
        return self.provider_name, model

    def _open(self, kwargs: Mapping[str, Any]) -> tuple[chunks.ChunkStream, loop.Stream[Event]]:
        ask = self._read(kwargs, stream=True)
        if ask.choices > 1:
            raise UnsupportedParam("n: several choices cannot be streamed through LiteLLM.", param="n")
        stream = loop.open_stream(partial(ask.bridge.run, ask.call), idle_limit=_IDLE_LIMIT)
        out = chunks.ChunkStream(ask.model)
        _tell_callbacks(kwargs, out.facts)
        return out, stream

    def _read(self, kwargs: Mapping[str, Any], *, stream: bool = False) -> _Ask:
        name, model = self._route(kwargs["model"])
        optional: Mapping[str, Any] = kwargs["optional_params"]
        about: Mapping[str, Any] = kwargs["litellm_params"]
        params = {key: value for key, value in optional.items() if key not in _PLUMBING}
        if headers := _asking(kwargs.get("headers")):
            params["extra_headers"] = headers
        provider = bridge(name)
        chat = read_request(
            model,
            kwargs["messages"],
            params,
            provider=name,
            supported=provider.parts.transform.supported,
            drop_unsupported=bool(about.get("drop_params") or litellm.drop_params),
        )
        options = Options(
            timeout=kwargs.get("timeout"),
            api_key=kwargs.get("api_key"),
            api_base=kwargs.get("api_base"),
            retries=_retries(kwargs, stream=stream),
            shared=_may_share(kwargs),
            request_id=str(about.get("litellm_call_id") or ""),
        )
        call = provider.call(chat, options)
        _tell_begun(kwargs)
        return _Ask(kwargs["model"], provider, call, chat.n)


class UutelUU(BaseUU):
    """All providers under one name: `uutel/<provider>/<model>`."""

    provider_name = "uutel"

    def _route(self, model: str) -> tuple[str, str]:
        name, slash, rest = model.partition("/")
        if not slash or not rest:
            known = ", ".join(registry.provider_names())
            raise BadRequest(f"{model!r}: the form is uutel/<provider>/<model>, with one of {known}.", param="model")
        return name, rest


@cache
def shared_handler() -> UutelUU:
    """The instance that `uutel_bridge.handler` is; a proxy config names it."""
    return UutelUU()


@contextmanager
def _litellm_errors(kwargs: Mapping[str, Any]) -> Generator[None, None, None]:
    try:
        yield
    except UUError as error:
        raise to_litellm(error, kwargs["model"]) from error


@contextmanager
def _for_router(kwargs: Mapping[str, Any], *, begun: bool) -> Generator[None, None, None]:
    """Let the Router fall back where a stream is refused before its first chunk; LiteLLM has it do so for the rest.

    The Router unwraps what no fallback mends.
    """
    try:
        yield
    except _REFUSALS as error:
        if begun or _router(kwargs) is None:
            raise
        raise for_router(error, kwargs["model"]) from error


def _asking(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Without the one by which frameworks say who they are, for it asks for nothing."""
    return {name: value for name, value in (headers or {}).items() if name.lower() != "user-agent"}


def _said(kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The call's arguments as they were given: LiteLLM keeps some for itself, and notes all of them for its cache."""
    noted = getattr(kwargs.get("logging_obj"), "_llm_caching_handler", None)
    return noted.request_kwargs if noted is not None else {}


def _router(kwargs: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What LiteLLM's Router notes of a call that it makes; None of any other."""
    about: Mapping[str, Mapping[str, Any] | None] = kwargs["litellm_params"]
    noted = (about.get(name) for name in ("metadata", "litellm_metadata"))
    return next((each for each in noted if each and "model_group" in each), None)


def _retries(kwargs: Mapping[str, Any], *, stream: bool) -> int | None:
    """How often the bridge itself may try again; None where only its settings say so.

    LiteLLM and its Router try again where the call fails. A stream fails later, when it is read, and then they do not:
    but for the Router's in Anthropic's form.
    """
    given, said, router = kwargs["optional_params"].get("max_retries"), _said(kwargs), _router(kwargs)
    if not isinstance(given, int | None):
        raise BadRequest("max_retries: a whole number is needed.", param="max_retries")
    if router is not None:
        if not stream or kwargs["logging_obj"].call_type == "anthropic_messages":
            return 0
        most = said.get("num_retries")  # the deployment's; with the Router's own it never brings any but 0
        return max(0, int(router.get("max_retries", 0) if most is None else most) - router.get("attempted_retries", 0))
    if stream:
        return litellm.num_retries if given is None else given
    by_litellm = said.get("num_retries") is not None or litellm.num_retries is not None
    return 0 if by_litellm else given


def _may_share(kwargs: Mapping[str, Any]) -> bool:
    """Whether the caller said `uutel_dedup=True`, or else `caching=True`."""
    asked = kwargs["optional_params"].get("uutel_dedup")
    if asked is None:
        return _said(kwargs).get("caching") is True
    if not isinstance(asked, bool):
        raise BadRequest("uutel_dedup: true or false is needed.", param="uutel_dedup")
    return asked


def _folded(kwargs: Mapping[str, Any], model: str, turns: Sequence[Sequence[Event]]) -> ModelResponse:
    response: Any = chunks.fold(kwargs["model_response"], model, turns)
    _tell_answered(kwargs, response.model_dump_json(exclude_none=True))
    _tell_callbacks(kwargs, response._hidden_params["uutel"])  # noqa: SLF001  # LiteLLM's own name for it
    return response


def _tell_begun(kwargs: Mapping[str, Any]) -> None:
    """What LiteLLM wants to hear of a provider that begins to ask its vendor: times count from here, callbacks begin.

    The key is left out: callbacks could hand it on.
    """
    logging_obj = kwargs.get("logging_obj")
    if logging_obj is not None:
        asked = {"model": kwargs["model"], "messages": kwargs["messages"], **kwargs["optional_params"]}
        about = {"complete_input_dict": asked, "api_base": kwargs.get("api_base") or ""}
        logging_obj.pre_call(input=kwargs["messages"], api_key="", additional_args=about)


def _tell_answered(kwargs: Mapping[str, Any], answer: str) -> None:
    """The same of a vendor's whole answer."""
    logging_obj = kwargs.get("logging_obj")
    if logging_obj is not None:
        logging_obj.post_call(input=kwargs["messages"], api_key="", original_response=answer)


def _tell_callbacks(kwargs: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Have LiteLLM hand `facts` to callbacks, in their `kwargs["uutel"]`: the response of a stream has lost them."""
    logging_obj = kwargs.get("logging_obj")
    if logging_obj is not None:
        logging_obj.model_call_details["uutel"] = facts


def _chunks(
    kwargs: Mapping[str, Any], out: chunks.ChunkStream, stream: loop.Stream[Event]
) -> Iterator[ModelResponseStream]:
    begun = False
    try:
        while True:
            with _for_router(kwargs, begun=begun), _litellm_errors(kwargs):
                events = stream.take()
            if not events:
                return
            for chunk in out.feed(events):
                begun = True
                yield chunk
    finally:
        stream.close()


async def _achunks(
    kwargs: Mapping[str, Any], out: chunks.ChunkStream, stream: loop.Stream[Event]
) -> AsyncIterator[ModelResponseStream]:
    begun = False
    try:
        while True:
            with _for_router(kwargs, begun=begun), _litellm_errors(kwargs):
                events = await stream.atake()
            if not events:
                return
            for chunk in out.feed(events):
                begun = True
                yield chunk
    finally:
        stream.close()
