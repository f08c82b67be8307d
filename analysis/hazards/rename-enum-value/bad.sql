-- setup:
CREATE TYPE order_status AS ENUM ('new', 'payed');
CREATE TABLE orders (id bigint PRIMARY KEY, status order_status NOT NULL DEFAULT 'new');
INSERT INTO orders (id, status) SELECT g, 'payed' FROM generate_series(1, 1000) g;
-- run:
ALTER TYPE order_status RENAME VALUE 'payed' TO 'paid';
