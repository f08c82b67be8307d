-- setup:
CREATE TABLE orders (id bigint PRIMARY KEY, status text, note text NOT NULL);
INSERT INTO orders SELECT g, 'new', 'note ' || g FROM generate_series(1, 1000) g;
-- run:
SET LOCAL lock_timeout = '2s';
ALTER TABLE orders ALTER COLUMN note DROP NOT NULL;
-- run:
COMMENT ON COLUMN orders.note IS 'unused since release 12; drop with release 14';
