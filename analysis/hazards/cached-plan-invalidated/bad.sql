-- setup:
CREATE TABLE customers (id bigint PRIMARY KEY, name varchar(50));
INSERT INTO customers SELECT g, 'Customer ' || g FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE customers ALTER COLUMN name TYPE varchar(100);
