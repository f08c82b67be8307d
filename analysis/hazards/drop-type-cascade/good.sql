-- setup:
CREATE TYPE order_status AS ENUM ('new', 'paid');
CREATE TABLE orders (id bigint PRIMARY KEY, status order_status DEFAULT 'new');
INSERT INTO orders (id) SELECT g FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE orders ADD COLUMN status_text text DEFAULT 'new';
CREATE FUNCTION orders_status_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.status_text := NEW.status::text;
  RETURN NEW;
END $$;
CREATE TRIGGER orders_status_text BEFORE INSERT OR UPDATE OF status ON orders
  FOR EACH ROW EXECUTE FUNCTION orders_status_text();
-- run:
UPDATE orders SET status_text = status::text WHERE id BETWEEN 1 AND 500;
-- run:
UPDATE orders SET status_text = status::text WHERE id BETWEEN 501 AND 1000;
-- run:
DROP TRIGGER orders_status_text ON orders;
DROP FUNCTION orders_status_text();
ALTER TABLE orders DROP COLUMN status;
-- run:
DROP TYPE order_status;
