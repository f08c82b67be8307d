-- Partitions of partitions, inheritance, typed tables.

-- case: attach a table to the second level, with an index above
-- setup:
CREATE TABLE p (k int, v int) PARTITION BY RANGE (k);
CREATE INDEX p_v ON p (v);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100) PARTITION BY LIST (v);
CREATE TABLE x (k int NOT NULL, v int NOT NULL);
INSERT INTO x VALUES (1, 7);
-- run:
ALTER TABLE p1 ATTACH PARTITION x FOR VALUES IN (7);

-- case: attach to the second level, all proved
-- setup:
CREATE TABLE p (k int, v int) PARTITION BY RANGE (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100) PARTITION BY LIST (v);
CREATE TABLE x (k int NOT NULL CHECK (k >= 0 AND k < 100), v int NOT NULL CHECK (v = 7));
INSERT INTO x VALUES (1, 7);
-- run:
ALTER TABLE p1 ATTACH PARTITION x FOR VALUES IN (7);

-- case: attach to the second level, only the first proved
-- setup:
CREATE TABLE p (k int, v int) PARTITION BY RANGE (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100) PARTITION BY LIST (v);
CREATE TABLE x (k int NOT NULL, v int NOT NULL CHECK (v = 7));
INSERT INTO x VALUES (1, 7);
-- run:
ALTER TABLE p1 ATTACH PARTITION x FOR VALUES IN (7);

-- case: attach by a two-column range
-- setup:
CREATE TABLE p (a int, b int) PARTITION BY RANGE (a, b);
CREATE TABLE x (a int NOT NULL, b int NOT NULL, CHECK (a = 1 AND b >= 0 AND b < 10));
INSERT INTO x VALUES (1, 7);
-- run:
ALTER TABLE p ATTACH PARTITION x FOR VALUES FROM (1, 0) TO (1, 10);

-- case: attach by a key that is an expression
-- setup:
CREATE TABLE p (a text) PARTITION BY LIST (lower(a));
CREATE TABLE x (a text NOT NULL, CHECK (lower(a) = 'x' AND lower(a) IS NOT NULL));
INSERT INTO x VALUES ('X');
-- run:
ALTER TABLE p ATTACH PARTITION x FOR VALUES IN ('x');

