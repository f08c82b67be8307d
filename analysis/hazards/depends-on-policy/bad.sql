-- setup:
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, status text DEFAULT 'new', note text, total numeric(10,4));
INSERT INTO orders SELECT g, g % 3 + 1, 'new', 'note ' || g, g + 0.1234 FROM generate_series(1, 1000) g;
CREATE POLICY orders_own ON orders USING (note <> 'secret');
-- fails: cannot alter type of a column used in a policy definition
-- run:
ALTER TABLE orders ALTER COLUMN note TYPE varchar;
