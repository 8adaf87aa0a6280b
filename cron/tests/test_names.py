"""What backups are called."""

from datetime import UTC, datetime, timedelta

from backup_system.names import BackupName

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)


def test_names_of_one_second_are_in_the_order_of_time() -> None:
    moments = [NOW + timedelta(microseconds=offset) for offset in (0, 1, 15, 16, 4_095, 4_096, 999_999, 1_000_000)]
    names = [BackupName.new(project="acme", environment="prod", now=moment) for moment in moments]
    assert sorted(names) == names
    assert [BackupName.parse(str(name)) for name in names] == names
