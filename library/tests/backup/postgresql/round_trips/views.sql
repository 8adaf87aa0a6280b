-- Materialised views, populated and not, on one another; views that check, rules, a recursive one.
CREATE TABLE sales (id integer PRIMARY KEY, amount numeric);
INSERT INTO sales SELECT n, n * 1.5 FROM generate_series(1, 100) AS n;
CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS sales, sum(amount) AS amount FROM sales;
CREATE MATERIALIZED VIEW of_totals AS SELECT sales * 2 AS twice FROM totals;
CREATE UNIQUE INDEX ON totals (sales);
CREATE MATERIALIZED VIEW empty AS SELECT * FROM sales WITH NO DATA;
CREATE VIEW small WITH (security_barrier) AS SELECT * FROM sales WHERE amount < 10 WITH CASCADED CHECK OPTION;
CREATE RECURSIVE VIEW countdown (n) AS VALUES (10) UNION ALL SELECT n - 1 FROM countdown WHERE n > 0;
CREATE VIEW first AS SELECT 1 AS one;
CREATE VIEW second AS SELECT one FROM first;
CREATE OR REPLACE VIEW first AS SELECT 2 AS one;
CREATE RULE quiet AS ON DELETE TO sales WHERE old.id = 1 DO INSTEAD NOTHING;
