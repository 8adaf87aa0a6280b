-- Objects of each kind that an application may have created as PostgreSQL's superuser: quoted names, others' objects, defaults.
CREATE ROLE reader; CREATE ROLE other_owner; CREATE ROLE both_ways; CREATE ROLE team; CREATE ROLE person LOGIN PASSWORD 'of-a-person';
GRANT app TO person, both_ways; GRANT team TO app;
CREATE SCHEMA "odd ""schema";
ALTER ROLE app SET search_path TO public, "odd ""schema";
ALTER ROLE app IN DATABASE app SET work_mem TO '7MB';
ALTER ROLE app SET log_min_duration_statement TO '1234';
ALTER ROLE app CONNECTION LIMIT 90 VALID UNTIL '2050-01-01 00:00:00+00';
CREATE EXTENSION pg_trgm; CREATE EXTENSION file_fdw; CREATE EXTENSION postgres_fdw SCHEMA "odd ""schema";

ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA "odd ""schema" GRANT ALL ON SEQUENCES TO reader WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

CREATE TABLE things (id serial PRIMARY KEY, number int GENERATED ALWAYS AS IDENTITY, name text);
INSERT INTO things (name) SELECT 'thing' FROM generate_series(1, 1000);
GRANT SELECT, UPDATE (name) ON things TO reader;
CREATE TABLE "odd ""schema"."odd; DROP TABLE things; --" (id int);
CREATE TABLE parts (id int) PARTITION BY LIST (id); CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1);
CREATE SEQUENCE numbers; CREATE VIEW shown AS SELECT * FROM things; CREATE MATERIALIZED VIEW kept AS SELECT * FROM things;
CREATE TABLE guarded (id int); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; CREATE POLICY none ON guarded USING (false);
INSERT INTO guarded VALUES (1);
CREATE TYPE color AS ENUM ('red'); CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE TYPE pair AS (a int, b int);
CREATE TYPE span AS RANGE (subtype = int4);
CREATE FUNCTION one(a int, b text[] DEFAULT '{}') RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
CREATE FUNCTION one(VARIADIC a int[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE act(INOUT a int) LANGUAGE plpgsql AS 'BEGIN END';
CREATE AGGREGATE total(int) (sfunc = int4pl, stype = int);
CREATE AGGREGATE middle(float8 ORDER BY anyelement) (
  sfunc = ordered_set_transition, stype = internal, finalfunc = percentile_disc_final, finalfunc_extra
);
CREATE OPERATOR === (leftarg = int, rightarg = int, function = int4eq); CREATE OPERATOR @#@ (rightarg = int, function = int4up);
CREATE OPERATOR FAMILY family USING btree;
CREATE OPERATOR CLASS class FOR TYPE int4 USING btree FAMILY family AS OPERATOR 1 <, FUNCTION 1 btint4cmp(int, int);
CREATE COLLATION german (provider = icu, locale = 'de'); CREATE CONVERSION latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE TEXT SEARCH DICTIONARY words (TEMPLATE = simple); CREATE TEXT SEARCH CONFIGURATION search (COPY = simple);
CREATE STATISTICS related ON id, number FROM things;
CREATE SERVER "far away" FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'nowhere.invalid');
CREATE USER MAPPING FOR app SERVER "far away" OPTIONS (user 'it''s', password 'with space');
CREATE FOREIGN TABLE remote (id int) SERVER "far away";
CREATE PUBLICATION one_table FOR TABLE things; CREATE PUBLICATION all_tables FOR ALL TABLES;
CREATE SUBSCRIPTION news CONNECTION 'host=nowhere.invalid' PUBLICATION news WITH (connect = false);
SELECT lo_from_bytea(0, 'a large object') FROM generate_series(1, 500);
CREATE TABLE of_other (id int); ALTER TABLE of_other OWNER TO other_owner; CREATE TABLE of_both (id int); ALTER TABLE of_both OWNER TO both_ways;

-- Objects of roles with a way to a superuser or to the server's files; of a member; functions that a superuser runs.
CREATE ROLE ops; GRANT pg_execute_server_program TO ops; CREATE TABLE of_ops (id int); ALTER TABLE of_ops OWNER TO ops;
CREATE ROLE chief SUPERUSER; CREATE ROLE chain; GRANT chief TO chain; CREATE TABLE of_chain (id int); ALTER TABLE of_chain OWNER TO chain;
GRANT pg_read_server_files TO app; GRANT pg_monitor TO app;
CREATE ROLE limited; GRANT app TO limited WITH INHERIT FALSE, SET FALSE;
CREATE FUNCTION as_number(text) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT length($1)';
CREATE CAST (text AS int) WITH FUNCTION as_number(text) AS ASSIGNMENT;
CREATE SERVER near FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'nowhere.invalid');
CREATE USER MAPPING FOR app SERVER near OPTIONS (user 'postgres', password_required 'false');
CREATE SERVER programs FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE runs (line text) SERVER programs OPTIONS (program 'true');
CREATE SCHEMA shop; CREATE TABLE shop.orders (id int PRIMARY KEY); INSERT INTO shop.orders VALUES (1);
CREATE TABLE shop.lines (id int REFERENCES shop.orders);

CREATE FUNCTION no_change() RETURNS event_trigger LANGUAGE plpgsql AS $$
  BEGIN IF tg_tag LIKE 'ALTER%' THEN RAISE 'nothing may be changed'; END IF; END
$$;
CREATE EVENT TRIGGER no_change ON ddl_command_start EXECUTE FUNCTION no_change();

CREATE DATABASE app_previous_1; CREATE DATABASE of_other OWNER other_owner; CREATE DATABASE "dbname=template1";
CREATE DATABASE "with
a line"; CREATE DATABASE closed ALLOW_CONNECTIONS false;
CREATE DATABASE archive; ALTER DATABASE archive SET default_transaction_read_only = on;
\connect app_previous_1
CREATE TABLE earlier (id int);
\connect of_other
CREATE TABLE left_there (id int);
\connect template1
CREATE FUNCTION in_all() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
