-- setup:
CREATE SEQUENCE orders_number;
CREATE TABLE orders (id bigint PRIMARY KEY, number bigint DEFAULT nextval('orders_number'));
INSERT INTO orders (id) SELECT g FROM generate_series(1, 1000) g;
-- run:
DROP SEQUENCE orders_number CASCADE;
