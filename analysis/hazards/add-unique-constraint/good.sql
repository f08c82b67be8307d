-- setup:
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, status text DEFAULT 'new', note text, total numeric(10,4));
INSERT INTO orders SELECT g, g % 3 + 1, 'new', 'note ' || g, g + 0.1234 FROM generate_series(1, 1000) g;
-- run:
CREATE UNIQUE INDEX CONCURRENTLY orders_note_key ON orders (note);
-- run:
ALTER TABLE orders ADD CONSTRAINT orders_note_key UNIQUE USING INDEX orders_note_key;
