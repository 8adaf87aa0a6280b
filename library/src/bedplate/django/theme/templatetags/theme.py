"""Template tags for navigation."""

from django import template
from django.template import Context
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.simple_tag(takes_context=True)
def aria_current(context: Context, name: str) -> SafeString:
    """Return the attribute of a link to the page of this URL name: `page` on that page, `true` on a page below it."""
    request = context.get("request")
    address = reverse(name)
    if request is None or not request.path.startswith(address):
        return mark_safe("")
    value = "page" if request.path == address else "true"
    return mark_safe(f' aria-current="{value}"')  # noqa: S308 - one of two constants
