"""Whether the user has allowed what Google's terms forbid. Pure.

The terms: "Directly accessing the services powering Gemini CLI (for example, the Gemini Code Assist service) using
third-party software, tools, or services [...] is a violation of applicable terms and policies. Such actions may be
grounds for suspension or termination of your account." (Gemini CLI 0.61.0, docs/resources/tos-privacy.md)
"""

from __future__ import annotations

from uutel_bridge.core.errors import PermissionDenied
from uutel_bridge.providers.cloud_code.settings import CloudCodeSettings

SWITCH = "UUTEL_CLOUD_CODE__ACCEPT_TERMS"

_OFF = (
    "Cloud Code is off: Google's terms forbid software other than its own to call the Gemini Code Assist service, and "
    "accounts have been suspended for it. Google allows two other ways to its models: uutel/gemini-cli/<model> here, "
    "and LiteLLM's own gemini/<model> or vertex_ai/<model> with an API key. If you may use your account this way and "
    f"take the risk, set {SWITCH}=true, or accept_terms = true under [cloud-code] in the config file."
)


def require_consent(settings: CloudCodeSettings) -> None:
    """Let only those pass who have said yes.

    Raises:
        PermissionDenied: The switch is off; the message says why, and what else there is.
    """
    if not settings.accept_terms:
        raise PermissionDenied(_OFF)
