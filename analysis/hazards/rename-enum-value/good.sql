-- setup:
CREATE TYPE order_status AS ENUM ('new', 'payed');
CREATE TABLE orders (id bigint PRIMARY KEY, status order_status NOT NULL DEFAULT 'new');
INSERT INTO orders (id, status) SELECT g, 'payed' FROM generate_series(1, 1000) g;
-- run:
ALTER TYPE order_status ADD VALUE 'paid' AFTER 'payed';
-- run:
UPDATE orders SET status = 'paid' WHERE id BETWEEN 1 AND 500 AND status = 'payed';
-- run:
UPDATE orders SET status = 'paid' WHERE id BETWEEN 501 AND 1000 AND status = 'payed';
