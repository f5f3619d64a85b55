"""What a user can set for Cloud Code, its switch above all."""

from __future__ import annotations

from pydantic import Field

from uutel_bridge.core.settings import ProviderSettings


class CloudCodeSettings(ProviderSettings):
    """`UUTEL_CLOUD_CODE__*`. `executable` is the `gemini` that renews its stored login."""

    accept_terms: bool = Field(default=False, description="true or false")
    """The user's word that the account may be used this way, whatever Google's terms say of it."""
    project_id: str | None = Field(default=None, min_length=1, description="the id of a Google Cloud project")
    """The Google Cloud project that requests are counted for."""
