-- setup:
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, status text DEFAULT 'new', note text, total numeric(10,4));
INSERT INTO orders SELECT g, g % 3 + 1, 'new', 'note ' || g, g + 0.1234 FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE orders ADD COLUMN total_cents numeric(10,2);
CREATE FUNCTION orders_total_cents() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.total_cents := round(NEW.total, 2);
  RETURN NEW;
END $$;
CREATE TRIGGER orders_total_cents BEFORE INSERT OR UPDATE OF total ON orders
  FOR EACH ROW EXECUTE FUNCTION orders_total_cents();
-- run:
UPDATE orders SET total_cents = round(total, 2) WHERE id BETWEEN 1 AND 500;
-- run:
UPDATE orders SET total_cents = round(total, 2) WHERE id BETWEEN 501 AND 1000;
