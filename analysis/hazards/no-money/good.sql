-- setup:
CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO customers VALUES (1, 'Ada'), (2, 'Grace'), (3, 'Edsger');
-- run:
CREATE TABLE payments (id bigint PRIMARY KEY, amount numeric(14,2), currency text);
