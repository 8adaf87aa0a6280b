"""Template filters for the page about operations."""

from datetime import datetime

from django import template
from django.utils.formats import number_format
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _

register = template.Library()

MINUTE, HOUR = 60, 3600


@register.filter
def duration(seconds: float | None) -> str:
    """Return seconds in the unit that people read: `0.4 s`, `12 s`, `5 min`, `2.5 h`; empty for None."""
    if seconds is None:
        return ""
    if seconds < MINUTE:
        return _("%(value)s s") % {"value": rounded(seconds, 1 if seconds < 10 else 0)}  # noqa: PLR2004 - one digit
    if seconds < HOUR:
        return _("%(value)s min") % {"value": rounded(seconds / MINUTE, 0)}
    return _("%(value)s h") % {"value": rounded(seconds / HOUR, 1)}


def rounded(value: float, digits: int) -> str:
    """Return the number as it is written in the current language: Django's own function cuts digits off."""
    return number_format(round(value, digits), digits)


@register.filter
def since(time: datetime | None, now: datetime | None = None) -> str:
    """Return the time since then, in one unit: `3 hours`; empty for None."""
    return timesince(time, now, depth=1) if time else ""


@register.filter
def until(time: datetime | None, now: datetime | None = None) -> str:
    """Return the time until then, in one unit: `3 hours`; empty for None."""
    return timeuntil(time, now, depth=1) if time else ""
