-- setup:
CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO customers VALUES (1, 'Ada'), (2, 'Grace'), (3, 'Edsger');
-- run:
ALTER TABLE customers ADD COLUMN full_name text;
CREATE FUNCTION customers_full_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.full_name := coalesce(NEW.full_name, NEW.name);
  ELSIF NEW.name IS DISTINCT FROM OLD.name THEN
    NEW.full_name := NEW.name;
  END IF;
  NEW.name := coalesce(NEW.full_name, NEW.name, '');
  RETURN NEW;
END $$;
CREATE TRIGGER customers_full_name BEFORE INSERT OR UPDATE ON customers
  FOR EACH ROW EXECUTE FUNCTION customers_full_name();
-- run:
UPDATE customers SET full_name = name WHERE id BETWEEN 1 AND 500;
