-- Row level security.

-- case: enable row level security
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
ALTER TABLE t ENABLE ROW LEVEL SECURITY;

-- case: disable row level security
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
ALTER TABLE t DISABLE ROW LEVEL SECURITY;

-- case: force row level security
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
ALTER TABLE t FORCE ROW LEVEL SECURITY;

-- case: no force row level security
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
ALTER TABLE t NO FORCE ROW LEVEL SECURITY;

-- case: create policy
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE POLICY p ON t FOR SELECT USING (b > 0);

-- case: create policy that reads another table
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
-- run:
CREATE POLICY p ON t USING (b IN (SELECT x.b FROM x));

-- case: create policy that reads its own table by a view
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
-- run:
CREATE POLICY p ON t USING (EXISTS (SELECT 1 FROM v WHERE v.id = t.id));

-- case: alter policy
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE POLICY p ON t USING (b > 0);
-- run:
ALTER POLICY p ON t USING (b > 1);

-- case: alter policy to read another table
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
CREATE POLICY p ON t USING (b > 0);
-- run:
ALTER POLICY p ON t USING (b IN (SELECT x.b FROM x));

-- case: rename policy
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE POLICY p ON t USING (b > 0);
-- run:
ALTER POLICY p ON t RENAME TO q;

-- case: drop policy
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE POLICY p ON t USING (b > 0);
-- run:
DROP POLICY p ON t;

-- case: drop policy that reads another table
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
CREATE POLICY p ON t USING (b IN (SELECT x.b FROM x));
-- run:
DROP POLICY p ON t;

-- case: drop policy if exists of a missing one
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
DROP POLICY IF EXISTS p ON t;

-- case: row level security of a partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
