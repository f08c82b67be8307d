-- Plain inheritance.

-- case: inherit
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
CREATE TABLE c (id int, b int);
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE c INHERIT t;

-- case: inherit from a parent with children
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
CREATE TABLE d (id int, b int);
INSERT INTO d VALUES (1, 1);
-- run:
ALTER TABLE d INHERIT t;

-- case: no inherit
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE c NO INHERIT t;

-- case: create a child
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
CREATE TABLE d (x int) INHERITS (t);

-- case: drop a child
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
DROP TABLE c;

-- case: drop a parent
-- refused: other objects depend on it
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
DROP TABLE t;

-- case: drop a parent with cascade
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
DROP TABLE t CASCADE;

-- case: alter the child only
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE c ADD COLUMN x int;

-- case: alter the parent: set statistics
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET STATISTICS 10;

-- case: alter the parent: set default
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET DEFAULT 10;

-- case: alter the parent: set not null
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: alter the parent only: set not null
-- server: 12-17
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE ONLY t ALTER COLUMN b SET NOT NULL;

-- case: alter the parent only: set not null, since 18
-- server: 18+
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE ONLY t ALTER COLUMN b SET NOT NULL;

-- case: alter the parent only: drop column
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE ONLY t DROP COLUMN b;

-- case: alter the parent: fillfactor
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE t SET (fillfactor = 10);

-- case: truncate the parent
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
TRUNCATE t;

-- case: truncate the parent only
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
TRUNCATE ONLY t;

-- case: update the parent
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
UPDATE t SET b = 2;

-- case: lock the parent
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
LOCK TABLE t IN SHARE MODE;

-- case: row level security of the parent
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE t ENABLE ROW LEVEL SECURITY;

-- case: validate a check of a parent
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
ALTER TABLE t ADD CONSTRAINT k CHECK (b > 0) NOT VALID;
-- run:
ALTER TABLE t VALIDATE CONSTRAINT k;
