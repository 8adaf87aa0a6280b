from collections.abc import Callable
from io import StringIO

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command
from pydantic import SecretStr
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def default_user(configure: Callable[..., None]) -> None:
    """Set the variables of the default user."""
    configure(default_user_email="Admin@shop.local", default_user_password=SecretStr("correct-horse-9"))


def run(*options: str) -> str:
    output = StringIO()
    call_command("create_default_user", *options, stdout=output)
    return output.getvalue()


def test_it_creates_a_superuser_who_can_log_in() -> None:
    assert run().count("\n") == 1
    user = User.objects.get()
    assert (user.email, user.is_superuser, user.is_staff) == ("admin@shop.local", True, True)
    assert user.check_password("correct-horse-9")
    assert EmailAddress.objects.filter(user=user, email=user.email, verified=True, primary=True).exists()


def test_a_second_run_changes_nothing(configure: Callable[..., None]) -> None:
    run()
    configure(default_user_password=SecretStr("something-else-10"))
    assert "nothing changed" in run()
    assert User.objects.get().check_password("correct-horse-9")


def test_the_option_resets_the_password(configure: Callable[..., None]) -> None:
    run()
    configure(default_user_password=SecretStr("something-else-10"))
    assert "has the password" in run("--reset-password")
    assert User.objects.get().check_password("something-else-10")


def test_a_second_run_needs_no_password(configure: Callable[..., None]) -> None:
    run()
    configure(default_user_password=None)
    assert "nothing changed" in run()


def test_without_a_password_it_names_the_variable_and_creates_no_user(configure: Callable[..., None]) -> None:
    configure(default_user_password=None)
    with pytest.raises(CommandError, match=r"DEFAULT_USER_PASSWORD is not set.*\.env"):
        run()
    assert not User.objects.exists()
