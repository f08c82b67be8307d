-- setup:
CREATE TABLE orders (id bigint PRIMARY KEY, status text, note text);
INSERT INTO orders SELECT g, 'new', 'note ' || g FROM generate_series(1, 1000) g;
-- run:
CREATE TABLE orders_moved (LIKE orders INCLUDING ALL) TABLESPACE pg_default;
CREATE FUNCTION orders_copy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP IN ('UPDATE', 'DELETE') THEN
    DELETE FROM orders_moved WHERE id = OLD.id;
  END IF;
  IF TG_OP IN ('INSERT', 'UPDATE') THEN
    INSERT INTO orders_moved VALUES (NEW.*)
    ON CONFLICT (id) DO UPDATE SET status = EXCLUDED.status, note = EXCLUDED.note;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER orders_copy AFTER INSERT OR UPDATE OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION orders_copy();
-- run:
INSERT INTO orders_moved SELECT * FROM orders WHERE id BETWEEN 1 AND 500 FOR UPDATE ON CONFLICT (id) DO NOTHING;
-- run:
INSERT INTO orders_moved SELECT * FROM orders WHERE id BETWEEN 501 AND 1000 FOR UPDATE ON CONFLICT (id) DO NOTHING;
-- run:
SET LOCAL lock_timeout = '2s';
ALTER TABLE orders RENAME TO orders_before;
ALTER TABLE orders_moved RENAME TO orders;
DROP TRIGGER orders_copy ON orders_before;
DROP FUNCTION orders_copy();
