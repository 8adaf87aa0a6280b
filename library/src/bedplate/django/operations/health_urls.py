"""URLs under /health/."""

from django.urls import path

from bedplate.django.operations import health, health_page

urlpatterns = [
    path("", health_page.services, name="health"),
    path("live", health.live, name="health-live"),
    path("ready", health.ready, name="health-ready"),
    path("background", health.background, name="health-background"),
]
