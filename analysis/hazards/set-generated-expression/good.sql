-- server: 17+
-- setup:
CREATE TABLE orders (id bigint PRIMARY KEY, total numeric, gross numeric GENERATED ALWAYS AS (total * 1.19) STORED);
INSERT INTO orders (id, total) SELECT g, g FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE orders ALTER COLUMN gross DROP EXPRESSION;
CREATE FUNCTION orders_gross() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.gross := NEW.total * 1.2;
  RETURN NEW;
END $$;
CREATE TRIGGER orders_gross BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION orders_gross();
-- run:
UPDATE orders SET total = total WHERE id BETWEEN 1 AND 500;
-- run:
UPDATE orders SET total = total WHERE id BETWEEN 501 AND 1000;
