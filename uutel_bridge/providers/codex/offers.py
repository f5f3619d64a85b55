"""Which models the login has: `codex app-server` asks OpenAI for them, and falls back on those that it knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from uutel_bridge.core.cli_provider import Launch, Offer
from uutel_bridge.core.errors import ProtocolError
from uutel_bridge.core.locate import empty_cwd
from uutel_bridge.core.process import Child
from uutel_bridge.core.settings import ProviderSettings
from uutel_bridge.providers.codex.catalog import DEFAULT, DEFAULT_MODEL
from uutel_bridge.providers.codex.launch import plan
from uutel_bridge.providers.codex.models import CodexRequest
from uutel_bridge.providers.codex.session import CodexSession


async def list_models(executable: str, environment: Mapping[str, str], settings: ProviderSettings) -> tuple[Offer, ...]:
    """What a server of its own says, started for that alone.

    Raises:
        UUError: It gave no answer.
    """
    request = CodexRequest(model=None, instructions="", items=())
    launch = Launch(
        executable=executable,
        request=request,
        environment=environment,
        settings=settings,
        cwd=empty_cwd(),
        warm=True,
    )
    launched = replace(plan(launch), scratch_argv=(), files=())  # else it would list our own catalogue
    session = CodexSession(await Child.start(launched), cwd=launch.cwd)
    try:
        await session.start()
        return offers(await session.models())
    finally:
        await session.aclose()


def offers(listed: Iterable[Mapping[str, Any]]) -> tuple[Offer, ...]:
    """All that are not hidden, after the name that stands for one of them.

    Raises:
        ProtocolError: One has no name.
    """
    try:
        shown = [Offer(each["model"], each.get("description") or "") for each in listed if not each.get("hidden")]
    except KeyError as exc:
        raise ProtocolError("codex listed a model without its name.") from exc
    return (Offer(DEFAULT, DEFAULT_MODEL), *shown)
