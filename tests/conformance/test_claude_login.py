"""Stored logins of Claude Code: expired ones, and those that say whose they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from litellm import exceptions as lite

from tests.conformance.claude_world import ON_CLAUDE
from tests.conformance.processes import BOUND
from tests.conformance.test_errors import it_still_works, refused_at_once, whole
from tests.conformance.world import World
from tests.emulators.refusing_proxy import RefusingProxy

pytestmark = ON_CLAUDE


@contextmanager
def credentials(world: World, **changes: Any) -> Iterator[None]:
    """Another stored login for a while; a field that is None is left out."""
    path = world.home / world.login
    before = path.read_text(encoding="utf-8")
    login = {
        name: value for name, value in (json.loads(before)["claudeAiOauth"] | changes).items() if value is not None
    }
    path.write_text(json.dumps({"claudeAiOauth": login}), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(before, encoding="utf-8")


async def test_an_expired_login_that_cannot_be_renewed_is_refused(world: World) -> None:
    """Before anything is started."""
    expired = credentials(world, expiresAt=1_000_000_000_000, refreshToken=None)
    with expired, refused_at_once(world, lite.AuthenticationError, "has expired.*claude auth login"):
        await whole(world, "Hello")
    await it_still_works(world)


async def test_an_expired_login_is_the_clis_to_renew(world: World) -> None:
    """Where it cannot, the vendor has the last word."""
    with credentials(world, expiresAt=1_000_000_000_000):
        await it_still_works(world)
        with pytest.raises(lite.AuthenticationError, match="claude auth login"):
            await whole(world, world.marker("e401"))
    await it_still_works(world)


@pytest.mark.requirement("sealed:network")
async def test_only_the_account_is_looked_up_elsewhere(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a login that may ask who it belongs to, the CLI asks Anthropic that, and nobody anything else."""
    login = json.loads((world.home / world.login).read_text(encoding="utf-8"))
    login["claudeAiOauth"]["scopes"] += ["user:profile"]
    (tmp_path / ".credentials.json").write_text(json.dumps(login), encoding="utf-8")
    with RefusingProxy() as proxy, anyio.fail_after(BOUND):
        for name, value in {**proxy.environment, "CLAUDE_CONFIG_DIR": str(tmp_path)}.items():
            monkeypatch.setenv(name, value)
        with world.settings():
            await world.is_exact()
    assert set(proxy.attempts) <= {"api.anthropic.com:443"}
    assert bool(proxy.attempts) == (world.kind == "real")
