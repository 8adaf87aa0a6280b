-- Names with everything that some layer might take for something else.
CREATE SCHEMA "it's ""my"" schema; DROP TABLE x";
CREATE SCHEMA "名前 %s %(a)s 100%";
CREATE TABLE "it's ""my"" schema; DROP TABLE x"."a ""table"" 'of' %1 \n" ("a ""column"" %s" integer PRIMARY KEY, "ünï cödé ☃" text, "select" text);
INSERT INTO "it's ""my"" schema; DROP TABLE x"."a ""table"" 'of' %1 \n" VALUES (1, E'\\', '%'), (2, NULL, '');
CREATE TABLE "名前 %s %(a)s 100%"."line
break	and tab" (id serial, "
" text);
INSERT INTO "名前 %s %(a)s 100%"."line
break	and tab" ("
") VALUES ('x');
CREATE TABLE "finished item 1 TABLE DATA; error: ""x""" (id integer);
CREATE TABLE " leading and trailing " (id integer);
CREATE TABLE "{curly} $dollar$ `tick` \\ -- comment /* */" (id integer);
CREATE TABLE "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" (id serial PRIMARY KEY);
CREATE TABLE "ÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄ" (id integer);
CREATE SEQUENCE "a sequence's ""%""";
CREATE FUNCTION "f ""x"" %"() RETURNS text LANGUAGE sql AS $$ SELECT '%s' $$;
CREATE INDEX "an ""index"" %" ON " leading and trailing " (id);
COMMENT ON TABLE " leading and trailing " IS E'-- it''s\n\\! rm -rf /\n%';
INSERT INTO " leading and trailing " SELECT generate_series(1, 30);
SELECT nextval('"a sequence''s ""%"""');
