"""What becomes of people's documents in a copy of production's data."""

from anonymising.registry import erase
from media.models import Document

erase(Document)  # they are for their owners' eyes alone: neither row nor file is brought over
