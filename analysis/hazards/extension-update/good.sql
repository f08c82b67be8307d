-- setup:
CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO customers VALUES (1, 'Ada'), (2, 'Grace'), (3, 'Edsger');
-- run:
CREATE EXTENSION citext VERSION '1.6';
CREATE TABLE subscribers (id bigint PRIMARY KEY, email citext);
