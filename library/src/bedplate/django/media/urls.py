"""URLs of uploads."""

from django.urls import path

from bedplate.django.media import views

urlpatterns = [
    path("documents/", views.documents, name="documents"),
    path("documents/<int:pk>/delete/", views.delete_document, name="delete-document"),
    path("media/private/<path:name>", views.private_file, name="private-file"),
    path("media/public/<path:name>", views.public_file, name="public-file"),
]
