-- setup:
CREATE EXTENSION citext;
CREATE TABLE customers (id bigint PRIMARY KEY, email citext);
INSERT INTO customers SELECT g, 'c' || g || '@example.org' FROM generate_series(1, 1000) g;
-- run:
DROP EXTENSION citext CASCADE;
