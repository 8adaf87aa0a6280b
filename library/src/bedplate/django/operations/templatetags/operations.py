"""Template tags for the status of the application's services."""

import json

from django import template
from django.urls import reverse
from django.utils.translation import gettext

register = template.Library()


@register.simple_tag
def stack_status() -> str:
    """Return the properties of the component `StackStatus` as JSON, with texts in the current language."""
    labels = {
        "loading": gettext("Checking the services…"),
        "ok": gettext("Every service answers."),
        "degraded": gettext("Some services do not answer."),
        "unreachable": gettext("The site does not answer. Trying again…"),
        "check_ok": gettext("answers"),
        "check_unavailable": gettext("does not answer"),
        "checks": {
            "database": gettext("Database"),
            "cache": gettext("Cache"),
            "broker": gettext("Task queue"),
            "worker": gettext("Worker"),
            "cron": gettext("Cron"),
        },
    }
    return json.dumps({"url": reverse("health-services"), "labels": labels})


@register.filter
def environment_name(environment: str) -> str:
    """Return the name of an environment in the current language. Only `embedded` is an English word."""
    return gettext("embedded") if environment == "embedded" else environment
