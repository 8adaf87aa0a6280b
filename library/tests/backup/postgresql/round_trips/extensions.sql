-- Extensions that the server has, in a schema of their own too, with data of their types and indexes of their kinds.
CREATE SCHEMA tools;
CREATE EXTENSION hstore SCHEMA tools;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION pgcrypto;
CREATE EXTENSION citext;
CREATE EXTENSION ltree;
CREATE EXTENSION btree_gist;
CREATE EXTENSION unaccent;
CREATE EXTENSION "uuid-ossp" SCHEMA tools;
CREATE EXTENSION lo;
CREATE EXTENSION pg_stat_statements;
CREATE TABLE things (id uuid PRIMARY KEY DEFAULT tools.uuid_generate_v4(), tags tools.hstore, name citext UNIQUE, place ltree, secret bytea, during tsrange, picture lo,
    EXCLUDE USING gist ((name::text) WITH =, during WITH &&));
CREATE INDEX ON things USING gin (tags);
CREATE INDEX ON things USING gist ((name::text) gist_trgm_ops);
INSERT INTO things (tags, name, place, secret, during) VALUES
    ('a=>1, "b \"c\""=>NULL', 'Straße', 'top.science', digest('x', 'sha256'), '[2024-01-01,2024-02-01)'), (NULL, 'UPPER', 'a', crypt('p', gen_salt('md5'))::bytea, NULL);
