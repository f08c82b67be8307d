-- setup:
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, status text DEFAULT 'new', note text, total numeric(10,4));
INSERT INTO orders SELECT g, g % 3 + 1, 'new', 'note ' || g, g + 0.1234 FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE orders ADD COLUMN number bigint;
CREATE SEQUENCE orders_number_seq OWNED BY orders.number;
ALTER TABLE orders ALTER COLUMN number SET DEFAULT nextval('orders_number_seq');
-- run:
UPDATE orders SET number = nextval('orders_number_seq') WHERE id BETWEEN 1 AND 500 AND number IS NULL;
-- run:
UPDATE orders SET number = nextval('orders_number_seq') WHERE id BETWEEN 501 AND 1000 AND number IS NULL;
-- run:
ALTER TABLE orders ADD CONSTRAINT orders_number_not_null CHECK (number IS NOT NULL) NOT VALID;
-- run:
ALTER TABLE orders VALIDATE CONSTRAINT orders_number_not_null;
-- run:
ALTER TABLE orders ALTER COLUMN number SET NOT NULL;
