"""Rules for tokens in copies of production's data."""

from bedplate.django.anonymization.registry import erase
from bedplate.django.api.models import ApiToken

erase(ApiToken)  # a token of production must be valid nowhere else