-- case: attach a range of timestamps written differently
-- setup:
CREATE TABLE p (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE x (at timestamptz NOT NULL, CHECK (at >= '2024-01-01 00:00:00+00' AND at < '2024-02-01 00:00:00+00'));
INSERT INTO x VALUES ('2024-01-05');
-- run:
ALTER TABLE p ATTACH PARTITION x FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');

-- case: attach a range of dates proved by between
-- setup:
CREATE TABLE p (at date) PARTITION BY RANGE (at);
CREATE TABLE x (at date NOT NULL, CHECK (at BETWEEN '2024-01-01' AND '2024-01-31'));
INSERT INTO x VALUES ('2024-01-05');
-- run:
ALTER TABLE p ATTACH PARTITION x FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');

-- case: attach to a list by an in
-- setup:
CREATE TABLE p (k text) PARTITION BY LIST (k);
CREATE TABLE x (k text NOT NULL, CHECK (k IN ('a', 'b')));
INSERT INTO x VALUES ('a');
-- run:
ALTER TABLE p ATTACH PARTITION x FOR VALUES IN ('c', 'b', 'a');

-- case: attach to a list by an or
-- setup:
CREATE TABLE p (k text) PARTITION BY LIST (k);
CREATE TABLE x (k text NOT NULL, CHECK (k = 'a' OR k = 'b'));
INSERT INTO x VALUES ('a');
-- run:
ALTER TABLE p ATTACH PARTITION x FOR VALUES IN ('c', 'b', 'a');

-- case: detach from the second level
-- setup:
CREATE TABLE p (k int, v int) PARTITION BY RANGE (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100) PARTITION BY LIST (v);
CREATE TABLE x PARTITION OF p1 FOR VALUES IN (7);
CREATE INDEX ON p (v);
-- run:
ALTER TABLE p1 DETACH PARTITION x;

-- case: detach a partitioned partition with a foreign key above
-- setup:
CREATE TABLE r (id int PRIMARY KEY);
CREATE TABLE p (k int, v int REFERENCES r) PARTITION BY RANGE (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100) PARTITION BY LIST (v);
CREATE TABLE x PARTITION OF p1 FOR VALUES IN (7);
-- run:
ALTER TABLE p DETACH PARTITION p1;

-- case: index on three levels
-- setup:
CREATE TABLE p (k int, v int) PARTITION BY RANGE (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100) PARTITION BY LIST (v);
CREATE TABLE x PARTITION OF p1 FOR VALUES IN (7);
CREATE TABLE y PARTITION OF p1 DEFAULT;
INSERT INTO p VALUES (1, 7), (1, 8);
-- run:
CREATE INDEX ON p (v, k);

-- case: index on three levels, the middle has it
-- setup:
CREATE TABLE p (k int, v int) PARTITION BY RANGE (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100) PARTITION BY LIST (v);
CREATE TABLE x PARTITION OF p1 FOR VALUES IN (7);
CREATE INDEX mid ON p1 (v);
INSERT INTO p VALUES (1, 7);
-- run:
CREATE INDEX top ON p (v);

-- case: unique on three levels
-- setup:
CREATE TABLE p (k int, v int) PARTITION BY RANGE (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100) PARTITION BY LIST (v);
CREATE TABLE x PARTITION OF p1 FOR VALUES IN (7);
INSERT INTO p VALUES (1, 7);
-- run:
ALTER TABLE p ADD CONSTRAINT u UNIQUE (k, v);

-- case: not null on three levels, the leaf has it
-- setup:
CREATE TABLE p (k int, v int, w int) PARTITION BY RANGE (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100) PARTITION BY LIST (v);
CREATE TABLE x PARTITION OF p1 FOR VALUES IN (7);
CREATE TABLE y PARTITION OF p1 FOR VALUES IN (8);
ALTER TABLE x ALTER w SET NOT NULL;
INSERT INTO p VALUES (1, 7, 1), (1, 8, 1);
-- run:
ALTER TABLE p ALTER w SET NOT NULL;

-- case: column with a serial on three levels
-- setup:
CREATE TABLE p (k int, v int) PARTITION BY RANGE (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100) PARTITION BY LIST (v);
CREATE TABLE x PARTITION OF p1 FOR VALUES IN (7);
INSERT INTO p VALUES (1, 7);
-- run:
ALTER TABLE p ADD COLUMN s bigserial;

-- case: set default of a middle level only
-- setup:
CREATE TABLE p (k int, v int) PARTITION BY RANGE (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100) PARTITION BY LIST (v);
CREATE TABLE x PARTITION OF p1 FOR VALUES IN (7);
-- run:
ALTER TABLE ONLY p1 ALTER v SET DEFAULT 7;

-- case: drop a middle level
-- setup:
CREATE TABLE p (k int, v int) PARTITION BY RANGE (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100) PARTITION BY LIST (v);
CREATE TABLE x PARTITION OF p1 FOR VALUES IN (7);
-- run:
DROP TABLE p1;

-- case: truncate a middle level
-- setup:
CREATE TABLE p (k int, v int) PARTITION BY RANGE (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100) PARTITION BY LIST (v);
CREATE TABLE x PARTITION OF p1 FOR VALUES IN (7);
INSERT INTO p VALUES (1, 7);
-- run:
TRUNCATE p1;

-- case: rename a middle level that was moved
-- setup:
CREATE SCHEMA s;
CREATE TABLE p (k int, v int) PARTITION BY RANGE (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100) PARTITION BY LIST (v);
ALTER TABLE p1 SET SCHEMA s;
CREATE TABLE x PARTITION OF s.p1 FOR VALUES IN (7);
-- run:
ALTER TABLE s.p1 RENAME COLUMN v TO w;

-- case: attach after a detach, the same table
-- setup:
CREATE TABLE p (k int, v int) PARTITION BY RANGE (k);
CREATE INDEX ON p (v);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);
ALTER TABLE p DETACH PARTITION p1;
INSERT INTO p1 VALUES (1, 1);
-- run:
ALTER TABLE p ATTACH PARTITION p1 FOR VALUES FROM (0) TO (100);

