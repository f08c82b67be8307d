-- setup:
CREATE TYPE order_status AS ENUM ('new', 'paid');
CREATE TABLE orders (id bigint PRIMARY KEY, status order_status NOT NULL DEFAULT 'new');
INSERT INTO orders (id) SELECT g FROM generate_series(1, 1000) g;
-- run:
ALTER TYPE order_status ADD VALUE 'sent';
-- run:
ALTER TABLE orders ALTER COLUMN status SET DEFAULT 'sent';
