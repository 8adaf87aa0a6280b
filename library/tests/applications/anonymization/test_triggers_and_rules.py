"""PostgreSQL's triggers, rules and views store no old value, or the anonymization fails."""

from collections.abc import Callable, Iterator

import pytest
from bedplate.django.anonymization import postgresql
from bedplate.django.anonymization.anonymizer import configured_database
from bedplate.django.anonymization.plan import AnonymizationPlan
from bedplate.django.anonymization.registry import AnonymizationError, Registry
from bedplate.django.anonymization.rules import Keep, Pseudonym, Values
from django.db import DatabaseError, connection
from django.db.models import Func, TextField

from applications.anonymization.acting import ACTING, FUNCTION, RULE, TRIGGER, WRITES_FROM_CHECK
from applications.anonymization.conftest import execute, query, require_superuser, run
from applications.anonymization.models import Person, Visit

pytestmark = [
    pytest.mark.skipif(connection.vendor != "postgresql", reason="on PostgreSQL only"),
    pytest.mark.django_db(transaction=True),
]

type Planned = Callable[[], AnonymizationPlan]


@pytest.fixture
def audit(people: None, registry: Registry) -> Iterator[None]:
    """Create a table that is declared to have no personal data."""
    execute("CREATE TABLE audit (email text)", "INSERT INTO audit VALUES ('nothing')")
    registry.keep_table("audit")
    registry.rules(Person, code=Keep())  # otherwise a foreign key fails before the comparison
    registry.rules(Visit, person=Keep())
    yield
    execute("DROP TABLE audit CASCADE", "DROP FUNCTION IF EXISTS acts(), checked(text) CASCADE")


@pytest.fixture(params=["superuser", "owner"])
def role(request: pytest.FixtureRequest, audit: None) -> Iterator[Callable[[], None]]:
    """Return a function that sets the role: the tests' own, or an owner of the database that is not a superuser."""
    if request.param == "superuser":
        yield lambda: None
        return
    require_superuser("gives tables to another role; here the tests' own role shows the same")
    execute("CREATE ROLE owner_in_tests CREATEDB CREATEROLE BYPASSRLS NOSUPERUSER")
    execute("GRANT CREATE ON SCHEMA public TO owner_in_tests")
    yield own_everything
    execute(
        "RESET ROLE",
        "REASSIGN OWNED BY owner_in_tests TO current_user",
        "DROP OWNED BY owner_in_tests",
        "DROP ROLE owner_in_tests",
    )


class RandomText(Func):
    template = "random()::text"
    output_field = TextField()


def own_everything() -> None:
    """Make the role the owner of the tests' objects and of the database, as a restore does."""
    execute("RESET ROLE")
    owned = query(
        "SELECT format('ALTER TABLE %I.%I OWNER TO owner_in_tests', nspname, relname) FROM pg_class "
        "JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('r', 'p', 'm', 'v') AND nspname = 'public' "
        "UNION ALL SELECT format('ALTER STATISTICS %I OWNER TO owner_in_tests', stxname) FROM pg_statistic_ext"
    )
    execute(*(str(statement) for (statement,) in owned))
    execute(
        f"ALTER DATABASE {connection.ops.quote_name(str(connection.settings_dict['NAME']))} OWNER TO owner_in_tests"
    )
    execute("SET ROLE owner_in_tests")


def old_values() -> set[str]:
    """Return the tables and views that contain an old address."""
    relations = query(
        "SELECT oid::regclass::text FROM pg_class "
        "WHERE relkind IN ('r', 'p', 'm', 'v') AND relnamespace = 'public'::regnamespace"
    )
    return {str(name) for (name,) in relations if "@example.org" in str(query(f"SELECT * FROM {name}")).lower()}


def switches() -> list[tuple[object, ...]]:
    """Return the state of triggers, rules and row security."""
    return query(
        "SELECT tgrelid::regclass::text, tgname, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal UNION ALL "
        "SELECT ev_class::regclass::text, rulename, ev_enabled::text FROM pg_rewrite UNION ALL "
        "SELECT oid::regclass::text, 'rows', relforcerowsecurity::text FROM pg_class WHERE relkind = 'r' ORDER BY 1, 2"
    )


