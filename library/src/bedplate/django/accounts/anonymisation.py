"""Rules for the tables of this application in copies of production's data."""

from bedplate.django.accounts.models import Impersonation
from bedplate.django.anonymization.registry import erase

erase(Impersonation)
