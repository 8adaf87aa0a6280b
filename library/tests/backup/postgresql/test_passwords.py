"""During a password rotation, two passwords exist for a minute."""

import pytest
from bedplate.environment import Environment
from project import MakeProject

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("without_django")]


@pytest.mark.parametrize("order", ["{right}\nnot-the-password", "not-the-password\n{right}"])
def test_a_backup_is_made_with_the_one_that_the_server_takes(
    make_project: MakeProject, server: Environment, order: str
) -> None:
    project = make_project(POSTGRES_PASSWORD=order.format(right=server.postgres_passwords[0]))
    project.back_up()
    project.verify()
