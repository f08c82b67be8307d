-- setup:
CREATE TABLE log_lines (line text);
INSERT INTO log_lines SELECT 'line ' || g FROM generate_series(1, 1000) g;
-- run:
ALTER TABLE log_lines ADD COLUMN id bigint;
CREATE SEQUENCE log_lines_id_seq OWNED BY log_lines.id;
ALTER TABLE log_lines ALTER COLUMN id SET DEFAULT nextval('log_lines_id_seq');
-- run:
UPDATE log_lines SET id = nextval('log_lines_id_seq')
WHERE ctid = ANY (ARRAY(SELECT ctid FROM log_lines WHERE id IS NULL LIMIT 500)) AND id IS NULL;
-- run:
UPDATE log_lines SET id = nextval('log_lines_id_seq')
WHERE ctid = ANY (ARRAY(SELECT ctid FROM log_lines WHERE id IS NULL LIMIT 500)) AND id IS NULL;
-- run:
ALTER TABLE log_lines ADD CONSTRAINT log_lines_id_not_null CHECK (id IS NOT NULL) NOT VALID;
-- run:
ALTER TABLE log_lines VALIDATE CONSTRAINT log_lines_id_not_null;
-- run:
ALTER TABLE log_lines ALTER COLUMN id SET NOT NULL;
-- run:
CREATE UNIQUE INDEX CONCURRENTLY log_lines_pkey ON log_lines (id);
-- run:
ALTER TABLE log_lines ADD CONSTRAINT log_lines_pkey PRIMARY KEY USING INDEX log_lines_pkey;
