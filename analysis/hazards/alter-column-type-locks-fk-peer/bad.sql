-- setup:
CREATE TABLE countries (code varchar(2) PRIMARY KEY);
INSERT INTO countries VALUES ('de'), ('fr'), ('it');
CREATE TABLE customers (id bigint PRIMARY KEY, country varchar(2) CONSTRAINT customers_country_fkey REFERENCES countries);
INSERT INTO customers SELECT g, 'de' FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE customers ALTER COLUMN country TYPE varchar(3);
