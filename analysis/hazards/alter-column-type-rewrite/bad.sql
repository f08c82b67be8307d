-- setup:
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id integer);
INSERT INTO orders SELECT g, g % 3 + 1 FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE orders ALTER COLUMN customer_id TYPE bigint;
