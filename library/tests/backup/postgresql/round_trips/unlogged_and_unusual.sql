-- Unlogged tables, storage and compression, dropped columns, tables without columns, an index that was never finished.
CREATE UNLOGGED TABLE quick (id integer PRIMARY KEY, name text);
INSERT INTO quick SELECT n, 'n' FROM generate_series(1, 1000) AS n;
CREATE TABLE without_columns ();
INSERT INTO without_columns DEFAULT VALUES;
INSERT INTO without_columns DEFAULT VALUES;
CREATE TABLE dropped (a integer, b text, c integer);
INSERT INTO dropped VALUES (1, 'gone', 3);
ALTER TABLE dropped DROP COLUMN b, ADD COLUMN d integer DEFAULT 4;
CREATE TABLE stored (a text STORAGE EXTERNAL, b text COMPRESSION pglz) WITH (fillfactor = 70, autovacuum_enabled = false);
INSERT INTO stored VALUES (repeat('x', 100000), repeat('y', 100000));
CREATE TABLE twice (id integer);
INSERT INTO twice VALUES (1), (1);
\set ON_ERROR_STOP off
CREATE UNIQUE INDEX CONCURRENTLY never_finished ON twice (id);
\set ON_ERROR_STOP on
CREATE TABLE clustered (id integer PRIMARY KEY);
CLUSTER clustered USING clustered_pkey;
ALTER TABLE clustered REPLICA IDENTITY FULL;
CREATE PUBLICATION changes FOR TABLE clustered WHERE (id > 1);
CREATE TEMPORARY TABLE passing (id serial PRIMARY KEY);
CREATE COLLATION german (provider = icu, locale = 'de-u-co-phonebk');
CREATE TABLE sorted (word text COLLATE german);
CREATE INDEX ON sorted (word);
INSERT INTO sorted VALUES ('Ofen'), ('Öfen'), ('Oggi');
