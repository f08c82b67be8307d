-- setup:
CREATE UNLOGGED TABLE imports (id bigint PRIMARY KEY, line text);
INSERT INTO imports SELECT g, 'line ' || g FROM generate_series(1, 1000) g;
-- run:
CREATE TABLE imports_logged (LIKE imports INCLUDING ALL);
CREATE FUNCTION imports_copy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP IN ('UPDATE', 'DELETE') THEN
    DELETE FROM imports_logged WHERE id = OLD.id;
  END IF;
  IF TG_OP IN ('INSERT', 'UPDATE') THEN
    INSERT INTO imports_logged VALUES (NEW.*) ON CONFLICT (id) DO UPDATE SET line = EXCLUDED.line;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER imports_copy AFTER INSERT OR UPDATE OR DELETE ON imports FOR EACH ROW EXECUTE FUNCTION imports_copy();
-- run:
INSERT INTO imports_logged SELECT * FROM imports WHERE id BETWEEN 1 AND 500 FOR UPDATE ON CONFLICT (id) DO NOTHING;
-- run:
INSERT INTO imports_logged SELECT * FROM imports WHERE id BETWEEN 501 AND 1000 FOR UPDATE ON CONFLICT (id) DO NOTHING;
-- run:
SET LOCAL lock_timeout = '2s';
ALTER TABLE imports RENAME TO imports_unlogged;
ALTER TABLE imports_logged RENAME TO imports;
DROP TRIGGER imports_copy ON imports_unlogged;
DROP FUNCTION imports_copy();
