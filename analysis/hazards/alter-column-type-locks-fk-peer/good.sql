-- setup:
CREATE TABLE countries (code varchar(2) PRIMARY KEY);
INSERT INTO countries VALUES ('de'), ('fr'), ('it');
CREATE TABLE customers (id bigint PRIMARY KEY, country varchar(2) CONSTRAINT customers_country_fkey REFERENCES countries);
INSERT INTO customers SELECT g, 'de' FROM generate_series(1, 1000) g;
-- run:
SET LOCAL lock_timeout = '2s';
ALTER TABLE customers DROP CONSTRAINT customers_country_fkey;
-- run:
SET LOCAL lock_timeout = '2s';
ALTER TABLE customers ALTER COLUMN country TYPE varchar(3);
-- run:
SET LOCAL lock_timeout = '2s';
ALTER TABLE customers ADD CONSTRAINT customers_country_fkey FOREIGN KEY (country) REFERENCES countries NOT VALID;
-- run:
ALTER TABLE customers VALIDATE CONSTRAINT customers_country_fkey;
