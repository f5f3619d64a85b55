"""Which models `claude` offers: it says so before its first turn, without the network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from uutel_bridge.core.cli_provider import Launch, Offer
from uutel_bridge.core.errors import ProtocolError
from uutel_bridge.core.locate import empty_cwd
from uutel_bridge.core.process import Child
from uutel_bridge.core.settings import ProviderSettings
from uutel_bridge.providers.claude_code.launch import plan
from uutel_bridge.providers.claude_code.models import ClaudeCodeRequest
from uutel_bridge.providers.claude_code.session import ClaudeCodeSession


async def list_models(executable: str, environment: Mapping[str, str], settings: ProviderSettings) -> tuple[Offer, ...]:
    """What a process says that is started for that alone.

    Raises:
        UUError: It gave no answer.
    """
    launch = Launch(
        executable=executable,
        request=ClaudeCodeRequest(model="sonnet", system_prompt="", messages=()),
        environment=environment,
        settings=settings,
        cwd=empty_cwd(),
        warm=True,
    )
    session = ClaudeCodeSession(await Child.start(plan(launch)), reusable=False)
    try:
        return offers(await session.models())
    finally:
        await session.aclose()


def offers(listed: Iterable[Mapping[str, Any]]) -> tuple[Offer, ...]:
    """The names, with what they stand for.

    Raises:
        ProtocolError: One has no name.
    """
    try:
        return tuple(Offer(each["value"], each.get("resolvedModel") or "") for each in listed)
    except KeyError as exc:
        raise ProtocolError("claude listed a model without its name.") from exc
