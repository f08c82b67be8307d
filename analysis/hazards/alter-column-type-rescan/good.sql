-- setup:
CREATE TABLE customers (id bigint PRIMARY KEY, email varchar(50) CHECK (email LIKE '%@%'));
INSERT INTO customers SELECT g, 'c' || g || '@example.org' FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE customers DROP CONSTRAINT customers_email_check;
ALTER TABLE customers ALTER COLUMN email TYPE varchar(100);
ALTER TABLE customers ADD CONSTRAINT customers_email_check CHECK (email LIKE '%@%') NOT VALID;
-- run:
ALTER TABLE customers VALIDATE CONSTRAINT customers_email_check;
