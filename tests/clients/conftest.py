"""Clients that others wrote, as their users run them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def kept_to_themselves(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What frameworks would put in the user's home, and tell their makers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DSPY_CACHEDIR", str(tmp_path_factory.mktemp("dspy")))
        patch.setenv("OPENAI_AGENTS_DISABLE_TRACING", "1")
        yield
