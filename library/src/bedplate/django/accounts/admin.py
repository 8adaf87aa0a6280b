"""Second factors in the admin: staff can see and remove them, for someone who lost a device, and add none.

And the record of impersonations, which nobody changes.
"""

from typing import Any

from allauth.mfa import admin as allauth_admin
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialApp, SocialToken
from django.contrib import admin
from django.http import HttpRequest

from bedplate.django.accounts.models import Impersonation


class AuthenticatorAdmin(admin.ModelAdmin):
    """Lists second factors and recovery codes, without their secrets."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)
    search_fields = ("user__email",)
    fields = ("user", "type", "created_at", "last_used_at")

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Return False: only its owner can prove a factor."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Return False."""
        return False


# The project may have registered a class of its own.
if type(admin.site.get_model_admin(Authenticator)) is allauth_admin.AuthenticatorAdmin:
    admin.site.unregister(Authenticator)
    admin.site.register(Authenticator, AuthenticatorAdmin)

# The provider is configured with variables, and no token is stored.
for unused in (SocialApp, SocialToken):
    if admin.site.is_registered(unused):
        admin.site.unregister(unused)


@admin.register(Impersonation)
class ImpersonationAdmin(admin.ModelAdmin):
    """Lists who acted as whom."""

    list_display = ("superuser", "user", "ip", "started", "ended")
    list_select_related = ("superuser", "user")
    date_hierarchy = "started"

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Return False."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Return False."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Return False."""
        return False
