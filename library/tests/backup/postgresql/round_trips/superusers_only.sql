-- What only a superuser may restore, beside what anyone may: a drill leaves it out, and says so.
CREATE SCHEMA tools;
CREATE EXTENSION bloom SCHEMA tools;
CREATE EXTENSION earthdistance CASCADE;
COMMENT ON EXTENSION bloom IS 'ours';
CREATE TABLE notes (id integer PRIMARY KEY, note text);
INSERT INTO notes SELECT n, 'note ' || n FROM generate_series(1, 100) AS n;
CREATE INDEX ON notes USING bloom (id) WITH (length = 80);
CREATE FUNCTION nothing() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE EVENT TRIGGER "on 'every' command" ON ddl_command_end WHEN TAG IN ('DROP TYPE') EXECUTE FUNCTION nothing();
COMMENT ON EVENT TRIGGER "on 'every' command" IS 'for nothing';
CREATE FOREIGN DATA WRAPPER nowhere;
