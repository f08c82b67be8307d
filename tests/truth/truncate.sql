-- TRUNCATE.

-- case: table
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
TRUNCATE t;

-- case: two tables
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
-- run:
TRUNCATE TABLE t, x;

-- case: referencing table
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1), (2);
CREATE TABLE t (id int, b int REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
TRUNCATE t;

-- case: referenced table
-- refused: referenced in a foreign key constraint
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1), (2);
CREATE TABLE t (id int, b int REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
TRUNCATE p;

-- case: referenced table with cascade
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1), (2);
CREATE TABLE t (id int, b int REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
TRUNCATE p CASCADE;

-- case: both tables of a foreign key
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1), (2);
CREATE TABLE t (id int, b int REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
TRUNCATE p, t;

-- case: cascade over two steps
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1), (2);
CREATE TABLE t (id int, b int REFERENCES p);
INSERT INTO t VALUES (1, 1);
ALTER TABLE t ADD PRIMARY KEY (id);
CREATE TABLE u (a int REFERENCES t);
INSERT INTO u VALUES (1);
-- run:
TRUNCATE p CASCADE;

-- case: restart identity
-- setup:
CREATE TABLE t (id serial, b int);
INSERT INTO t (b) VALUES (1);
-- run:
TRUNCATE t RESTART IDENTITY;

-- case: continue identity
-- setup:
CREATE TABLE t (id serial, b int);
INSERT INTO t (b) VALUES (1);
-- run:
TRUNCATE t CONTINUE IDENTITY;

-- case: partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
TRUNCATE t;

-- case: partition
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
TRUNCATE t1;

-- case: partitioned table only
-- refused: cannot truncate only a partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
TRUNCATE ONLY t;

-- case: view
-- refused: is not a table
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
-- run:
TRUNCATE v;

-- case: with a trigger
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER g AFTER TRUNCATE ON t FOR EACH STATEMENT EXECUTE FUNCTION f();
-- run:
TRUNCATE t;
