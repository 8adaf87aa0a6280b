"""The users of the site."""

from typing import Any, ClassVar

from bedplate.django.accounts.fields import LowercaseEmailField
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
    """Creates users."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Return a new user. Without a password, the user must first set one by mail."""
        if not email:
            raise ValueError("A user needs an email address.")
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Return a new superuser."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A user who logs in with an email address and a password (optionally with a second factor)."""

    email = LowercaseEmailField(_("email address"), unique=True)
    name = models.CharField(_("name"), max_length=150, blank=True)
    is_staff = models.BooleanField(
        _("staff"), default=False, help_text=_("May open the administration, and other pages for staff.")
    )
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("May sign in. Clear this instead of deleting a user.")
    )
    date_joined = models.DateTimeField(_("joined"), default=timezone.now, editable=False)

    objects = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        # With the unique index, this makes addresses unique whatever their case, on every database, for all writes.
        constraints = (
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="users_user_email_is_lower_case"),
        )

    def __str__(self) -> str:
        return str(self.email)

    def get_short_name(self) -> str:
        """Return the name for the admin's greeting."""
        return self.name or str(self)
