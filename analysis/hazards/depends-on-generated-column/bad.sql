-- setup:
CREATE TABLE customers (id bigint PRIMARY KEY, name text, name_key text GENERATED ALWAYS AS (lower(name)) STORED);
INSERT INTO customers (id, name) SELECT g, 'Customer ' || g FROM generate_series(1, 1000) g;
-- fails: cannot alter type of a column used by a generated column
-- run:
ALTER TABLE customers ALTER COLUMN name TYPE varchar;
