"""What makes the Cloud Code provider; needs no LiteLLM."""

from __future__ import annotations

from dataclasses import dataclass

from uutel_bridge.core.provider import Parts
from uutel_bridge.core.settings import ProviderSettings
from uutel_bridge.gemini_api.login_files import TOKEN_VARIABLE
from uutel_bridge.providers.cloud_code.auth import ADC_COMMAND, TOKEN_COMMAND
from uutel_bridge.providers.cloud_code.backend import NAME, CloudCode
from uutel_bridge.providers.cloud_code.catalog import DEFAULT_MODEL, MODELS
from uutel_bridge.providers.cloud_code.models import CloudCodeRequest, CloudCodeResponse
from uutel_bridge.providers.cloud_code.settings import CloudCodeSettings
from uutel_bridge.providers.cloud_code.transforms import CloudCodeTransform


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudCodeParts(Parts[CloudCodeRequest, CloudCodeResponse]):
    """The parts of a provider without a CLI."""

    def backend(self, settings: ProviderSettings) -> CloudCode:
        """The endpoint; nothing is asked yet."""
        assert isinstance(settings, CloudCodeSettings)
        return CloudCode(settings)


PARTS = CloudCodeParts(
    name=NAME,
    title="Cloud Code",
    default_model=DEFAULT_MODEL,
    models=MODELS,
    transform=CloudCodeTransform(),
    settings=CloudCodeSettings,
    fetches_links=True,
    login_help=(
        "Cloud Code has no sign-in of its own. It takes the login of the Gemini CLI (uutel-bridge login gemini-cli), "
        f"or gcloud's ({ADC_COMMAND}), or a token in {TOKEN_VARIABLE} ({TOKEN_COMMAND} prints one)."
    ),
)
