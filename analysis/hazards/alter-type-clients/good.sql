-- setup:
CREATE TABLE orders (id bigint PRIMARY KEY, details text);
INSERT INTO orders SELECT g, '{"n": ' || g || '}' FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE orders ADD COLUMN details_json jsonb;
CREATE FUNCTION orders_details() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.details_json := coalesce(NEW.details_json, NEW.details::jsonb);
    NEW.details := coalesce(NEW.details, NEW.details_json::text);
  ELSIF NEW.details_json IS DISTINCT FROM OLD.details_json THEN
    NEW.details := NEW.details_json::text;
  ELSIF NEW.details IS DISTINCT FROM OLD.details THEN
    NEW.details_json := NEW.details::jsonb;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER orders_details BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION orders_details();
-- run:
UPDATE orders SET details_json = details::jsonb WHERE id BETWEEN 1 AND 500 AND details_json IS NULL;
-- run:
UPDATE orders SET details_json = details::jsonb WHERE id BETWEEN 501 AND 1000 AND details_json IS NULL;
