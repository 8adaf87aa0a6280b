"""URLs of the pages that belong to no other app."""

from bedplate.django.theme import search_engines
from django.urls import path

from pages import views

urlpatterns = [
    path("", views.home, name="home"),
    path("favicon.ico", views.favicon),
    path("robots.txt", search_engines.robots),
    # Add the names of the pages that search engines should find.
    path("sitemap.xml", search_engines.sitemap, {"names": ["home"]}),
]
