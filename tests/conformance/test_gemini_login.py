"""Logins of Gemini CLI beside an API key: a token in the environment, and a key of Vertex AI."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import litellm
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from litellm import exceptions as lite

from tests.conformance.conversations import function, user
from tests.conformance.gemini_world import ON_GEMINI
from tests.conformance.processes import BOUND
from tests.conformance.test_errors import it_still_works, refused_at_once, whole
from tests.conformance.test_tools import ask, made
from tests.conformance.world import ON_FAKE, World
from tests.emulators.gemini_api import PROJECT
from tests.emulators.google_sign_in import RENEWED, GoogleSignIn
from tests.emulators.recording import FAKES
from tests.emulators.refusing_proxy import RefusingProxy

pytestmark = ON_GEMINI

TOKEN = {
    "GOOGLE_GENAI_USE_GCA": "true",
    "GOOGLE_CLOUD_ACCESS_TOKEN": "made-up-token",
    "GOOGLE_CLOUD_PROJECT": PROJECT,
}
VERTEX = {"GOOGLE_API_KEY": "made-up-vertex-key"}


@contextmanager
def logged_in(world: World, kind: str, variables: dict[str, str]) -> Iterator[RefusingProxy]:
    """With another login for a while; what it asks elsewhere is refused."""
    settings, variable_file = world.home / ".gemini/settings.json", world.home / world.login
    before = [path.read_text(encoding="utf-8") for path in (settings, variable_file)]
    settings.write_text(json.dumps({"security": {"auth": {"selectedType": kind}}}), encoding="utf-8")
    variable_file.write_text("", encoding="utf-8")
    try:
        with RefusingProxy() as proxy, pytest.MonkeyPatch.context() as patch:
            for name, value in {**variables, **proxy.environment}.items():
                patch.setenv(name, value)
            with world.settings():
                yield proxy
    finally:
        for path, text in zip((settings, variable_file), before, strict=True):
            path.write_text(text, encoding="utf-8")


async def answered(world: World) -> list[dict[str, str]]:
    """An answer and a call; the headers of their requests."""
    plain, calling = world.marker("text"), world.marker("tools")
    response = await litellm.acompletion(world.model, [user(plain)])
    assert response.choices[0].message.content == "part0 part1 part2 part3 "
    choice = await ask("whole", world, [user(calling)], tools=[function("alpha")])
    assert made(choice.message) == [("alpha", {"n": 0}), ("alpha", {"n": 1})]
    assert world.body(plain).turns == [("user", [plain])]
    return [world.body(marker).headers for marker in (plain, calling)]


async def test_a_token_in_the_environment_is_a_login(world: World) -> None:
    """Of a licensed Google account; it is sent to the address that was given, and to nobody else."""
    with anyio.fail_after(BOUND), logged_in(world, "oauth-personal", TOKEN) as proxy:
        assert (world.status.login.logged_in, world.status.login.method) == (True, "oauth-personal")
        for headers in await answered(world):
            assert headers["authorization"] == "Bearer made-up-token"
        assert set(proxy.attempts) <= {"www.googleapis.com:443"}  # whose it is
        with pytest.raises(lite.PermissionDeniedError, match="valid license"):
            await whole(world, world.marker("e403_license"))
        messages = [user(world.marker("e429_quota"))]
        with pytest.raises(lite.RateLimitError, match="exhausted your capacity") as caught:
            await litellm.acompletion(world.named("gemini-2.5-flash"), messages, max_retries=0)
        assert 3000 < int(caught.value.response.headers["retry-after"]) <= 3600
    await it_still_works(world)


@ON_FAKE
async def test_a_stored_google_login_is_lent(world: World) -> None:
    """With an access token that is good for long; the real CLI would show it to Google. The file stays as it is."""
    stored = (FAKES / "home/.gemini/oauth_creds.json").read_bytes()
    store = world.home / ".gemini/oauth_creds.json"
    store.write_bytes(stored)
    try:
        with anyio.fail_after(BOUND), logged_in(world, "oauth-personal", {"GOOGLE_CLOUD_PROJECT": PROJECT}):
            for headers in await answered(world):
                assert headers["authorization"] == "Bearer fake-access-token"
        assert store.read_bytes() == stored
    finally:
        store.unlink()
    await it_still_works(world)


@pytest.mark.on("real")
async def test_a_stored_google_login_is_renewed_in_the_users_own_file(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By the CLI itself, through the link that it was lent; nobody but Google and the API gets to see it."""
    stored = json.loads((FAKES / "home/.gemini/oauth_creds.json").read_bytes())
    store = world.home / ".gemini/oauth_creds.json"
    store.write_text(json.dumps({**stored, "expiry_date": 1000}), encoding="utf-8")
    store.chmod(0o600)
    try:
        with (
            anyio.fail_after(BOUND),
            GoogleSignIn(tmp_path) as google,
            logged_in(world, "oauth-personal", {"GOOGLE_CLOUD_PROJECT": PROJECT}) as proxy,
        ):
            for name, value in google.environment.items():
                monkeypatch.setenv(name, value)
            for headers in await answered(world):
                assert headers["authorization"] == f"Bearer {RENEWED}"
            assert ("POST", "/token") in google.asked
            assert proxy.attempts == []
        assert not store.is_symlink()
        assert store.stat().st_mode & 0o777 == 0o600
        renewed = json.loads(store.read_bytes())
        assert (renewed["access_token"], renewed["refresh_token"]) == (RENEWED, stored["refresh_token"])
    finally:
        store.unlink()
    monkeypatch.undo()
    await it_still_works(world)


