"""install_docker.sh: notes about the database at the end."""

from fake_machine import FakeMachine


def test_collation_mismatch_is_noted_at_the_end(machine: FakeMachine) -> None:
    """Django's warning in the middle of the output is repeated where people read."""
    warning = "?: (operations.W001) The database app was sorted by version 2.36, the server has 2.41."
    assert "Note:" not in machine.install("--yes").stdout
    machine.answer("* migrate --no-input", f"WARNINGS:\\n{warning}\\n\\tHINT: x")
    end = machine.install("--yes").stdout.partition("every test\n")[2]
    assert end.startswith("\nNote: The database app was sorted by version 2.36, the server has 2.41.\nUntil ")
    assert "library/docs/how-to/rebuild-indexes.md" in end


def test_role_that_stays_a_superuser_is_noted_at_the_end(machine: FakeMachine) -> None:
    """The install succeeds: the site works as before. The reason is given where people read."""
    machine.answer("*postgres bash -s", "Note: PostgreSQL's role app may still be a superuser: because")
    assert machine.install("--yes").stdout.endswith("\nNote: PostgreSQL's role app may still be a superuser: because\n")
    machine.answer("*postgres bash -s", "psql: error: no server", status=2)
    result = machine.install("--yes")
    assert result.returncode == 0, result.stderr
    assert "\nNote: PostgreSQL: not all was done. Its output is in " in result.stdout
