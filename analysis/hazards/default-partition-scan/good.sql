-- setup:
CREATE TABLE events (id bigint NOT NULL, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
INSERT INTO events SELECT g, date '2024-01-01' + g % 300 FROM generate_series(1, 1000) g;
CREATE TABLE events_other PARTITION OF events DEFAULT;
INSERT INTO events SELECT g, date '2019-01-01' + g % 300 FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE events_other ADD CONSTRAINT events_other_not_2025 CHECK (at < '2025-01-01' OR at >= '2026-01-01') NOT VALID;
-- run:
ALTER TABLE events_other VALIDATE CONSTRAINT events_other_not_2025;
-- run:
SET LOCAL lock_timeout = '2s';
CREATE TABLE events_2025 (LIKE events INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
ALTER TABLE events ATTACH PARTITION events_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
