-- setup:
CREATE TABLE orders (id bigint PRIMARY KEY, details text);
INSERT INTO orders SELECT g, '{"n": ' || g || '}' FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE orders ALTER COLUMN details TYPE jsonb USING details::jsonb;
