"""URLs of the pages that belong to no other app."""

from django.urls import path

from pages import views

urlpatterns = [
    path("", views.home, name="home"),
    path("favicon.ico", views.favicon),
]