@pytest.mark.parametrize("statements", ACTING.values(), ids=ACTING)
def test_no_old_value_is_stored(role: Callable[[], None], plan: Planned, statements: list[str]) -> None:
    execute("RESET ROLE", *statements)
    role()
    before = switches()
    run(plan())
    assert old_values() == set()
    assert query("SELECT email FROM audit") == [("nothing",)]
    assert switches() == before


def test_the_owner_of_the_database_has_all_required_rights(
    role: Callable[[], None], plan: Planned, registry: Registry
) -> None:
    """No superuser is required: not for statistics, not for large objects, and not to rewrite the tables."""
    execute(
        "RESET ROLE",
        "CREATE INDEX ON anonymising_person (upper(email))",
        "CREATE MATERIALIZED VIEW seen AS SELECT email FROM anonymising_person",
    )
    execute(
        "CREATE STATISTICS both_of_them (mcv) ON email, nickname FROM anonymising_person", "ANALYZE anonymising_person"
    )
    role()
    execute("SELECT lo_from_bytea(0, 'Dear Ada')")
    registry.erase_table("pg_largeobject")
    try:
        run(plan())
        configured_database().compact()
        statistics = query(
            "SELECT most_common_vals::text, histogram_bounds::text FROM pg_stats WHERE schemaname = 'public'"
        )
        assert "@example.org" not in str(statistics).lower()
        assert query("SELECT FROM pg_largeobject_metadata") == []
        assert old_values() == set()
    finally:
        execute("RESET ROLE", "DROP MATERIALIZED VIEW seen", "SELECT lo_unlink(oid) FROM pg_largeobject_metadata")


