"""Pruning among false backups: no true one is removed in favor of one without a trusted signature."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from bedplate.backup.errors import BackupError
from bedplate.backup.signatures import SigningKey
from dated import copied, record, remove, stored_backups, unsign, write_signed
from project import Configure, Project

pytestmark = pytest.mark.usefixtures("without_django")

DAY: Final = timedelta(days=1)
THIEF: Final = SigningKey("a key that is in no list")
ONE: Final = {"BACKUP_KEEP_DAILY": "1", "BACKUP_KEEP_WEEKLY": "0", "BACKUP_KEEP_MONTHLY": "0"}


def test_false_backups_of_the_day_cost_no_true_one(embedded: Project, configure: Configure) -> None:
    """An account that may only create objects writes newer and newer ones; pruning anywhere keeps the true one."""
    project = Project(configure(**ONE), embedded.store)
    true = project.back_up()
    record(project, true.name, passed=True)
    for number in range(3):
        false = copied(project, true, datetime.now(UTC) + timedelta(seconds=number))
        write_signed(project, false, key=THIEF)
    decided = project.prune()
    assert "the newest" in decided.keep[true.name]
    assert "the newest that is verified" in decided.keep[true.name]
    assert stored_backups(project) == {str(true.name), str(false.name)}  # the newest, so that the user can inspect it


def test_accepting_a_false_one_does_not_make_it_verified(embedded: Project, configure: Configure) -> None:
    """A user has verified it anyway; pruning counts the true one."""
    project = Project(configure(**ONE), embedded.store)
    true = project.back_up()
    record(project, true.name, passed=True)
    false = copied(project, true, datetime.now(UTC) + timedelta(seconds=1))
    write_signed(project, false, key=THIEF)
    replace(project, accept_unsigned=True).verify(f"{project.store.url}/{false.name}")
    assert "the newest that is verified" in project.prune().keep[true.name]


def test_unsigned_days_take_no_place_of_signed_ones(embedded: Project, configure: Configure) -> None:
    """PROD was down for three days; an attacker created one each day."""
    project = Project(configure(**ONE | {"BACKUP_KEEP_DAILY": "3"}), embedded.store)
    made = project.back_up()
    true = [copied(project, made, datetime.now(UTC) - days * DAY).name for days in (6, 5, 4)]
    remove(project, made.name)
    for days in (3, 2, 1):
        false = copied(project, project.session.find("latest"), datetime.now(UTC) - days * DAY)
        write_signed(project, false, key=THIEF)
    project.prune()
    assert {str(name) for name in true} <= stored_backups(project)


def test_without_any_signed_one_nothing_is_pruned(embedded: Project, configure: Configure) -> None:
    """A machine without PROD's public key cannot distinguish true ones from false ones."""
    project = Project(configure(**ONE), embedded.store)
    for days in (3, 2):
        unsign(project, copied(project, made := project.back_up(), datetime.now(UTC) - days * DAY))
        remove(project, made.name)
    before = stored_backups(project)
    with pytest.raises(BackupError, match=r"None of the backups .* Nothing is removed\. What to do: .*#signatures"):
        project.prune()
    assert stored_backups(project) == before
