"""The project's addresses, and the measured ones."""

from django.urls import include, path

from one_query_page import views

urlpatterns = [
    path("benchmark/page/", views.page),
    path("benchmark/slow/", views.slow_page),
    path("benchmark/post/", views.take),
    path("", include("config.urls")),
]
