-- setup:
CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO customers VALUES (1, 'Ada'), (2, 'Grace'), (3, 'Edsger');
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, status text DEFAULT 'new', note text, total numeric(10,4));
INSERT INTO orders SELECT g, g % 3 + 1, 'new', 'note ' || g, g + 0.1234 FROM generate_series(1, 1000) g;
CREATE INDEX orders_customer_id_idx ON orders (customer_id);
ALTER TABLE orders ADD CONSTRAINT orders_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers (id);
-- run:
ALTER TABLE orders DISABLE TRIGGER ALL;
