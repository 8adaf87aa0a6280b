"""Rules for users in copies of production's data."""

from bedplate.django.anonymization.registry import rules
from bedplate.django.anonymization.rules import Email, Pseudonym, UnusablePassword

from users.models import User

rules(User, email=Email(), name=Pseudonym("Person"), password=UnusablePassword())
