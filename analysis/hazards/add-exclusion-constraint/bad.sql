-- setup:
CREATE TABLE bookings (id bigint PRIMARY KEY, during int4range NOT NULL);
INSERT INTO bookings SELECT g, int4range(g * 10, g * 10 + 5) FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE bookings ADD CONSTRAINT bookings_during_excl EXCLUDE USING gist (during WITH &&);
