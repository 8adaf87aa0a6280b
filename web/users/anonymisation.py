"""What becomes of the users in a copy of production's data."""

from bedplate.django.anonymising.registry import rules
from bedplate.django.anonymising.rules import Email, Pseudonym, UnusablePassword

from users.models import User

rules(User, email=Email(), name=Pseudonym("Person"), password=UnusablePassword())
