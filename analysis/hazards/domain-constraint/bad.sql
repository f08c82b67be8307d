-- setup:
CREATE DOMAIN percentage AS integer;
CREATE TABLE discounts (id bigint PRIMARY KEY, value percentage);
INSERT INTO discounts SELECT g, g % 100 FROM generate_series(1, 1000) g;
-- run:
ALTER DOMAIN percentage ADD CONSTRAINT percentage_range CHECK (VALUE BETWEEN 0 AND 100);