-- case: create a partition with its own default and check
-- setup:
CREATE TABLE p (k int, v int DEFAULT 1) PARTITION BY RANGE (k);
CREATE INDEX ON p (v);
-- run:
CREATE TABLE p1 PARTITION OF p (v DEFAULT 2, CONSTRAINT c CHECK (v > 0)) FOR VALUES FROM (0) TO (100);

-- case: typed table gets a default and a key
-- setup:
CREATE TYPE ty AS (a int, b text);
CREATE TABLE t OF ty;
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ADD PRIMARY KEY (a), ALTER b SET DEFAULT 'x';

-- case: typed table, column added to the type with cascade, two tables
-- setup:
CREATE TYPE ty AS (a int);
CREATE TABLE t OF ty;
CREATE TABLE u OF ty (PRIMARY KEY (a));
INSERT INTO t VALUES (1);
-- run:
ALTER TYPE ty ADD ATTRIBUTE c int CASCADE, ADD ATTRIBUTE d text CASCADE;

-- case: diamond of inheritance gets a check
-- setup:
CREATE TABLE a (x int);
CREATE TABLE b () INHERITS (a);
CREATE TABLE c () INHERITS (a);
CREATE TABLE d () INHERITS (b, c);
INSERT INTO d VALUES (1);
-- run:
ALTER TABLE a ADD CONSTRAINT k CHECK (x > 0);

-- case: diamond of inheritance loses a column
-- setup:
CREATE TABLE a (x int, y int);
CREATE TABLE b () INHERITS (a);
CREATE TABLE c () INHERITS (a);
CREATE TABLE d () INHERITS (b, c);
INSERT INTO d VALUES (1, 1);
-- run:
ALTER TABLE a DROP COLUMN y;

-- case: diamond of inheritance, type rewritten
-- setup:
CREATE TABLE a (x int, y int);
CREATE TABLE b () INHERITS (a);
CREATE TABLE c () INHERITS (a);
CREATE TABLE d () INHERITS (b, c);
INSERT INTO d VALUES (1, 1);
-- run:
ALTER TABLE a ALTER y TYPE bigint;

-- case: column with a child that has its own definition is dropped from the parent only
-- setup:
CREATE TABLE a (x int, y int);
CREATE TABLE b (y int) INHERITS (a);
CREATE TABLE c () INHERITS (b);
-- run:
ALTER TABLE a DROP COLUMN y;

-- case: inherit with a check that the child has
-- setup:
CREATE TABLE a (x int, CONSTRAINT k CHECK (x > 0));
CREATE TABLE b (x int, CONSTRAINT k CHECK (x > 0));
INSERT INTO b VALUES (1);
-- run:
ALTER TABLE b INHERIT a;

-- case: rename a column over three levels
-- setup:
CREATE TABLE a (x int);
CREATE TABLE b () INHERITS (a);
CREATE TABLE c () INHERITS (b);
-- run:
ALTER TABLE a RENAME x TO z;

-- case: insert into a child of a parent with a trigger and a foreign key
-- setup:
CREATE TABLE r (id int PRIMARY KEY);
CREATE TABLE a (x int REFERENCES r);
CREATE TABLE b () INHERITS (a);
-- run:
INSERT INTO b VALUES (1);

-- case: update of a parent whose child is referenced
-- setup:
CREATE TABLE a (x int PRIMARY KEY, y int);
CREATE TABLE b (PRIMARY KEY (x)) INHERITS (a);
CREATE TABLE r (x int REFERENCES b);
INSERT INTO b VALUES (1, 1);
-- run:
UPDATE a SET y = 2 WHERE x = 1;
