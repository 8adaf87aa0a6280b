-- Every built-in column type, with the values that are awkward to write down.
CREATE TYPE mood AS ENUM ('happy', 'it''s "fine"', 'traurig ☃');
CREATE TYPE pair AS (left_half integer, right_half text);
CREATE DOMAIN percentage AS numeric(5, 2) DEFAULT 50 CHECK (VALUE BETWEEN 0 AND 100);
CREATE TYPE span AS RANGE (subtype = float8, multirange_type_name = spans);

CREATE TABLE kinds (
    id bigint PRIMARY KEY,
    small smallint, whole integer, big bigint, exact numeric, rounded numeric(8, -2), single real, precise double precision,
    amount money, fixed char(5), short varchar(3), long text COLLATE "C", internal "char", identifier name,
    bytes bytea, moment timestamp, instant timestamptz, day date, clock time, zoned timetz, span interval, months interval year to month,
    yes boolean, feeling mood, point_ point, line_ line, segment lseg, box_ box, path_ path, polygon_ polygon, circle_ circle,
    net cidr, host inet, mac macaddr, mac8 macaddr8, bits bit(5), bits_ bit varying, words tsvector, search tsquery,
    key uuid, markup xml, document json, binary_document jsonb, jpath jsonpath, numbers integer[], texts text[][],
    numbers_ int4range, bigs int8range, exacts numrange, moments tsrange, instants tstzrange, days daterange,
    many_numbers int4multirange, many_days datemultirange, one_span span, many_spans spans,
    two pair, pairs pair[], share percentage, shares percentage[], position_ pg_lsn, snapshot_ pg_snapshot, class regclass, kind regtype, oid_ oid
);
INSERT INTO kinds (id) VALUES (0);
INSERT INTO kinds VALUES (
    1, -32768, -2147483648, -9223372036854775808, 'NaN', 123456, '-Infinity', 'NaN',
    '-92233720368547758.08', 'a', 'äöü', E'tab\t newline\n return\r backslash\\ quote'' percent% \\N \\.', 'x', 'name',
    '\x00ff275c0a', '-infinity', 'infinity', '4713-01-01 BC', '24:00', '23:59:59.999999+15:59', '-178000000 years 11 mons -3 days 04:05:06.789', '1-2',
    true, 'it''s "fine"', '(NaN,Infinity)', '{1,-2,3}', '[(0,0),(1e300,-1e-300)]', '(2,2),(0,0)', '[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '<(1,2),3>',
    '::ffff:1.2.3.0/120', '2001:db8::1/64', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', B'10101', B'', 'a:1A fat:2B,4C ''it''''s'':3', 'fat & (rat | !cat:ab) <-> ''x y''',
    '00000000-0000-0000-0000-000000000000', '<a b="&lt;">☃<!-- c --></a>', '{"a": 1, "a": "2",  "\u0041": 1e400}', '{"b": [null, 1.10, "\"", {"": []}]}', '$.a[*] ? (@ > 1)', '[-2:0]={1,NULL,-3}', '{{"a","NULL"},{NULL,"{,}"}}',
    '[1,5)', 'empty', '(,)', '[-infinity,infinity]', '[2024-01-01 00:00+01,)', '(,2024-02-28]',
    '{}', '{[2024-01-01,2024-02-01),[2025-01-01,)}', '[1.5,Infinity]', '{[1,2],(3,4)}',
    '(1,"a ""b"", (c)")', ARRAY['(,)', '(2,)']::pair[], 99.99, '{0,100}', '16/B374D848', '10:20:10,14,15', 'pg_class', 'integer[]', 4294967295
) ON CONFLICT DO NOTHING;
INSERT INTO kinds (id, exact, precise, single, bytes, long)
SELECT 10 + n, ('1e' || (n * 1000))::numeric, 10.0 ^ (n - 160) / 3, 'infinity', decode(repeat('00ff', n * 500), 'hex'), repeat(chr(200 + n), n * 3000)
FROM generate_series(1, 60) AS n;
