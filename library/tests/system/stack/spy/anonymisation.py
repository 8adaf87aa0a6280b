"""What becomes of the rows in a copy of production's data."""

from bedplate.django.anonymising.registry import erase
from spy.models import Note

erase(Note)
