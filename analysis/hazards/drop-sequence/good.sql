-- setup:
CREATE SEQUENCE orders_number;
CREATE TABLE orders (id bigint PRIMARY KEY, number bigint DEFAULT nextval('orders_number'));
INSERT INTO orders (id) SELECT g FROM generate_series(1, 1000) g;
CREATE SCHEMA retired;
-- run:
SET LOCAL lock_timeout = '2s';
ALTER TABLE orders ALTER COLUMN number DROP DEFAULT;
-- run:
ALTER SEQUENCE orders_number SET SCHEMA retired;
