-- setup:
CREATE TABLE orders (id bigint PRIMARY KEY, status text DEFAULT 'new', note text);
INSERT INTO orders SELECT g, 'new', 'Note ' || g FROM generate_series(1, 20000) g;
-- run:
UPDATE orders SET note = lower(note) WHERE id BETWEEN 1 AND 10000 AND note <> lower(note);
-- run:
UPDATE orders SET note = lower(note) WHERE id BETWEEN 10001 AND 20000 AND note <> lower(note);
