-- Large objects: none in them, one page and a bit, some MB, a hole, a grant and a comment.
SELECT lo_from_bytea(100001, '');
SELECT lo_from_bytea(100002, decode(repeat('00ff5c', 700), 'hex'));
SELECT lo_from_bytea(100003, (SELECT string_agg(sha512(n::text::bytea), '' ORDER BY n) FROM generate_series(1, 50000) AS n));
SELECT lo_from_bytea(100004, 'begin'), lo_put(100004, 1000000, 'end');
COMMENT ON LARGE OBJECT 100002 IS 'it''s 100 %';
GRANT SELECT ON LARGE OBJECT 100002 TO PUBLIC;
CREATE TABLE scans (id integer PRIMARY KEY, scan oid);
INSERT INTO scans VALUES (1, 100003), (2, 100002);
