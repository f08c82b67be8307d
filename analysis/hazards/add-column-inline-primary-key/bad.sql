-- setup:
CREATE TABLE log_lines (line text);
INSERT INTO log_lines SELECT 'line ' || g FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE log_lines ADD COLUMN id bigserial PRIMARY KEY;
