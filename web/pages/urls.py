"""URLs of the pages that belong to no other app."""

from bedplate.django.theme import search_engines
from django.urls import path

from pages import views
from pages.examples import documents, examples

urlpatterns = [
    path("", views.home, name="home"),
    path("favicon.ico", views.favicon),
    path("examples/", examples, name="examples"),
    path("examples/documents/", documents, name="example-documents"),
    path("robots.txt", search_engines.robots),
    # Add the names of the pages that search engines should find.
    path("sitemap.xml", search_engines.sitemap, {"names": ["home"]}),
]
