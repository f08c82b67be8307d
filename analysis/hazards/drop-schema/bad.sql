-- setup:
CREATE SCHEMA reports;
CREATE TABLE reports.monthly (id bigint PRIMARY KEY, total numeric);
INSERT INTO reports.monthly SELECT g, g FROM generate_series(1, 1000) g;
-- run:
DROP SCHEMA reports CASCADE;
