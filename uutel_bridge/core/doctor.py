"""What a person must know when a provider does not work: asked of the CLI itself, without a model call."""

from __future__ import annotations

import os
from dataclasses import dataclass

from uutel_bridge.core import locate, probe
from uutel_bridge.core.auth import Account
from uutel_bridge.core.bridge import Bridge, ProviderStatus
from uutel_bridge.core.errors import UUError


@dataclass(frozen=True, slots=True)
class Checkup:
    """One provider, looked at closely."""

    title: str
    status: ProviderStatus
    version: str = ""
    """Empty where the CLI is missing or names none."""
    tested: bool = False
    """Whether this version is one that the bridge was tested with."""
    account: Account | None = None
    warm: bool | None = None
    """Whether this version passed the start-up probe; None where that is found out at the first request."""
    unproven: str = ""
    """What a version still does that did not."""
    problem: str = ""
    """What keeps it from working, and what mends it."""


async def checkup(bridge: Bridge) -> Checkup:
    """Look at a provider: its executable, version, login and account. Starts the CLI twice, calls no model."""
    status = bridge.status()
    if not status.executable:
        return Checkup(bridge.parts.title, status, problem=status.problem)
    version, account, problem = "", None, status.problem
    pass_env = bridge.settings.pass_env
    try:
        version = await locate.version(status.executable, os.environ, pass_env=pass_env)
        bridge.parts.check_age(version)
        account = await bridge.parts.auth.account(status.executable, os.environ, pass_env=pass_env)
    except UUError as error:
        problem = problem or str(error)
    return Checkup(
        title=bridge.parts.title,
        status=status,
        version=version,
        tested=version in bridge.parts.tested_versions,
        account=account,
        warm=probe.remembered(bridge.parts.name, bridge.parts.inner(status.executable)),
        unproven=bridge.parts.unproven,
        problem=problem,
    )
