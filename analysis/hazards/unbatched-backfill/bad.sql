-- setup:
CREATE TABLE orders (id bigint PRIMARY KEY, status text DEFAULT 'new', note text);
INSERT INTO orders SELECT g, 'new', 'Note ' || g FROM generate_series(1, 20000) g;
-- run:
UPDATE orders SET note = lower(note) WHERE note <> lower(note) OR status = 'new';
