"""Rules, triggers and checks of PostgreSQL that run when rows change."""

FUNCTION = "CREATE FUNCTION acts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} END $$"
TRIGGER = "CREATE TRIGGER acting {} UPDATE ON anonymising_person FOR EACH ROW EXECUTE FUNCTION acts()"
KEEP_OLD = FUNCTION.format("INSERT INTO audit VALUES (old.email); RETURN new;")
RULE = "CREATE RULE acting AS ON UPDATE TO anonymising_person {}"
WRITES_FROM_CHECK = [
    """CREATE FUNCTION checked(text) RETURNS bool LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO audit SELECT email FROM anonymising_person; RETURN true; END $$""",
    "ALTER TABLE anonymising_person ADD CHECK (checked(email)) NOT VALID",
    "DELETE FROM audit",
]

ACTING = {
    "rule that does nothing": [RULE.format("DO INSTEAD NOTHING")],
    "rule that is always enabled": [
        RULE.format("DO INSTEAD NOTHING"),
        "ALTER TABLE anonymising_person ENABLE ALWAYS RULE acting",
    ],
    "rule that spares some rows": [RULE.format("WHERE old.code = 'ada' DO INSTEAD NOTHING")],
    "rule that keeps old values": [RULE.format("DO ALSO INSERT INTO audit VALUES (old.email)")],
    "rule that changes another table": [RULE.format("DO INSTEAD UPDATE audit SET email = old.email")],
    "trigger that skips rows": [FUNCTION.format("RETURN null;"), TRIGGER.format("BEFORE")],
    "trigger that puts old values back": [FUNCTION.format("RETURN old;"), TRIGGER.format("BEFORE")],
    "trigger that keeps old values": [KEEP_OLD, TRIGGER.format("AFTER")],
    "trigger that is always enabled": [
        KEEP_OLD,
        TRIGGER.format("AFTER"),
        "ALTER TABLE anonymising_person ENABLE ALWAYS TRIGGER acting",
    ],
    "trigger that waits for the end": [
        KEEP_OLD,
        """CREATE CONSTRAINT TRIGGER acting AFTER UPDATE ON anonymising_person
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION acts()""",
    ],
    "trigger with a table of old rows": [
        FUNCTION.format("INSERT INTO audit SELECT email FROM before; RETURN null;"),
        """CREATE TRIGGER acting AFTER UPDATE ON anonymising_person REFERENCING OLD TABLE AS before
        FOR EACH STATEMENT EXECUTE FUNCTION acts()""",
    ],
}
