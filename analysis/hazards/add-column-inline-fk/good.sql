-- setup:
CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO customers VALUES (1, 'Ada'), (2, 'Grace'), (3, 'Edsger');
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, status text DEFAULT 'new', note text, total numeric(10,4));
INSERT INTO orders SELECT g, g % 3 + 1, 'new', 'note ' || g, g + 0.1234 FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE orders ADD COLUMN paid_by bigint DEFAULT 1;
-- run:
CREATE INDEX CONCURRENTLY orders_paid_by_idx ON orders (paid_by);
-- run:
SET LOCAL lock_timeout = '2s';
ALTER TABLE orders ADD CONSTRAINT orders_paid_by_fkey FOREIGN KEY (paid_by) REFERENCES customers (id) NOT VALID;
-- run:
ALTER TABLE orders VALIDATE CONSTRAINT orders_paid_by_fkey;
