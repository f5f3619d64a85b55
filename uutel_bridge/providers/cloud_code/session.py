"""One turn with the endpoint: a token, a project, then the answer as it comes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, TypeVar
from uuid import uuid4

from uutel_bridge.core.errors import LoginExpired
from uutel_bridge.providers.cloud_code.credentials import Credential
from uutel_bridge.providers.cloud_code.failures import AccountStopped, failure_of
from uutel_bridge.providers.cloud_code.models import CloudCodeRequest, CloudCodeResponse
from uutel_bridge.providers.cloud_code.project import Project, Projects
from uutel_bridge.providers.cloud_code.service import Service
from uutel_bridge.providers.cloud_code.stops import Stops

_SET_UP_SECONDS = 60.0
"""For one of the questions by which a login's project is found."""

_T = TypeVar("_T")
_Chunk: TypeAlias = Mapping[str, Any]
_Chunks: TypeAlias = AsyncGenerator[_Chunk, None]


@dataclass(frozen=True, slots=True)
class Assist:
    """The endpoint's methods for one token."""

    service: Service
    token: str

    async def call(self, method: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """`POST v1internal:method`."""
        answer = await self.service.call(method, body, self.token, timeout=_SET_UP_SECONDS)
        if error := answer.get("error"):
            raise failure_of(error)
        return answer

    async def operation(self, name: str) -> Mapping[str, Any]:
        """`GET v1internal/name`."""
        return await self.service.operation(name, self.token)


class CloudCodeSession:
    """A login at the endpoint; answers as many turns at once as it is asked for."""

    def __init__(
        self, service: Service, credential: Credential, projects: Projects, stops: Stops, *, asked: str, session_id: str
    ) -> None:
        """Put it together; nothing is asked yet.

        Args:
            service: The endpoint.
            credential: The login.
            projects: Those found so far.
            stops: Accounts not to be used.
            asked: The project that the settings or the environment name, for requests that name none.
            session_id: What the endpoint is told to be one series of requests.
        """
        self._service = service
        self._credential = credential
        self._projects = projects
        self._stops = stops
        self._asked = asked
        self._id = session_id

    async def run(self, request: CloudCodeRequest, /) -> AsyncGenerator[CloudCodeResponse, None]:
        """What is told of one turn, up to its end.

        Raises:
            UUError: What the endpoint said, or why it could not be asked.
        """
        chunks, chunk = await self._with_token(partial(self._begun, request))
        try:
            while chunk is not None:
                yield CloudCodeResponse("chunk", chunk)
                chunk = await self._noting_stops(anext(chunks, None))
        finally:
            await chunks.aclose()
        yield CloudCodeResponse("end")

    async def _begun(self, request: CloudCodeRequest, token: str) -> tuple[_Chunks, _Chunk | None]:
        """An answer and its first chunk."""
        chunks = self._answer(request, token)
        return chunks, await anext(chunks, None)

    async def _answer(self, request: CloudCodeRequest, token: str) -> _Chunks:
        """An answer, up to its end or to the error that Google sends in place of the rest."""
        project = await self._project(request.project or self._asked, token)
        chunks = self._service.stream(self._wrapped(request, project), token)
        try:
            async for chunk in chunks:
                if error := chunk.get("error"):
                    raise failure_of(error)
                yield chunk
        finally:
            await chunks.aclose()

    async def found_project(self) -> Project:
        """The login's project.

        Raises:
            UUError: It has none, or could not be asked.
        """
        return await self._with_token(partial(self._project, self._asked))

    async def _with_token(self, ask: Callable[[str], Awaitable[_T]]) -> _T:
        """What comes of asking with the login's token, or with another if that is refused."""
        token = await self._credential.token()
        try:
            return await self._noting_stops(ask(token))
        except LoginExpired as refusal:
            other = await self._renewed(token, refusal)
        return await self._noting_stops(ask(other))

    async def _renewed(self, token: str, refusal: LoginExpired) -> str:
        try:
            return await self._credential.renewed(token)
        except LoginExpired as error:
            error.evidence = error.evidence or refusal.evidence
            raise

    async def _noting_stops(self, asking: Awaitable[_T]) -> _T:
        try:
            return await asking
        except AccountStopped as error:
            self._stops.remember(self._credential.identity, error)
            raise

    async def _project(self, asked: str, token: str) -> Project:
        return await self._projects.of(Assist(self._service, token), self._credential.identity, asked)

    def _wrapped(self, request: CloudCodeRequest, project: Project) -> Mapping[str, Any]:
        return {
            "model": request.model,
            **({"project": project.id} if project.id else {}),
            "user_prompt_id": str(uuid4()),
            "request": {**request.body, "session_id": self._id},
        }
