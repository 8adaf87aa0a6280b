"""The record of impersonations."""

from typing import Any, Final

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

RELATION: Final[dict[str, Any]] = {"on_delete": models.SET_NULL, "null": True, "related_name": "+"}


class Impersonation(models.Model):
    """A superuser acted as a user: who, whom, when, and from where."""

    superuser = models.ForeignKey(settings.AUTH_USER_MODEL, verbose_name=_("superuser"), **RELATION)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, verbose_name=_("user"), **RELATION)
    ip = models.GenericIPAddressField(_("IP address"))
    started = models.DateTimeField(_("started"), auto_now_add=True)
    ended = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("impersonation")
        verbose_name_plural = _("impersonations")
        ordering = ("-started", "-pk")

    def __str__(self) -> str:
        return f"{self.superuser} → {self.user}"
