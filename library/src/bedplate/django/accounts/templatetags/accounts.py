"""Template tags of pages about accounts."""

from typing import Any

from django import template
from django.conf import settings
from django.urls import reverse

register = template.Library()


@register.simple_tag
def sign_in_providers() -> list[dict[str, Any]]:
    """Return name and URL of each configured provider."""
    apps = settings.SOCIALACCOUNT_PROVIDERS.get("openid_connect", {}).get("APPS", ())
    return [
        {
            "name": app["name"],
            "id": app["provider_id"],
            "url": reverse("openid_connect_login", args=[app["provider_id"]]),
        }
        for app in apps
    ]
