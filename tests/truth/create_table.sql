-- CREATE TABLE: the tables that a new one touches.

-- case: plain
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE TABLE n (id int PRIMARY KEY, b text UNIQUE, CHECK (id > 0));

-- case: like
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE TABLE n (LIKE t INCLUDING ALL);

-- case: like without anything
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE TABLE n (LIKE t);

-- case: like a view
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
-- run:
CREATE TABLE n (LIKE v);

-- case: like a table with a foreign key
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1), (2);
CREATE TABLE t (id int, b int REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
CREATE TABLE n (LIKE t INCLUDING ALL);

-- case: like a table with an identity
-- setup:
CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY);
INSERT INTO t DEFAULT VALUES;
-- run:
CREATE TABLE n (LIKE t INCLUDING IDENTITY);

-- case: like a table with a serial
-- setup:
CREATE TABLE t (id serial);
INSERT INTO t DEFAULT VALUES;
-- run:
CREATE TABLE n (LIKE t INCLUDING DEFAULTS);

-- case: inherits
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE TABLE n (x int) INHERITS (t);

-- case: with a foreign key to a table that exists
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE TABLE n (id int REFERENCES t);

-- case: with a foreign key to itself
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE TABLE n (id int PRIMARY KEY, up int REFERENCES n);

-- case: with two foreign keys
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1), (2);
CREATE TABLE t (id int, b int REFERENCES p);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
ALTER TABLE x ADD PRIMARY KEY (id);
-- run:
CREATE TABLE n (id int REFERENCES p, x int REFERENCES x);

-- case: with a foreign key to a partitioned table
-- setup:
CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
INSERT INTO p VALUES (1);
-- run:
CREATE TABLE n (id int REFERENCES p);

-- case: partitioned with a foreign key
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1), (2);
CREATE TABLE t (id int, b int REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
CREATE TABLE n (id int REFERENCES p) PARTITION BY RANGE (id);

-- case: with a default of a sequence that exists
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE SEQUENCE s;
-- run:
CREATE TABLE n (id int DEFAULT nextval('s'));

-- case: with a column of a row type
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE TABLE n (x t);

-- case: of a type
-- setup:
CREATE TYPE ct AS (x int);
CREATE TABLE t OF ct;
INSERT INTO t VALUES (1);
-- run:
CREATE TABLE n OF ct;

-- case: if not exists over one that exists
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE TABLE IF NOT EXISTS t (other text);

-- case: that exists
-- refused: already exists
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE TABLE t (other text);

-- case: if not exists with a foreign key over one that exists
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1), (2);
CREATE TABLE t (id int, b int REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
CREATE TABLE IF NOT EXISTS t (id int REFERENCES p);

-- case: as select
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE TABLE n AS SELECT * FROM t;

-- case: as select with no data
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE TABLE n AS SELECT * FROM t WITH NO DATA;

-- case: as select if not exists over one that exists
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
-- run:
CREATE TABLE IF NOT EXISTS x AS SELECT * FROM t;

-- case: as table
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE TABLE n AS TABLE t;

-- case: temporary as select
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE TEMPORARY TABLE n ON COMMIT DROP AS SELECT * FROM t;

-- case: unlogged
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE UNLOGGED TABLE n (id int);

-- case: with a generated column of a function
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a';
-- run:
CREATE TABLE n (id int, b int GENERATED ALWAYS AS (f(id)) STORED);

-- case: check that reads a function over a table
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE FUNCTION k(a int) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT EXISTS (SELECT 1 FROM t WHERE id = a)';
-- run:
CREATE TABLE n (id int CHECK (k(id)));
