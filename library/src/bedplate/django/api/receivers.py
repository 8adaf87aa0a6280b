"""What happens to tokens when something happens to their user."""

from typing import Any

from allauth.account.signals import password_reset
from django.dispatch import receiver

from bedplate.django.api.models import ApiToken


@receiver(password_reset)
def revoke_tokens(user: Any, **_signal: Any) -> None:
    """Revoke all tokens of a user who has reset the password by mail: someone else may have made them."""
    ApiToken.objects.filter(user=user).delete()
