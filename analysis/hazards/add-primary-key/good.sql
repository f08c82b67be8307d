-- setup:
CREATE TABLE tags (id bigint NOT NULL, name text);
INSERT INTO tags SELECT g, 'tag ' || g FROM generate_series(1, 1000) g;
-- run:
CREATE UNIQUE INDEX CONCURRENTLY tags_pkey ON tags (id);
-- run:
ALTER TABLE tags ADD CONSTRAINT tags_pkey PRIMARY KEY USING INDEX tags_pkey;
