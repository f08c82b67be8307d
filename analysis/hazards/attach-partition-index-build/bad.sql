-- setup:
CREATE TABLE events (id bigint NOT NULL, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
INSERT INTO events SELECT g, date '2024-01-01' + g % 300 FROM generate_series(1, 1000) g;
CREATE INDEX events_id_idx ON events (id);
CREATE TABLE events_2025 (id bigint NOT NULL, at date NOT NULL,
  CONSTRAINT events_2025_bound CHECK (at >= '2025-01-01' AND at < '2026-01-01'));
INSERT INTO events_2025 SELECT g, date '2025-01-01' + g % 300 FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE events ATTACH PARTITION events_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
