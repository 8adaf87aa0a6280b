"""Rules for documents in copies of production's data."""

from bedplate.django.anonymization.registry import erase
from bedplate.django.media.models import Document

erase(Document)  # they are for their owners only: rows and files are not copied
