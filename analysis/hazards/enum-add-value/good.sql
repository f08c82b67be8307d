-- setup:
CREATE TABLE order_statuses (name text PRIMARY KEY);
INSERT INTO order_statuses VALUES ('new'), ('paid');
CREATE TABLE orders (id bigint PRIMARY KEY, status text NOT NULL DEFAULT 'new' REFERENCES order_statuses);
INSERT INTO orders (id) SELECT g FROM generate_series(1, 1000) g;
-- run:
INSERT INTO order_statuses VALUES ('sent');
