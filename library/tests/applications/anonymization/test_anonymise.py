"""`manage.py anonymise` on the tests' database."""

import json
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from bedplate.django.anonymization.anonymizer import anonymize, configured_database, kept_files
from bedplate.django.anonymization.plan import AnonymizationPlan
from bedplate.django.anonymization.registry import AnonymizationError, Registry
from bedplate.django.anonymization.rules import Keep
from bedplate.django.operations.models import TaskRun
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.test import Client
from django.utils import timezone
from pydantic import SecretStr
from users.models import User

from applications.anonymization.conftest import execute, query, run, tables
from applications.anonymization.models import Person, Visit

EMAIL, PASSWORD = "admin@localhost", "correct-horse-9"

type Planned = Callable[[], AnonymizationPlan]


def command(**options: Any) -> str:
    output = StringIO()
    options = {"database": str(connection.settings_dict["NAME"])} | options
    call_command("anonymise", stdout=output, **options)
    return output.getvalue()


@pytest.fixture
def production(transactional_db: None) -> User:
    """Create production's data of one user, with the default user's address."""
    user = User.objects.create_superuser(EMAIL, "the-password-in-production", name="Ada Lovelace")
    address = EmailAddress.objects.create(user=user, email="Admin@Localhost", verified=True, primary=True)
    EmailConfirmation.create(address).save()
    Authenticator.objects.create(user=user, type="totp", data={"secret": "JBSWY3DPEHPK3PXP"})
    Session.objects.create(session_key="k", session_data="data", expire_date=timezone.now())
    LogEntry.objects.create(user=user, object_repr=EMAIL, action_flag=1, change_message="ada")
    TaskRun.objects.create(name="a.task", message="for Ada", error=f"no such user: {EMAIL}", requested_by=user)
    return user


def test_every_field_and_column_of_the_project_has_a_rule(transactional_db: None) -> None:
    assert command(check=True) == "Every field and column that may contain text has a rule.\n"


@pytest.fixture
def forgotten(transactional_db: None) -> Iterator[None]:
    """Create a model without rules, in an app."""

    class Forgotten(models.Model):
        note = models.TextField()

        class Meta:
            app_label = "anonymising"

        def __str__(self) -> str:
            return self.note

    try:
        with tables(Forgotten):
            yield
    finally:
        del apps.all_models["anonymising"]["forgotten"]
        apps.clear_cache()


@pytest.mark.parametrize("options", [{"check": True}, {}])
def test_a_model_without_rules_is_named_and_nothing_changes(
    forgotten: None, production: User, options: dict[str, Any]
) -> None:
    with pytest.raises(
        CommandError, match=r"(?s)Nothing was changed.*\n  anonymising\.Forgotten\.note\n.*library/docs/how-to"
    ):
        command(**options)
    assert User.objects.get().email == EMAIL


def test_a_table_without_a_model_is_named(transactional_db: None) -> None:
    execute("CREATE TABLE letters (id integer, body text)")
    try:
        with pytest.raises(CommandError, match=r"\n  letters\.body\n"):
            command(check=True)
    finally:
        execute("DROP TABLE letters")


def test_the_command_prints_each_model_and_leaves_no_login(production: User) -> None:
    assert "users.User: 1 rows\n" in command()
    user = User.objects.get()
    assert user.email.endswith("@example.invalid")
    assert user.name.startswith("Person-")
    assert not user.has_usable_password()
    assert EmailAddress.objects.get().email == user.email
    for erased in (EmailConfirmation, Authenticator, Session, LogEntry):
        assert not erased.objects.exists(), erased
    run = TaskRun.objects.get()
    assert (run.name, run.message, run.error, run.requested_by) == ("a.task", "", "", user)


def test_no_personal_data_is_left_in_any_table(production: User) -> None:
    command()
    for table in connection.introspection.table_names():
        found = str(query(f"SELECT * FROM {connection.ops.quote_name(table)}")).lower()
        assert not [word for word in ("admin@localhost", "lovelace", "jbswy3") if word in found], table


@pytest.mark.usefixtures("own_cache")
def test_the_default_user_can_log_in_even_if_production_had_one(
    production: User, client: Client, configure: Callable[..., None]
) -> None:
    command()
    configure(default_user_email=EMAIL, default_user_password=SecretStr(PASSWORD))
    call_command("create_default_user", stdout=StringIO())
    response = client.post("/accounts/login/", {"login": EMAIL, "password": PASSWORD})
    assert response.headers.get("Location") == "/"
    assert get_user(client).is_superuser
    assert User.objects.count() == 2


