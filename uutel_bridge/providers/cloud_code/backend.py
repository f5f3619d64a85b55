"""Who answers for Cloud Code: the endpoint, asked with a login, once its user has allowed that."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

from uutel_bridge.core.errors import UUError
from uutel_bridge.core.pool import Snapshot
from uutel_bridge.core.provider import Checkup, ProviderStatus
from uutel_bridge.core.settings import ProviderSettings
from uutel_bridge.providers.cloud_code import terms
from uutel_bridge.providers.cloud_code.auth import Found, find
from uutel_bridge.providers.cloud_code.credentials import Credential, credential
from uutel_bridge.providers.cloud_code.models import CloudCodeRequest
from uutel_bridge.providers.cloud_code.project import Projects, asked_project
from uutel_bridge.providers.cloud_code.service import BASE_URL, Service
from uutel_bridge.providers.cloud_code.session import CloudCodeSession
from uutel_bridge.providers.cloud_code.settings import CloudCodeSettings
from uutel_bridge.providers.cloud_code.stops import Stops

NAME = "cloud-code"


@dataclass(frozen=True, slots=True)
class _Lease:
    """A session for one turn; it costs nothing and serves everybody."""

    session: CloudCodeSession
    uses: int = 0

    def release(self) -> None:
        """Nothing was taken."""


class CloudCode:
    """The backend."""

    def __init__(self, settings: CloudCodeSettings) -> None:
        self._settings = settings
        self._services: dict[str, tuple[Service, Projects]] = {}
        """By address, with the projects of logins there."""
        self._credentials: dict[str, Credential] = {}
        """By identity: some hold a token that is good for an hour."""
        self._stops = Stops()
        self._id = str(uuid4())

    def admit(
        self, settings: ProviderSettings, environment: Mapping[str, str], /
    ) -> Callable[[CloudCodeRequest], Awaitable[_Lease]]:
        """As `Backend.admit` says; without the user's word, not even the login is looked for."""
        return partial(self._lease, self._session(settings, environment))

    def _session(self, settings: ProviderSettings, environment: Mapping[str, str]) -> CloudCodeSession:
        assert isinstance(settings, CloudCodeSettings)
        terms.require_consent(settings)
        asked = asked_project(None, settings.project_id, environment)
        login = self._login(find(environment, settings.api_key, project=asked), environment, settings)
        self._stops.check(login.identity)
        base = settings.api_base or BASE_URL
        service, projects = self._services.setdefault(base, (Service(base), Projects()))
        return CloudCodeSession(service, login, projects, self._stops, asked=asked, session_id=self._id)

    def _login(self, found: Found, environment: Mapping[str, str], settings: ProviderSettings) -> Credential:
        made = credential(found, environment, settings)
        if found.kind == "token":  # there may be another with each request, and nothing of it is worth keeping
            return made
        return self._credentials.setdefault(made.identity, made)

    async def _lease(self, session: CloudCodeSession, _request: CloudCodeRequest) -> _Lease:
        return _Lease(session)

    async def warm(self, _count: int, /) -> None:
        """Fetch a token and find the project."""
        await self._session(self._settings, dict(os.environ)).found_project()

    def status(self, environment: Mapping[str, str], /) -> ProviderStatus:
        """How it stands; asks nobody."""
        login, problem = None, ""
        try:
            asked = asked_project(None, self._settings.project_id, environment)
            login = find(environment, self._settings.api_key, project=asked).status
            self._session(self._settings, environment)
        except UUError as error:
            problem = error.message
        return ProviderStatus(NAME, "", login, Snapshot(), problem)

    async def checkup(self, environment: Mapping[str, str], /) -> Checkup:
        """Ask the endpoint for the login's project; calls no model."""
        status = self.status(environment)
        facts, problem = list(self._facts(status)), status.problem
        if not problem:
            try:
                project = await self._session(self._settings, environment).found_project()
                facts.append(("project", f"{project.id} ({project.tier_name or project.tier})"))
            except UUError as error:
                problem = str(error)
        return Checkup(tuple(facts), problem, off=not self._settings.accept_terms)

    def _facts(self, status: ProviderStatus) -> Iterator[tuple[str, str]]:
        accepted = self._settings.accept_terms
        yield "terms", f"{'accepted' if accepted else 'not accepted'} ({terms.SWITCH})"
        if status.login:
            yield "login", f"{status.login.method}, from {status.login.source}"
            if status.login.problem and status.login.problem not in status.problem:
                yield "note", status.login.problem
            if status.login.account:
                yield "account", status.login.account

    async def aclose(self) -> None:
        """Close all connections."""
        for service, _ in self._services.values():
            await service.aclose()
