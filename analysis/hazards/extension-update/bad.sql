-- setup:
CREATE EXTENSION citext VERSION '1.5';
CREATE TABLE customers (id bigint PRIMARY KEY, email citext);
INSERT INTO customers SELECT g, 'c' || g || '@example.org' FROM generate_series(1, 1000) g;
-- run:
ALTER EXTENSION citext UPDATE TO '1.6';