def test_another_database_is_refused(production: User) -> None:
    with pytest.raises(CommandError, match="not for 'live'"):
        command(database="live")
    assert User.objects.get().email == EMAIL


@pytest.mark.parametrize("name", [None, ""])
def test_the_database_must_be_named(production: User, name: str | None) -> None:
    with pytest.raises(CommandError, match="nothing was changed"):
        command(database=name)


def test_production_is_refused_but_can_be_checked(production: User, configure: Callable[..., None]) -> None:
    configure(environment="prod")
    with pytest.raises(CommandError, match="PROD"):
        command()
    assert User.objects.get().email == EMAIL
    assert command(check=True)


def test_missing_migrations_are_refused(transactional_db: None) -> None:
    execute("DELETE FROM django_migrations WHERE app = 'operations'")
    try:
        with pytest.raises(CommandError, match=r"manage\.py migrate"):
            command(check=True)
    finally:
        call_command("migrate", "operations", fake=True, verbosity=0)


def test_joins_by_key_and_by_address_still_work(people: None, plan: Planned) -> None:
    assert run(plan()) == {"anonymising.Person": 2, "anonymising.Visit": 1}
    visit = Visit.objects.get()
    assert visit.person.code != "ada"
    assert visit.person.email == visit.email
    assert Person.objects.count() == 2


def test_empty_values_stay_empty_and_cleared_values_are_deleted(people: None, plan: Planned) -> None:
    run(plan())
    ada, bob = Person.objects.exclude(motto=None).get(), Person.objects.get(motto=None)
    assert (bob.nickname, bob.photo.name) == ("", "")
    assert (len(ada.nickname), ada.contract.name, ada.profile, ada.born) == (6, "", {}, None)
    assert ada.photo.name == "ada at home.png"


def test_an_error_rolls_back_all_changes(people: None, plan: Planned) -> None:
    changed = anonymize(configured_database(), plan(), key="k")
    next(changed)
    changed.close()
    assert Person.objects.filter(email="bob@example.org").exists()


def test_a_dangling_relation_is_an_error(people: None, plan: Planned, registry: Registry) -> None:
    registry.rules(Visit, person=Keep())
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        run(plan())
    assert Person.objects.filter(email="bob@example.org").exists()


def test_with_problems_nothing_is_changed(people: None, plan: Planned, registry: Registry) -> None:
    del registry.fields[Person]["motto"]
    with pytest.raises(AnonymizationError, match=r"anonymising\.Person\.motto"):
        run(plan())
    assert Person.objects.filter(email="bob@example.org").exists()


def test_a_trigger_does_not_store_old_values(people: None, plan: Planned, registry: Registry) -> None:
    execute("CREATE TABLE audit (email text)", *TRIGGER[connection.vendor])
    registry.keep_table("audit")
    try:
        run(plan())
        assert query("SELECT email FROM audit") == []
        Person.objects.update(motto="new")
        assert len(query("SELECT email FROM audit")) == 2
    finally:
        execute("DROP TABLE audit")
        if connection.vendor == "postgresql":
            execute("DROP FUNCTION audit() CASCADE")


TRIGGER = {
    "sqlite": [
        "CREATE TRIGGER audited AFTER UPDATE ON anonymising_person BEGIN INSERT INTO audit VALUES (old.email); END",
    ],
    "postgresql": [
        """CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO audit VALUES (old.email); RETURN new; END $$""",
        "CREATE TRIGGER audited AFTER UPDATE ON anonymising_person FOR EACH ROW EXECUTE FUNCTION audit()",
    ],
}


def test_a_table_without_a_model_is_erased(transactional_db: None, plan: Planned, registry: Registry) -> None:
    execute("""CREATE TABLE "old 100% letters" (body text)""", """INSERT INTO "old 100% letters" VALUES ('Dear Ada')""")
    registry.erase_table("old 100% letters")
    try:
        with tables(Person, Visit):
            assert run(plan())["old 100% letters"] == 1
        assert query("""SELECT * FROM "old 100% letters" """) == []
    finally:
        execute("""DROP TABLE "old 100% letters" """)


def test_files_of_the_rule_keep_file_are_listed(people: None, plan: Planned) -> None:
    assert kept_files(plan()) == ["private/ada at home.png"]


def test_the_command_writes_the_files_to_keep(production: User, tmp_path: Path) -> None:
    command(kept_files=tmp_path / "kept.json")
    assert json.loads((tmp_path / "kept.json").read_text()) == []
