"""Users in the admin, and the admin's login."""

from allauth.account.decorators import secure_admin_login
from bedplate.django.accounts.invitations import InvitingUserAdmin
from django.conf import settings
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from users.models import User

admin.site.site_header = admin.site.site_title = settings.ENVIRONMENT.project_name
# The admin uses the site's login: rate limits and second factors apply to it too.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign, no-untyped-call]


@admin.register(User)
class UserAdmin(InvitingUserAdmin):
    """Lists users, with a search by email address or name. "Add user" sends an invitation."""

    list_display = ("email", "name", "is_staff", "is_active", "last_login")
    list_filter = ("is_staff", "is_superuser", "is_active", "groups")
    search_fields = ("email", "name")
    ordering = ("email",)
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        (_("Permissions"), {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
