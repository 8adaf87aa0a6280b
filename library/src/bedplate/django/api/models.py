"""Tokens, with which a user's programs authenticate."""

import hashlib
import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import InternalError, OperationalError, models
from django.utils.translation import gettext_lazy as _

from bedplate.django.user_limits import lock_user

MAX_TOKENS: Final = 20  # for each user
PREFIX_LENGTH: Final = 12  # the rest has more than 200 random bits
USE_RECORDED_EVERY: Final = timedelta(minutes=1)


class TooManyTokensError(Exception):
    """The user has the maximum number of tokens."""


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    """Tokens. The database has only their digests."""

    def issue(self, user: Any, *, name: str, expires: datetime) -> tuple["ApiToken", str]:
        """Return a new token of the user, and its secret text, which is stored nowhere.

        Raise TooManyTokensError if the user has the maximum.
        """
        text = f"api_{secrets.token_urlsafe(32)}"
        with lock_user(user.pk):
            if self.filter(user=user).count() >= MAX_TOKENS:
                raise TooManyTokensError
            token = self.create(user=user, name=name, expires=expires, prefix=text[:PREFIX_LENGTH], digest=digest(text))
        return token, text

    def authenticate(self, text: str, *, now: datetime) -> "ApiToken | None":
        """Return the valid token with this text, of a user who may sign in; None if there is none."""
        valid = self.select_related("user").filter(expires__gt=now, user__is_active=True)
        token = valid.filter(digest=digest(text)).first()
        if token and (token.last_used is None or token.last_used < now - USE_RECORDED_EVERY):
            with suppress(InternalError, OperationalError):  # the database may be read-only
                self.filter(pk=token.pk).update(last_used=now)
        return token


class ApiToken(models.Model):
    """A secret with which programs act as its user, until it expires or is revoked (deleted)."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, verbose_name=_("user"), related_name="api_tokens"
    )
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("begins with"), max_length=PREFIX_LENGTH, editable=False)
    # SHA-256 suffices: a token has 256 random bits, which nobody can guess.
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    expires = models.DateTimeField(_("expires"))
    last_used = models.DateTimeField(_("last used"), null=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ("-created", "-pk")

    def __str__(self) -> str:
        return self.name


def digest(text: str) -> str:
    """Return the digest of a token's text, as it is stored."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
