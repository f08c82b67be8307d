-- server: 13+
-- setup:
CREATE TABLE customers (id bigint PRIMARY KEY, name text, name_key text GENERATED ALWAYS AS (lower(name)) STORED);
INSERT INTO customers (id, name) SELECT g, 'Customer ' || g FROM generate_series(1, 1000) g;
-- run:
SET LOCAL lock_timeout = '2s';
CREATE FUNCTION customers_name_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.name_key := lower(NEW.name);
  RETURN NEW;
END $$;
ALTER TABLE customers ALTER COLUMN name_key DROP EXPRESSION;
ALTER TABLE customers ALTER COLUMN name TYPE varchar;
CREATE TRIGGER customers_name_key BEFORE INSERT OR UPDATE ON customers
  FOR EACH ROW EXECUTE FUNCTION customers_name_key();
