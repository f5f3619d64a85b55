"""Our failures as LiteLLM's classes: every class, with its status and its facts."""

from __future__ import annotations

import pickle
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import litellm
import pytest
from litellm import exceptions as lite
from litellm.types.utils import Delta, ModelResponseStream, StreamingChoices

from uutel_bridge.core import errors as uu
from uutel_bridge.core.litellm_errors import for_router, to_litellm

CASES: list[tuple[uu.UUError, type[Exception], int]] = [
    (uu.UUError("m"), lite.APIConnectionError, 500),
    (uu.BadRequest("m", param="n"), lite.BadRequestError, 400),
    (uu.UnsupportedParam("m", param="seed"), lite.UnsupportedParamsError, 400),
    (uu.ContextTooLong("m"), lite.ContextWindowExceededError, 400),
    (uu.CLINotFound("m"), lite.APIConnectionError, 500),
    (uu.CLIVersion("m"), lite.APIConnectionError, 500),
    (uu.LoginMissing("m", login_command="toy login"), lite.AuthenticationError, 401),
    (uu.LoginExpired("m", login_command="toy login"), lite.AuthenticationError, 401),
    (uu.PermissionDenied("m"), lite.PermissionDeniedError, 403),
    (uu.ModelNotFound("m"), lite.NotFoundError, 404),
    (uu.RateLimited("m"), lite.RateLimitError, 429),
    (uu.ContentBlocked("m"), lite.ContentPolicyViolationError, 400),
    (uu.VendorUnavailable("m"), lite.APIConnectionError, 500),
    (uu.VendorUnavailable("m", status=500), lite.InternalServerError, 500),
    (uu.VendorUnavailable("m", status=520), lite.InternalServerError, 500),
    (uu.VendorUnavailable("m", status=502), lite.ServiceUnavailableError, 503),
    (uu.VendorUnavailable("m", status=503), lite.ServiceUnavailableError, 503),
    (uu.VendorUnavailable("m", status=504), lite.ServiceUnavailableError, 503),
    (uu.VendorUnavailable("m", status=529), lite.ServiceUnavailableError, 503),
    (uu.VendorTimeout("m"), lite.Timeout, 408),
    (uu.CLIExited("m", returncode=1), lite.APIConnectionError, 500),
    (uu.ProtocolError("m"), lite.APIConnectionError, 500),
    (uu.RequestRefused("m", code=-32600), lite.APIConnectionError, 500),
]


def family(cls: type[uu.UUError]) -> Iterator[type[uu.UUError]]:
    """A class and all below it."""
    yield cls
    for child in cls.__subclasses__():
        yield from family(child)


def name(value: object) -> str | None:
    """Ids that name the error and its status."""
    if isinstance(value, uu.VendorUnavailable):
        return f"VendorUnavailable-{value.status}"
    return type(value).__name__ if isinstance(value, uu.UUError) else None


def test_the_table_below_forgets_no_class() -> None:
    """A class added to the tree must be added here."""
    assert {type(error) for error, _, _ in CASES} == {c for c in family(uu.UUError) if c.__module__ == uu.__name__}


@pytest.mark.parametrize(("error", "cls", "status"), CASES, ids=name)
def test_each_failure_is_one_of_litellms(error: uu.UUError, cls: type[Exception], status: int) -> None:
    """Class, status, model, provider and the vendor's words arrive."""
    error.provider, error.evidence = "claude-code", "what the vendor wrote"
    made = to_litellm(error, "claude-code/sonnet")
    assert type(made) is cls
    assert made.status_code == status  # type: ignore[attr-defined]
    assert made.llm_provider == "claude-code"  # type: ignore[attr-defined]
    assert made.model == "claude-code/sonnet"  # type: ignore[attr-defined]
    assert "m\nwhat the vendor wrote" in str(made)
    assert "Traceback" not in str(made)


