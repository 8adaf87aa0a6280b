"""Uploads in the test's own folder."""

from pathlib import Path

import pytest
from bedplate.django.media.models import Document
from django.core.files.base import ContentFile
from django.test import Client
from pytest_django import Settings
from users.models import User


@pytest.fixture(autouse=True)
def media_root(tmp_path: Path, settings: Settings) -> Path:
    """Return the folder of all uploads."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.STORAGES = {
        **settings.STORAGES,
        **{
            name: {
                "BACKEND": "django.core.files.storage.FileSystemStorage",
                "OPTIONS": {"location": tmp_path / "media" / folder, "base_url": f"/media/{folder}/"},
            }
            for name, folder in (("default", "private"), ("public", "public"))
        },
    }
    return tmp_path / "media"


@pytest.fixture
def other(db: None) -> User:
    """Return another user."""
    return User.objects.create_user("bob@example.org")


@pytest.fixture
def own_client(client: Client, user: User) -> Client:
    """Return a client, logged in as the user."""
    client.force_login(user)
    return client


def create_document(owner: User, name: str) -> Document:
    """Return a new document."""
    return Document.objects.create(owner=owner, file=ContentFile(b"a secret", name))
