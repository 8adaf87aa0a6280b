"""URLs under /operations/."""

from django.urls import path

from bedplate.django.operations_page import views

urlpatterns = [
    path("", views.page, name="operations"),
    path("metrics", views.metrics, name="operations-metrics"),
    path("tasks/<uuid:pk>/retry/", views.retry, name="operations-retry"),
    path("tasks/<uuid:pk>/cancel/", views.cancel, name="operations-cancel"),
    path("<slug:name>/", views.part, name="operations-part"),
]