async def test_a_key_of_vertex_ai_is_a_login(world: World) -> None:
    """It goes to Vertex AI's address alone."""
    with anyio.fail_after(BOUND), logged_in(world, "vertex-ai", VERTEX) as proxy:
        assert (world.status.login.logged_in, world.status.login.method) == (True, "vertex-ai")
        for headers in await answered(world):
            assert headers["x-goog-api-key"] == "made-up-vertex-key"
        assert proxy.attempts == []
    assert {each.path.partition("/models/")[0] for each in world.api.requests[-2:]} == {"/v1beta1/publishers/google"}
    await it_still_works(world)


@pytest.mark.on("real")
async def test_a_service_account_of_vertex_ai_is_a_login(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Google gives the CLI a token for it, which goes to Vertex AI's address."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    account = {"type": "service_account", "project_id": PROJECT, "client_email": "made-up@example.invalid"}
    account |= {"client_id": "1", "private_key_id": "1", "private_key": key.private_bytes(*form).decode()}
    file = tmp_path / "account.json"
    file.write_text(json.dumps(account), encoding="utf-8")
    variables = {
        "GOOGLE_APPLICATION_CREDENTIALS": str(file),
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "GOOGLE_CLOUD_LOCATION": "europe-west1",
    }
    with (
        anyio.fail_after(BOUND),
        GoogleSignIn(tmp_path) as google,
        logged_in(world, "vertex-ai", variables) as proxy,
    ):
        for name, value in google.environment.items():
            monkeypatch.setenv(name, value)
        assert (world.status.login.logged_in, world.status.login.method) == (True, "vertex-ai")
        for headers in await answered(world):
            assert headers["authorization"] == f"Bearer {RENEWED}"
        assert proxy.attempts == []
    where = f"/v1beta1/projects/{PROJECT}/locations/europe-west1/publishers/google"
    assert {each.path.partition("/models/")[0] for each in world.api.requests[-2:]} == {where}
    monkeypatch.undo()
    await it_still_works(world)


async def test_a_login_that_nobody_can_use_is_refused(world: World) -> None:
    """Of a kind that a program cannot have, or without what belongs to it."""
    for kind, words in (("vertex-ai", "GOOGLE_API_KEY"), ("oauth-personal", "gemini"), ("made-up", "made-up")):
        with logged_in(world, kind, {}), refused_at_once(world, lite.AuthenticationError, words):
            await whole(world, "Hello")
    await it_still_works(world)