@pytest.mark.parametrize(("error", "cls", "status"), CASES, ids=name)
async def test_litellm_passes_each_on_unchanged_with_ours_behind_it(
    error: uu.UUError, cls: type[Exception], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller of `litellm.acompletion` sees the class, and finds our error as its cause."""

    class Failing(litellm.CustomLLM):
        async def acompletion(self, *args: object, **kwargs: object) -> litellm.ModelResponse:
            raise to_litellm(error, "m1") from error

    monkeypatch.setattr(litellm, "custom_provider_map", [{"provider": "failing", "custom_handler": Failing()}])
    with pytest.raises(cls) as caught:
        await litellm.acompletion("failing/m1", [{"role": "user", "content": "hi"}])
    assert type(caught.value) is cls
    assert caught.value.__cause__ is error
    assert caught.value.status_code == status  # type: ignore[attr-defined]


def test_a_class_from_elsewhere_becomes_what_its_parent_does() -> None:
    """A provider's own subclass needs no line in the table."""

    class Elsewhere(uu.LoginExpired):
        pass

    assert isinstance(to_litellm(Elsewhere("m", login_command="x"), "m1"), lite.AuthenticationError)


def test_a_plan_limit_says_how_long_it_lasts() -> None:
    """In seconds from now, for the Router cools a deployment down for so long."""
    made = to_litellm(uu.RateLimited("m", resets_at=time.time() + 3600, scope="five_hour"), "m1")
    assert isinstance(made, lite.RateLimitError)
    assert 3500 < int(made.response.headers["retry-after"]) <= 3600


@pytest.mark.parametrize(("scope", "retries"), [("five_hour", 0), ("", None)])
def test_the_router_does_not_try_a_plan_again_that_is_used_up(scope: str, retries: int | None) -> None:
    """Unless a request wants it so."""
    made = to_litellm(uu.RateLimited("m", retry_after=7, scope=scope), "m1")
    assert isinstance(made, lite.RateLimitError)
    assert made.num_retries == retries


@pytest.mark.parametrize(
    ("error", "headers"),
    [
        pytest.param(uu.RateLimited("m"), {}, id="nothing-known"),
        pytest.param(uu.RateLimited("m", retry_after=7), {"retry-after": "7"}, id="seconds"),
        pytest.param(uu.RateLimited("m", retry_after=0.2), {"retry-after": "1"}, id="never-too-early"),
        pytest.param(uu.RateLimited("m", retry_after=-3), {"retry-after": "0"}, id="past"),
        pytest.param(
            uu.RateLimited("m", resets_at=1767225600.0, scope="five_hour"),
            {"retry-after": "0", "x-uutel-resets-at": "1767225600", "x-uutel-limit-scope": "five_hour"},
            id="plan-limit-lifted-meanwhile",
        ),
    ],
)
def test_a_rate_limit_brings_its_headers(error: uu.RateLimited, headers: dict[str, str]) -> None:
    """The Router reads `retry-after` from there."""
    made = to_litellm(error, "m1")
    assert isinstance(made, lite.RateLimitError)
    assert dict(made.response.headers) == headers


def test_without_a_provider_the_package_answers_for_itself() -> None:
    """LiteLLM wants a name."""
    assert to_litellm(uu.UUError("m"), "m1").llm_provider == "uutel"  # type: ignore[attr-defined]


def test_the_cause_survives_a_pickle_on_its_own() -> None:
    """Ours can be sent on, whatever LiteLLM's classes can."""
    error = uu.LoginMissing("m", login_command="toy login")
    assert vars(pickle.loads(pickle.dumps(error))) == vars(error)


class Streaming(litellm.CustomLLM):
    """Fails as the first model before the first chunk, and answers as the second."""

    def __init__(self, error: uu.UUError) -> None:
        super().__init__()
        self.error = error

    async def astreaming(self, *args: object, **kwargs: Any) -> AsyncIterator[ModelResponseStream]:
        """Its chunks."""
        if kwargs["model"] == "first":
            raise for_router(to_litellm(self.error, "first"), "first")
        choice = StreamingChoices(delta=Delta(role="assistant", content=kwargs["model"]))
        yield ModelResponseStream(choices=[choice])


@pytest.mark.parametrize(
    ("error", "cls", "status", "way"),
    [
        (uu.ContextTooLong("m"), lite.ContextWindowExceededError, 400, "context_window_fallbacks"),
        (uu.ContentBlocked("m"), lite.ContentPolicyViolationError, 400, "content_policy_fallbacks"),
        (uu.LoginMissing("m", login_command="toy login"), lite.AuthenticationError, 401, "fallbacks"),
        (uu.BadRequest("m"), lite.BadRequestError, 400, "fallbacks"),
        (uu.VendorTimeout("m"), lite.Timeout, 408, "fallbacks"),
    ],
    ids=name,
)
async def test_the_router_has_a_stream_fall_back_by_its_own_list(
    error: uu.UUError, cls: type[Exception], status: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it has one for such a failure; without any, the caller gets the failure."""
    monkeypatch.setattr(litellm, "custom_provider_map", [{"provider": "toy", "custom_handler": Streaming(error)}])
    deployments = [{"model_name": each, "litellm_params": {"model": f"toy/{each}"}} for each in ("first", "second")]

    async def read(**given: Any) -> str:
        router = litellm.Router(model_list=deployments, num_retries=0, **given)
        stream: Any = await router.acompletion("first", [{"role": "user", "content": "hi"}], stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert await read(**{way: [{"first": ["second"]}]}) == "second"
    with pytest.raises(cls, match="m") as caught:
        await read()
    assert caught.value.status_code == status  # type: ignore[attr-defined]
