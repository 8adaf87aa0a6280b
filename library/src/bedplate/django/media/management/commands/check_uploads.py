"""The command `check_uploads`."""

from typing import Any

from bedplate.django.media.storage import require_usable_bucket
from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Tries what the site does with uploads in a bucket. Uploads in a folder need no check."""

    help = "Check that the account of uploads may use the bucket of MEDIA_URL."
    requires_system_checks = ()

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        """Print where uploads are. Raise CommandError if they could not be stored there."""
        require_usable_bucket()
        bucket = settings.ENVIRONMENT.media_bucket
        self.stdout.write(f"Uploads can be stored in {bucket.url}." if bucket else "Uploads are in a folder.")
