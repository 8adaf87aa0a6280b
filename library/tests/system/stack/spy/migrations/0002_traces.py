"""A data migration with effects outside the database. An earlier backup has it run on the copy."""

from django.db import migrations


def leave(_apps: object, _schema_editor: object) -> None:
    """Leave traces."""
    from spy.traces import leave_traces  # noqa: PLC0415 - Celery reads the settings

    leave_traces("migration")


class Migration(migrations.Migration):
    """Runs it."""

    dependencies = (("spy", "0001_initial"),)
    operations = (migrations.RunPython(leave, migrations.RunPython.noop),)
