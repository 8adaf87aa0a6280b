"""Tokens in the export of their user's account. The deletion of the account deletes them."""

from typing import Any

from django.dispatch import receiver

from bedplate.django.accounts.personal_data import Export, export_data
from bedplate.django.api.models import ApiToken


@receiver(export_data)
def export_tokens(user: Any, export: Export, **_signal: Any) -> None:
    """Add the user's tokens, without their secrets."""
    tokens = ApiToken.objects.filter(user=user).order_by("pk")
    export.add("api_tokens", list(tokens.values("name", "prefix", "created", "expires", "last_used")))
