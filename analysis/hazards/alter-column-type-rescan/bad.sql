-- setup:
CREATE TABLE customers (id bigint PRIMARY KEY, email varchar(50) CHECK (email LIKE '%@%'));
INSERT INTO customers SELECT g, 'c' || g || '@example.org' FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE customers ALTER COLUMN email TYPE varchar(100);
