"""The account's own part of export and deletion."""

from importlib import import_module
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.dispatch import receiver

from bedplate.django.accounts.personal_data import Export, delete_data, export_data

# Of the user's row, and of no use to the user: the hash of the password.
NOT_EXPORTED = {"password"}


@receiver(export_data)
def export_account(user: Any, export: Export, **_signal: Any) -> None:
    """Add the account, its addresses, sessions and second factors, without their secrets."""
    fields = [field.attname for field in user._meta.concrete_fields if field.name not in NOT_EXPORTED]  # noqa: SLF001
    export.add("account", {name: getattr(user, name) for name in fields})
    addresses = EmailAddress.objects.filter(user=user).order_by("pk")
    export.add("email_addresses", list(addresses.values("email", "verified", "primary")))
    sessions = UserSession.objects.filter(user=user).order_by("pk")
    export.add("sessions", list(sessions.values("created_at", "last_seen_at", "ip", "user_agent")))
    linked = SocialAccount.objects.filter(user=user).order_by("pk")
    export.add("sign_in_providers", list(linked.values("provider", "uid", "date_joined", "last_login", "extra_data")))
    factors = Authenticator.objects.filter(user=user).order_by("pk")
    export.add("second_factors", list(factors.values("type", "created_at", "last_used_at")))


@receiver(delete_data)
def delete_sessions(user: Any, **_signal: Any) -> None:
    """Delete the sessions; the other tables have foreign keys to the user."""
    store: Any = import_module(settings.SESSION_ENGINE).SessionStore
    keys = UserSession.objects.filter(user=user).values_list("session_key", flat=True)
    store.get_model_class().objects.filter(session_key__in=list(keys)).delete()
