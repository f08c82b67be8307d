-- server: 17+
-- setup:
CREATE TABLE orders (id bigint PRIMARY KEY, total numeric, gross numeric GENERATED ALWAYS AS (total * 1.19) STORED);
INSERT INTO orders (id, total) SELECT g, g FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE orders ALTER COLUMN gross SET EXPRESSION AS (total * 1.2);
