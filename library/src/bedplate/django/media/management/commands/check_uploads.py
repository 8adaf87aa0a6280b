"""The command `check_uploads`."""

from typing import Any

from bedplate.django.media.storage import require_usable_bucket
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Tries what the site does with uploads in a bucket. Uploads in a folder need no check."""

    help = "Check that the account of uploads may use the bucket of MEDIA_URL."
    requires_system_checks = ()

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        """Raise CommandError if uploads could not be stored."""
        require_usable_bucket()
