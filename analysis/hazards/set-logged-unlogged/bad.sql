-- setup:
CREATE UNLOGGED TABLE imports (id bigint PRIMARY KEY, line text);
INSERT INTO imports SELECT g, 'line ' || g FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE imports SET LOGGED;
