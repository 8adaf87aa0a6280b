"""URLs of the page about tokens."""

from django.urls import path

from bedplate.django.api import views

urlpatterns = [
    path("", views.tokens, name="api-tokens"),
    path("<int:pk>/revoke/", views.revoke_token, name="revoke-api-token"),
]
