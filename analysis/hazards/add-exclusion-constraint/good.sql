-- setup:
CREATE TABLE bookings (id bigint PRIMARY KEY, during int4range NOT NULL);
INSERT INTO bookings SELECT g, int4range(g * 10, g * 10 + 5) FROM generate_series(1, 1000) g;
-- run:
CREATE TABLE bookings_checked (id bigint PRIMARY KEY, during int4range NOT NULL,
  CONSTRAINT bookings_during_excl EXCLUDE USING gist (during WITH &&));
CREATE FUNCTION bookings_copy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP IN ('UPDATE', 'DELETE') THEN
    DELETE FROM bookings_checked WHERE id = OLD.id;
  END IF;
  IF TG_OP IN ('INSERT', 'UPDATE') THEN
    INSERT INTO bookings_checked VALUES (NEW.id, NEW.during);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER bookings_copy AFTER INSERT OR UPDATE OR DELETE ON bookings
  FOR EACH ROW EXECUTE FUNCTION bookings_copy();
-- run:
INSERT INTO bookings_checked SELECT b.* FROM bookings b WHERE b.id BETWEEN 1 AND 500
  AND NOT EXISTS (SELECT FROM bookings_checked c WHERE c.id = b.id) FOR UPDATE OF b;
-- run:
INSERT INTO bookings_checked SELECT b.* FROM bookings b WHERE b.id BETWEEN 501 AND 1000
  AND NOT EXISTS (SELECT FROM bookings_checked c WHERE c.id = b.id) FOR UPDATE OF b;
-- run:
SET LOCAL lock_timeout = '2s';
ALTER TABLE bookings RENAME TO bookings_before;
ALTER TABLE bookings_checked RENAME TO bookings;
DROP TRIGGER bookings_copy ON bookings_before;
DROP FUNCTION bookings_copy();
