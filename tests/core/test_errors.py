"""The tree of failures: what each one tells, also after a pickle."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator

import pytest

from uutel_bridge.core import errors
from uutel_bridge.core.errors import (
    BadRequest,
    CLIExited,
    LoginMissing,
    RateLimited,
    RequestRefused,
    UUError,
    VendorUnavailable,
)

FACTS: dict[type[UUError], dict[str, object]] = {
    BadRequest: {"param": "messages[0]"},
    LoginMissing: {"login_command": "toy login"},
    RateLimited: {"retry_after": 7.5, "resets_at": 1795344605.0, "scope": "five_hour"},
    VendorUnavailable: {"status": 529},
    CLIExited: {"returncode": -9},
    RequestRefused: {"code": -32600},
}
"""The facts a class brings beside the common ones, for it and all below it."""


def family(cls: type[UUError]) -> Iterator[type[UUError]]:
    """A class and all below it."""
    yield cls
    for child in cls.__subclasses__():
        yield from family(child)


ALL = [cls for cls in family(UUError) if cls.__module__ == errors.__name__]


def example(cls: type[UUError]) -> UUError:
    """One of its kind, with every fact set."""
    facts = next((facts for owner, facts in FACTS.items() if issubclass(cls, owner)), {})
    return cls("It failed. Do this.", provider="toy", evidence="the vendor's words", **facts)


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize(
    "through", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"]
)
def test_no_fact_is_lost_on_the_way(cls: type[UUError], through: object) -> None:
    """Errors cross process borders and are copied by frameworks."""
    error = example(cls)
    arrived = through(error)  # type: ignore[operator]
    assert type(arrived) is cls
    assert vars(arrived) == vars(error)
    assert str(arrived) == str(error)
    assert arrived.args == error.args


@pytest.mark.parametrize("cls", ALL)
def test_a_failure_says_what_happened_and_what_the_vendor_wrote(cls: type[UUError]) -> None:
    """The evidence stands below the sentence."""
    assert str(example(cls)) == "It failed. Do this.\nthe vendor's words"


@pytest.mark.parametrize(
    ("message", "evidence", "text"),
    [
        pytest.param("It failed.", "", "It failed.", id="none"),
        pytest.param("It failed: 500 oops", "500 oops", "It failed: 500 oops", id="told-already"),
        pytest.param("It failed.", "a\nb", "It failed.\na\nb", id="lines"),
    ],
)
def test_evidence_is_told_once(message: str, evidence: str, text: str) -> None:
    """Neither invented nor repeated."""
    assert str(UUError(message, evidence=evidence)) == text


def test_the_tree_is_drawn_whole() -> None:
    """The picture in the module's docstring names every class."""
    drawn = errors.__doc__ or ""
    assert [cls.__name__ for cls in ALL if f"* `{cls.__name__}`" not in drawn] == []
