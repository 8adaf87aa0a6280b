"""`manage.py create_default_user`: the first user, made by the install scripts."""

from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from users.models import User


class Command(BaseCommand):
    """Makes the superuser that DEFAULT_USER_EMAIL and DEFAULT_USER_PASSWORD tell of, unless there is one."""

    help = "Make the superuser that DEFAULT_USER_EMAIL and DEFAULT_USER_PASSWORD tell of, unless it exists."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Make the user and say so in one line."""
        email = settings.ENVIRONMENT.default_user_email
        if User.objects.filter(email=email).exists():
            self.stdout.write(f"The user {email} exists: nothing changed.")
            return
        create_verified_superuser(email, default_password())
        self.stdout.write(f"The user {email} is made, with the password in DEFAULT_USER_PASSWORD.")


def default_password() -> str:
    """Return DEFAULT_USER_PASSWORD. Raise CommandError when it is not set."""
    password = settings.ENVIRONMENT.default_user_password
    if password is None:
        raise CommandError("DEFAULT_USER_PASSWORD is not set. Set it in .env, or as a file in /run/secrets; run again.")
    return str(password.get_secret_value())


@transaction.atomic
def create_verified_superuser(email: str, password: str) -> None:
    """Make a superuser who need not confirm the address: it may be one that receives no mail."""
    user = User.objects.create_superuser(email, password)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
