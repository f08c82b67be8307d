-- setup:
CREATE TABLE tags (id bigint, name text);
INSERT INTO tags SELECT g, 'tag ' || g FROM generate_series(1, 1000) g;
CREATE UNIQUE INDEX tags_pkey ON tags (id);
-- run:
ALTER TABLE tags ADD CONSTRAINT tags_pkey PRIMARY KEY USING INDEX tags_pkey;
