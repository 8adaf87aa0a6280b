"""Copies of production's data contain no mail: a copy must not send any."""

from bedplate.django.anonymization.registry import erase
from bedplate.django.outbox.models import OutgoingMail

erase(OutgoingMail)
