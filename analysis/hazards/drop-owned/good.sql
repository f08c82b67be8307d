-- setup:
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, status text DEFAULT 'new', note text, total numeric(10,4));
INSERT INTO orders SELECT g, g % 3 + 1, 'new', 'note ' || g, g + 0.1234 FROM generate_series(1, 1000) g;
DO $$ BEGIN CREATE ROLE hazard_drop_owned_good; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
ALTER TABLE orders OWNER TO hazard_drop_owned_good;
-- run:
SET LOCAL lock_timeout = '2s';
REASSIGN OWNED BY hazard_drop_owned_good TO CURRENT_USER;
