-- CLUSTER, REINDEX, ANALYZE and statistics.

-- case: cluster
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE INDEX i ON t (b);
-- run:
CLUSTER t USING i;

-- case: cluster again
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE INDEX i ON t (b);
CLUSTER t USING i;
-- run:
CLUSTER t;

-- case: cluster of one that never was
-- refused: no previously clustered index
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CLUSTER t;

-- case: cluster of a partitioned table
-- server: 15+
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE INDEX i ON t (id);
-- run:
CLUSTER t USING i;

-- case: cluster of all
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CLUSTER;

-- case: reindex table
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE INDEX i ON t (b);
-- run:
REINDEX TABLE t;

-- case: reindex index
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE INDEX i ON t (b);
-- run:
REINDEX INDEX i;

-- case: reindex table without indexes
-- setup:
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
-- run:
REINDEX TABLE x;

-- case: reindex table concurrently
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
REINDEX TABLE CONCURRENTLY t;

-- case: reindex index concurrently
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
REINDEX INDEX CONCURRENTLY t_pkey;

-- case: reindex of a partitioned table
-- server: 14+
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE INDEX i ON t (b);
-- run:
REINDEX TABLE t;

-- case: reindex of a partition
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE INDEX i ON t (b);
-- run:
REINDEX TABLE t1;

-- case: reindex of an index with an exclusion constraint
-- setup:
CREATE TABLE t (b int, CONSTRAINT x EXCLUDE USING btree (b WITH =));
INSERT INTO t VALUES (1);
-- run:
REINDEX INDEX x;

-- case: reindex schema
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
REINDEX SCHEMA public;

-- case: reindex of a materialised view
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE MATERIALIZED VIEW m AS SELECT id, b FROM t;
CREATE INDEX i ON m (b);
-- run:
REINDEX TABLE m;

-- case: analyze
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
ANALYZE t;

-- case: analyze columns
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
ANALYZE t (b);

-- case: analyze verbose of two
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
-- run:
ANALYZE VERBOSE t, x;

-- case: analyze of a partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
ANALYZE t;

-- case: analyze of all
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
-- run:
ANALYZE;

-- case: vacuum
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
VACUUM t;

-- case: vacuum full
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
VACUUM FULL t;

-- case: vacuum analyze of all
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
VACUUM ANALYZE;

-- case: create statistics
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE STATISTICS st ON id, b FROM t;

-- case: create statistics of an expression
-- server: 14+
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE STATISTICS st ON (b + 1), (lower(c)) FROM t;

-- case: create statistics if not exists over one that exists
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE STATISTICS st ON id, b FROM t;
-- run:
CREATE STATISTICS IF NOT EXISTS st ON id, b FROM t;

-- case: alter statistics set statistics
-- server: 13+
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE STATISTICS st ON id, b FROM t;
-- run:
ALTER STATISTICS st SET STATISTICS 50;

-- case: alter statistics rename
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE STATISTICS st ON id, b FROM t;
-- run:
ALTER STATISTICS st RENAME TO su;

-- case: checkpoint
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CHECKPOINT;

-- case: discard plans
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
DISCARD PLANS;

-- case: discard all
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
DISCARD ALL;
