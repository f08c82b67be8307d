-- setup:
CREATE TABLE tags (id bigint, name text);
INSERT INTO tags SELECT g, 'tag ' || g FROM generate_series(1, 1000) g;
CREATE UNIQUE INDEX tags_pkey ON tags (id);
-- run:
ALTER TABLE tags ADD CONSTRAINT tags_id_not_null CHECK (id IS NOT NULL) NOT VALID;
-- run:
ALTER TABLE tags VALIDATE CONSTRAINT tags_id_not_null;
-- run:
ALTER TABLE tags ALTER COLUMN id SET NOT NULL;
-- run:
ALTER TABLE tags ADD CONSTRAINT tags_pkey PRIMARY KEY USING INDEX tags_pkey;
-- run:
ALTER TABLE tags DROP CONSTRAINT tags_id_not_null;
