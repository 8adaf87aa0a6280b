"""The variables of an OpenID Connect provider, with which people may sign in."""

from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from bedplate.environment_values import Secret


class LoginProvider(BaseSettings):
    """Google, or another provider. Off until both the server and the client are set."""

    oidc_server_url: str = Field(
        default="",
        pattern="^(https?://[^/?#]+[^?#]*)?$",
        description="OpenID Connect provider with which people may sign in, such as `https://accounts.google.com`. "
        "Empty: none.",
    )
    oidc_name: str = Field(default="Google", description="Name of that provider, on the button.")
    oidc_client_id: str = Field(default="", description="The site's client ID at that provider.")
    oidc_client_secret: Secret = Field(
        default=SecretStr(""), description="The site's client secret at that provider. Secret."
    )

    @property
    def oidc_origin(self) -> tuple[str, ...]:
        """The provider's origin, for the content security policy; empty without a provider."""
        address = urlsplit(self.oidc_server_url)
        return (f"{address.scheme}://{address.netloc}",) if self.oidc_server_url and self.oidc_client_id else ()

    @property
    def oidc_provider_id(self) -> str:
        """The provider's name in URLs and in linked accounts: another server is another provider."""
        address = urlsplit(self.oidc_server_url)
        return "-".join(part for part in (address.netloc + address.path).replace(":", "/").split("/") if part)

    @property
    def login_providers(self) -> dict[str, Any]:
        """django-allauth's SOCIALACCOUNT_PROVIDERS."""
        if not self.oidc_origin:
            return {}
        app = {
            "provider_id": self.oidc_provider_id,
            "name": self.oidc_name,
            "client_id": self.oidc_client_id,
            "secret": self.oidc_client_secret.get_secret_value(),
            "settings": {"server_url": self.oidc_server_url.rstrip("/")},
        }
        return {"openid_connect": {"APPS": [app], "OAUTH_PKCE_ENABLED": True}}
