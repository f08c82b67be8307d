-- setup:
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id integer);
INSERT INTO orders SELECT g, g % 3 + 1 FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE orders ADD COLUMN customer_key bigint;
CREATE FUNCTION orders_customer_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.customer_key := coalesce(NEW.customer_key, NEW.customer_id);
    NEW.customer_id := NEW.customer_key;
  ELSIF NEW.customer_key IS DISTINCT FROM OLD.customer_key THEN
    NEW.customer_id := NEW.customer_key;
  ELSE
    NEW.customer_key := NEW.customer_id;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER orders_customer_key BEFORE INSERT OR UPDATE ON orders
  FOR EACH ROW EXECUTE FUNCTION orders_customer_key();
-- run:
UPDATE orders SET customer_key = customer_id WHERE id BETWEEN 1 AND 500 AND customer_key IS NULL;
-- run:
UPDATE orders SET customer_key = customer_id WHERE id BETWEEN 501 AND 1000 AND customer_key IS NULL;
-- run:
DROP TRIGGER orders_customer_key ON orders;
DROP FUNCTION orders_customer_key();
ALTER TABLE orders DROP COLUMN customer_id;
