"""Tokens in the admin: they can be revoked, but not created, changed or read."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from bedplate.django.api.models import ApiToken


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):
    """Lists tokens. To delete one revokes it; the deletion of a user deletes theirs."""

    list_display = ("name", "prefix", "user", "created", "expires", "last_used")
    list_select_related = ("user",)
    list_filter = ("expires", "last_used")
    search_fields = ("name", "prefix", "user__email")
    fields = ("name", "prefix", "user", "created", "expires", "last_used")

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Return False."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Return False."""
        return False
