from collections.abc import Callable
from contextlib import closing

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from pydantic import SecretStr

pytestmark = pytest.mark.skipif(connection.vendor != "postgresql", reason="passwords are PostgreSQL's")


def connects() -> bool:
    parameters = connection.get_connection_params()
    with closing(connection.get_new_connection(parameters)) as connected:
        return bool(connected.execute("SELECT 1").fetchone())


@pytest.mark.parametrize("place", [0, 1])
def test_one_of_two_passwords_is_enough(configure: Callable[..., None], place: int) -> None:
    passwords = ["not-the-password"]
    passwords.insert(place, settings.ENVIRONMENT.postgres_passwords[0])
    configure(postgres_password=SecretStr("\n".join(passwords)))
    assert connects()


def test_a_wrong_password_is_an_error(configure: Callable[..., None]) -> None:
    configure(postgres_password=SecretStr("not-the-password\nnor-this"))
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connects()
