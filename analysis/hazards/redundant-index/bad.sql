-- setup:
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, status text DEFAULT 'new', note text, total numeric(10,4));
INSERT INTO orders SELECT g, g % 3 + 1, 'new', 'note ' || g, g + 0.1234 FROM generate_series(1, 1000) g;
CREATE INDEX orders_customer_id_status_idx ON orders (customer_id, status);
-- run:
CREATE INDEX CONCURRENTLY orders_customer_id_idx ON orders (customer_id);