@pytest.mark.parametrize("statements", ACTING.values(), ids=ACTING)
def test_triggers_that_cannot_be_disabled_are_an_error(
    audit: None, plan: Planned, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if nothing is disabled, reading the tables afterwards detects the old values."""
    monkeypatch.setattr(postgresql, "SWITCHES", "SELECT '', '' WHERE %s = '' AND %s = ''")
    execute(*statements)
    with pytest.raises(
        AnonymizationError, match=r"(?s)Nothing was changed.*\n  (anonymising_person\.email: 2 rows were|audit:)"
    ):
        run(plan())
    assert Person.objects.filter(email="bob@example.org").exists()


def test_the_error_names_table_column_and_number_of_rows(
    audit: None, plan: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "SWITCHES", "SELECT '', '' WHERE %s = '' AND %s = ''")
    execute(RULE.format("DO INSTEAD NOTHING"))
    with pytest.raises(
        AnonymizationError, match=r"anonymising_person\.email: 2 rows were to change, 0 did.*(?s:.*)migration"
    ):
        run(plan())


def test_a_constraint_that_stores_old_values_is_an_error(audit: None, plan: Planned) -> None:
    execute(*WRITES_FROM_CHECK)
    with pytest.raises(AnonymizationError, match="audit: rows were written"):
        run(plan())
    assert query("SELECT * FROM audit") == []


def test_rows_written_to_a_kept_model_table_are_an_error(
    audit: None, plan: Planned, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.rules(Visit, email=Keep())
    monkeypatch.setattr(postgresql, "SWITCHES", "SELECT '', '' WHERE %s = '' AND %s = ''")
    execute(
        RULE.format("DO ALSO INSERT INTO anonymising_visit (person_id, email, place) VALUES ('ada', old.email, '')")
    )
    with pytest.raises(AnonymizationError, match="anonymising_visit: rows were written"):
        run(plan())


def test_without_the_servers_row_counters_nothing_is_changed(audit: None, plan: Planned) -> None:
    require_superuser("stops the counting")
    execute("SET track_counts = off")
    try:
        with pytest.raises(AnonymizationError, match="track_counts is off"):
            run(plan())
    finally:
        execute("RESET track_counts")


def test_a_function_with_the_name_of_a_builtin_makes_no_pseudonyms(audit: None, plan: Planned) -> None:
    execute(
        "CREATE FUNCTION public.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT ''the old value''::bytea'",
        "SET search_path = public, pg_catalog",
    )
    try:
        run(plan())
        assert len(set(Person.objects.values_list("email", flat=True))) == 2
    finally:
        execute("RESET search_path", "DROP FUNCTION public.sha256(bytea)")


def test_old_values_that_look_like_new_ones_are_found(
    audit: None, plan: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A telephone number with the length and the digits of a pseudonym."""
    Person.objects.filter(code="ada").update(motto="4917612345678901")
    monkeypatch.setattr(postgresql, "SWITCHES", "SELECT '', '' WHERE %s = '' AND %s = ''")
    execute(FUNCTION.format("new.motto = old.motto; RETURN new;"), TRIGGER.format("BEFORE"))
    with pytest.raises(AnonymizationError, match=r"\n  anonymising_person\.motto: 2 rows") as error:
        run(plan())
    assert "email" not in str(error.value)


@pytest.mark.parametrize("erased", [Person, Visit])
def test_rules_do_not_store_erased_rows(
    role: Callable[[], None], plan: Planned, registry: Registry, erased: type[Person | Visit]
) -> None:
    execute("RESET ROLE", "CREATE RULE acting AS ON DELETE TO anonymising_visit DO INSTEAD NOTHING")
    role()
    registry.erase(Person, Visit)
    run(plan())
    assert not Visit.objects.exists()


def test_remaining_rows_are_an_error(
    audit: None, plan: Planned, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "SWITCHES", "SELECT '', '' WHERE %s = '' AND %s = ''")
    execute("CREATE RULE acting AS ON DELETE TO anonymising_visit DO INSTEAD NOTHING")
    registry.erase(Visit)
    with pytest.raises(AnonymizationError, match="anonymising_visit: 1 rows are left"):
        run(plan())


def test_an_event_trigger_that_enables_a_rule_again_is_detected(audit: None, plan: Planned) -> None:
    require_superuser("makes event triggers")
    execute(
        RULE.format("DO INSTEAD NOTHING"),
        "CREATE FUNCTION again() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF EXISTS (SELECT FROM pg_rewrite WHERE rulename = 'acting' AND ev_enabled = 'D') THEN "
        "ALTER TABLE anonymising_person ENABLE RULE acting; END IF; END $$",
        "CREATE EVENT TRIGGER again ON ddl_command_end EXECUTE FUNCTION again()",
    )
    try:
        with pytest.raises((AnonymizationError, DatabaseError)):
            run(plan())
    finally:
        execute("DROP EVENT TRIGGER again", "DROP FUNCTION again()")
    assert Person.objects.filter(email="bob@example.org").exists()


def test_rows_hidden_from_the_owner_are_changed(role: Callable[[], None], plan: Planned) -> None:
    execute(
        "RESET ROLE",
        "ALTER TABLE anonymising_person ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "CREATE POLICY hidden ON anonymising_person USING (false)",
    )
    role()
    if query("SELECT FROM pg_roles WHERE rolname = 'owner_in_tests'"):
        execute("RESET ROLE", "ALTER ROLE owner_in_tests NOBYPASSRLS", "SET ROLE owner_in_tests")
    before = switches()
    run(plan())
    assert switches() == before
    execute("RESET ROLE")
    assert old_values() == set()


def test_a_rule_with_random_values_is_refused(audit: None, plan: Planned, registry: Registry) -> None:
    class Chance(Pseudonym):
        def expression(self, values: Values) -> RandomText:  # noqa: ARG002 - a rule's signature
            return RandomText()

    registry.rules(Person, motto=Chance())
    with pytest.raises(AnonymizationError, match=r"anonymising_person\.motto"):
        run(plan())
