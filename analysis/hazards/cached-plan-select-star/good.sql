-- setup:
CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO customers VALUES (1, 'Ada'), (2, 'Grace'), (3, 'Edsger');
-- run:
SET LOCAL lock_timeout = '2s';
CREATE TABLE customer_phones (customer_id bigint PRIMARY KEY REFERENCES customers (id), phone text);
