"""The Django Debug Toolbar: on pages of the development server, if DEBUG_TOOLBAR and DEBUG are on."""

from importlib.util import find_spec
from typing import Any, Final

from django.http import HttpRequest

from bedplate.environment import Environment

CONTENT_SECURITY: Final = "django.middleware.csp.ContentSecurityPolicyMiddleware"
QUIET: Final = ("/health/", "/operations/")
"""Paths that the containers and open pages request all the time: they would fill the toolbar's history."""


def use_debug_toolbar(environment: Environment, applications: list[str], middleware: list[str]) -> dict[str, Any]:
    """Add the toolbar to the application, if it is switched on and installed. Return DEBUG_TOOLBAR_CONFIG.

    Its middleware is below the content security policy's: its scripts get the nonce of the page.
    """
    if environment.debug_toolbar and environment.debug and environment.private and find_spec("debug_toolbar"):
        applications.append("debug_toolbar")
        middleware.insert(middleware.index(CONTENT_SECURITY) + 1, "debug_toolbar.middleware.DebugToolbarMiddleware")
    return {"SHOW_TOOLBAR_CALLBACK": f"{__name__}.is_shown", "SHOW_COLLAPSED": True}


def is_shown(request: HttpRequest) -> bool:
    """Return whether the page gets a toolbar. nginx hides the visitor's address; LOCAL is on this machine only."""
    return not request.path.startswith(QUIET)
