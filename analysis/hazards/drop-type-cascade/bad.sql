-- setup:
CREATE TYPE order_status AS ENUM ('new', 'paid');
CREATE TABLE orders (id bigint PRIMARY KEY, status order_status DEFAULT 'new');
INSERT INTO orders (id) SELECT g FROM generate_series(1, 1000) g;
-- run:
DROP TYPE order_status CASCADE;
