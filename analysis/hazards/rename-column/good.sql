-- setup:
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, status text DEFAULT 'new', note text, total numeric(10,4));
INSERT INTO orders SELECT g, g % 3 + 1, 'new', 'note ' || g, g + 0.1234 FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE orders ADD COLUMN remark text;
CREATE FUNCTION orders_remark() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.remark := coalesce(NEW.remark, NEW.note);
    NEW.note := NEW.remark;
  ELSIF NEW.remark IS DISTINCT FROM OLD.remark THEN
    NEW.note := NEW.remark;
  ELSE
    NEW.remark := NEW.note;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER orders_remark BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION orders_remark();
-- run:
UPDATE orders SET remark = note WHERE id BETWEEN 1 AND 500 AND remark IS DISTINCT FROM note;
-- run:
UPDATE orders SET remark = note WHERE id BETWEEN 501 AND 1000 AND remark IS DISTINCT FROM note;
-- run:
SET LOCAL lock_timeout = '2s';
DROP TRIGGER orders_remark ON orders;
DROP FUNCTION orders_remark();
ALTER TABLE orders DROP COLUMN note;
