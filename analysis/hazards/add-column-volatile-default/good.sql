-- server: 13+
-- setup:
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, status text DEFAULT 'new', note text, total numeric(10,4));
INSERT INTO orders SELECT g, g % 3 + 1, 'new', 'note ' || g, g + 0.1234 FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE orders ADD COLUMN token uuid;
-- run:
ALTER TABLE orders ALTER COLUMN token SET DEFAULT gen_random_uuid();
-- run:
UPDATE orders SET token = gen_random_uuid() WHERE id BETWEEN 1 AND 500 AND token IS NULL;
-- run:
UPDATE orders SET token = gen_random_uuid() WHERE id BETWEEN 501 AND 1000 AND token IS NULL;
