"""What becomes of people's documents in a copy of production's data."""

from bedplate.django.anonymising.registry import erase
from bedplate.django.media.models import Document

erase(Document)  # they are for their owners' eyes alone: neither row nor file is brought over
