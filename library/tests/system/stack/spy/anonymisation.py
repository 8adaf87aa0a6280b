"""Rules for the rows in a copy of production's data."""

from bedplate.django.anonymization.registry import erase
from spy.models import Note

erase(Note)
