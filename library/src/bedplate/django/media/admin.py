"""Documents in the admin: owner, size and date. Their contents are for their owners only."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from bedplate.django.media.models import Document


@admin.register(Document)
class DocumentAdmin(admin.ModelAdmin):
    """Lists documents. They can be deleted, but not opened."""

    list_display = ("__str__", "owner", "size", "uploaded")
    list_select_related = ("owner",)
    search_fields = ("owner__email",)
    date_hierarchy = "uploaded"
    fields = ("__str__", "owner", "size", "uploaded")

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Return False."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Return False."""
        return False
