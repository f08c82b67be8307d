-- setup:
CREATE TABLE seats (id bigint PRIMARY KEY, hall text, place integer, side text, CONSTRAINT seats_place_key UNIQUE (hall, place, side));
INSERT INTO seats SELECT g, 'A', g, 'left' FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE seats DROP COLUMN side;
