-- setup:
CREATE TABLE seats (id bigint PRIMARY KEY, hall text, place integer, side text, CONSTRAINT seats_place_key UNIQUE (hall, place, side));
INSERT INTO seats SELECT g, 'A', g, 'left' FROM generate_series(1, 1000) g;
-- run:
CREATE UNIQUE INDEX CONCURRENTLY seats_hall_place_key ON seats (hall, place);
-- run:
SET LOCAL lock_timeout = '2s';
ALTER TABLE seats ADD CONSTRAINT seats_hall_place_key UNIQUE USING INDEX seats_hall_place_key;
-- run:
SET LOCAL lock_timeout = '2s';
ALTER TABLE seats DROP CONSTRAINT seats_place_key;
-- run:
SET LOCAL lock_timeout = '2s';
ALTER TABLE seats DROP COLUMN side;
