"""Second factors, linked accounts and sessions in the admin: staff can see and remove them, and add none.

The record of impersonations cannot be changed.
"""

from typing import Any

from allauth.mfa import admin as mfa_admin
from allauth.mfa.models import Authenticator
from allauth.socialaccount import admin as provider_admin
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions import admin as sessions_admin
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.http import HttpRequest

from bedplate.django.accounts.models import Impersonation


class UnchangedAdmin(admin.ModelAdmin):
    """Lists rows that only their owner can add; they cannot be changed."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Return False."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Return False."""
        return False


class AuthenticatorAdmin(UnchangedAdmin):
    """Lists second factors and recovery codes, without their secrets, for someone who lost a device."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("user__email",)
    list_filter = ("type",)
    fields = ("user", "type", "created_at", "last_used_at")


class LinkedAccountAdmin(UnchangedAdmin):
    """Lists the accounts at sign-in providers."""

    list_display = ("user", "provider", "uid", "date_joined", "last_login")
    list_select_related = ("user",)
    search_fields = ("user__email",)
    list_filter = ("provider",)
    fields = ("user", "provider", "uid", "date_joined", "last_login")


class SessionAdmin(UnchangedAdmin):
    """Lists sessions, without their keys."""

    list_display = ("user", "ip", "created_at", "last_seen_at")
    list_select_related = ("user",)
    search_fields = ("user__email",)
    fields = ("user", "ip", "user_agent", "created_at", "last_seen_at")

    def delete_model(self, request: HttpRequest, obj: UserSession) -> None:  # noqa: ARG002 - Django's signature
        """End the session: without its row only, its user would still be signed in."""
        obj.end()

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:  # noqa: ARG002
        """End the sessions."""
        for session in queryset:
            session.end()


@admin.register(Impersonation)
class ImpersonationAdmin(UnchangedAdmin):
    """Lists who acted as whom."""

    list_display = ("superuser", "user", "ip", "started", "ended")
    list_select_related = ("superuser", "user")
    search_fields = ("superuser__email", "user__email")
    date_hierarchy = "started"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Return False."""
        return False


# The project may have registered classes of its own. The provider is configured with variables, and no token is stored.
for model, theirs, ours in (
    (Authenticator, mfa_admin.AuthenticatorAdmin, AuthenticatorAdmin),
    (SocialAccount, provider_admin.SocialAccountAdmin, LinkedAccountAdmin),
    (SocialApp, provider_admin.SocialAppAdmin, None),
    (SocialToken, provider_admin.SocialTokenAdmin, None),
    (UserSession, sessions_admin.UserSessionAdmin, SessionAdmin),
):
    if admin.site.is_registered(model) and type(admin.site.get_model_admin(model)) is theirs:
        admin.site.unregister(model)
        if ours:
            admin.site.register(model, ours)
