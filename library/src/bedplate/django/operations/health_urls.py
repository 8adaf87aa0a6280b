"""URLs under /health/."""

from django.urls import path

from bedplate.django.operations import health

urlpatterns = [
    path("live", health.live, name="health-live"),
    path("ready", health.ready, name="health-ready"),
    path("services", health.services, name="health-services"),
    path("background", health.background, name="health-background"),
]
