"""`manage.py create_default_user`: creates the first user, for the install scripts."""

from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction


class Command(BaseCommand):
    """Creates the superuser of DEFAULT_USER_EMAIL and DEFAULT_USER_PASSWORD, unless it exists."""

    help = "Create the superuser of DEFAULT_USER_EMAIL and DEFAULT_USER_PASSWORD, unless it exists."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the option."""
        parser.add_argument("--reset-password", action="store_true", help="if it exists, give it that password")

    def handle(self, *_args: Any, reset_password: bool, **_options: Any) -> None:
        """Create the user, and print the result."""
        email = settings.ENVIRONMENT.default_user_email
        if user := get_user_model().objects.filter(email=email).first():
            if reset_password:
                user.set_password(default_password())
                user.save(update_fields=["password"])
            changed = "it has the password in DEFAULT_USER_PASSWORD now" if reset_password else "nothing changed"
            self.stdout.write(f"The user {email} exists: {changed}.")
            return
        create_verified_superuser(email, default_password())
        self.stdout.write(f"The user {email} was created, with the password in DEFAULT_USER_PASSWORD.")


def default_password() -> str:
    """Return DEFAULT_USER_PASSWORD. Raise CommandError when it is not set."""
    password = settings.ENVIRONMENT.default_user_password
    if password is None:
        raise CommandError("DEFAULT_USER_PASSWORD is not set. Set it in .env, or as a file in /run/secrets; run again.")
    return str(password.get_secret_value())


@transaction.atomic
def create_verified_superuser(email: str, password: str) -> None:
    """Create a superuser with a verified address: the address may be one that cannot receive mail."""
    user = get_user_model().objects.create_superuser(email, password)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
