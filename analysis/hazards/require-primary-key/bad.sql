-- setup:
CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO customers VALUES (1, 'Ada'), (2, 'Grace'), (3, 'Edsger');
-- run:
CREATE TABLE visits (customer_id bigint NOT NULL, at timestamptz NOT NULL);
