-- Statements about rows: their locks, what their queries read.

-- case: insert
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
INSERT INTO t VALUES (3, 3, 'z');

-- case: insert from a query
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
-- run:
INSERT INTO t SELECT id, b FROM x;

-- case: insert on conflict
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
INSERT INTO t VALUES (1, 3, 'z') ON CONFLICT (id) DO UPDATE SET b = 9;

-- case: insert into a referencing table
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1), (2);
CREATE TABLE t (id int, b int REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
INSERT INTO t VALUES (2, 2);

-- case: insert into a partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
INSERT INTO t VALUES (2, 2);

-- case: insert with a serial
-- setup:
CREATE TABLE t (id serial, b int);
INSERT INTO t (b) VALUES (1);
-- run:
INSERT INTO t (b) VALUES (2);

-- case: insert through a view
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
-- run:
INSERT INTO v VALUES (9, 9);

-- case: insert that a trigger writes on
-- setup:
CREATE TABLE u (a int);
INSERT INTO u VALUES (0);
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE FUNCTION w() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO u VALUES (1); RETURN NEW; END $$;
CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION w();
-- run:
INSERT INTO t VALUES (5, 5, 'x');

-- case: update all
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
UPDATE t SET b = 0;

-- case: update by key
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
UPDATE t SET b = 0 WHERE id = 1;

-- case: update from another table
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
-- run:
UPDATE t SET b = x.b FROM x WHERE x.id = t.id;

-- case: update of a referenced key
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1), (2);
CREATE TABLE t (id int, b int REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
UPDATE p SET id = 3 WHERE id = 2;

-- case: update of a referencing column
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1), (2);
CREATE TABLE t (id int, b int REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
UPDATE t SET b = 2;

-- case: update of a partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
UPDATE t SET b = 2;

-- case: delete all
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
DELETE FROM t;

-- case: delete with a cascade
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (b int REFERENCES p ON DELETE CASCADE);
INSERT INTO t VALUES (1);
-- run:
DELETE FROM p;

-- case: delete with a set null
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (b int REFERENCES p ON DELETE SET NULL);
INSERT INTO t VALUES (1);
-- run:
DELETE FROM p;

-- case: delete using
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
-- run:
DELETE FROM t USING x WHERE x.id = t.id;

-- case: delete of a referenced table without rows that point to it
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1), (2);
CREATE TABLE t (id int, b int REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
DELETE FROM p WHERE id = 2;

-- case: merge
-- server: 15+
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
-- run:
MERGE INTO t USING x ON x.id = t.id WHEN MATCHED THEN UPDATE SET b = x.b WHEN NOT MATCHED THEN INSERT VALUES (x.id, x.b, 'n');

-- case: with that changes rows
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
-- run:
WITH d AS (DELETE FROM x RETURNING id, b) INSERT INTO t SELECT id, b, 'm' FROM d;

-- case: select
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
SELECT * FROM t;

-- case: select for update
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
SELECT * FROM t FOR UPDATE;

-- case: select for key share of one of two
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
-- run:
SELECT * FROM t, x FOR KEY SHARE OF t;

-- case: select into
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
SELECT * INTO n FROM t;

-- case: select from a view
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
-- run:
SELECT * FROM v;

-- case: explain
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
EXPLAIN UPDATE t SET b = 0;

-- case: explain analyze
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
EXPLAIN ANALYZE UPDATE t SET b = 0;

-- case: lock access exclusive
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
LOCK TABLE t;

-- case: lock share row exclusive
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
-- run:
LOCK TABLE t, x IN SHARE ROW EXCLUSIVE MODE;

-- case: lock a view
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
-- run:
LOCK TABLE v IN SHARE MODE;

-- case: lock a partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
LOCK TABLE t IN EXCLUSIVE MODE;

-- case: lock a partitioned table only
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
LOCK TABLE ONLY t IN EXCLUSIVE MODE;

-- case: declare a cursor
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
DECLARE c CURSOR FOR SELECT * FROM t;

-- case: prepare
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
PREPARE q AS UPDATE t SET b = 0;

-- case: values
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
VALUES (1), (2);

-- case: copy a table to a file
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
COPY t TO '/dev/null';

-- case: set constraints
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1), (2);
CREATE TABLE t (id int, b int REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
SET CONSTRAINTS ALL DEFERRED;

-- case: set a parameter
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
SET lock_timeout = '1s';

-- case: set local
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
SET LOCAL statement_timeout = '1s';

-- case: set a role
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
SET ROLE pg_monitor;

-- case: notify
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
NOTIFY ch, 'x';

-- case: listen
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
LISTEN ch;

-- case: advisory lock
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
SELECT pg_advisory_xact_lock(1);

-- case: savepoint
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
SAVEPOINT s;
