-- setup:
CREATE TABLE customers (id bigint PRIMARY KEY, name varchar(50));
INSERT INTO customers SELECT g, 'Customer ' || g FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE customers ADD COLUMN full_name varchar(100);
CREATE FUNCTION customers_full_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.full_name := coalesce(NEW.full_name, NEW.name);
  ELSIF NEW.full_name IS NOT DISTINCT FROM OLD.full_name THEN
    NEW.full_name := NEW.name;
    RETURN NEW;
  END IF;
  NEW.name := left(NEW.full_name, 50);
  RETURN NEW;
END $$;
CREATE TRIGGER customers_full_name BEFORE INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION customers_full_name();
-- run:
UPDATE customers SET full_name = name WHERE id BETWEEN 1 AND 500 AND full_name IS NULL;
-- run:
UPDATE customers SET full_name = name WHERE id BETWEEN 501 AND 1000 AND full_name IS NULL;
