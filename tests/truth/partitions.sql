-- Partitioned tables: ATTACH, DETACH, CREATE TABLE PARTITION OF.

-- case: attach without a proof
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach with a proving check
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
ALTER TABLE x ADD CHECK (id IS NOT NULL AND id >= 10 AND id < 20);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach with a check that leaves nulls open
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
ALTER TABLE x ADD CHECK (id >= 10 AND id < 20);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach with a check and a column that is not null
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int NOT NULL CHECK (id >= 10 AND id < 20), b int);
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach with a check that is narrower
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int NOT NULL CHECK (id >= 12 AND id < 15), b int);
INSERT INTO x VALUES (13, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach with a check that is wider
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int NOT NULL CHECK (id >= 5 AND id < 25), b int);
INSERT INTO x VALUES (13, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach with a check that is not valid
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
ALTER TABLE x ADD CHECK (id IS NOT NULL AND id >= 10 AND id < 20) NOT VALID;
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach with two checks that prove it together
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int NOT NULL CHECK (id >= 10) CHECK (id < 20), b int);
INSERT INTO x VALUES (13, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach of an empty table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int, b int);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach of rows that are outside
-- refused: is violated by some row
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (99, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach beside a default partition
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach beside a default partition with a check on both
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
ALTER TABLE td ADD CHECK (id IS NOT NULL AND id >= 20);
CREATE TABLE x (id int NOT NULL CHECK (id >= 10 AND id < 20), b int);
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach as the default partition
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (50, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x DEFAULT;

-- case: attach to a parent with an index
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
CREATE INDEX t_b ON t (b);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach to a parent with an index that the table has
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
CREATE INDEX t_b ON t (b);
CREATE INDEX x_b ON x (b);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach to a parent with an index, proved, table has another index
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int NOT NULL CHECK (id >= 10 AND id < 20), b int);
INSERT INTO x VALUES (11, 1);
CREATE INDEX t_b ON t (b);
CREATE INDEX x_b ON x (b DESC);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach to a parent with a primary key
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int NOT NULL, b int);
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach to a parent with a primary key that the table has
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int PRIMARY KEY, b int, CHECK (id >= 10 AND id < 20));
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach to a parent with a primary key, table's index is unique only
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int NOT NULL, b int, CHECK (id >= 10 AND id < 20));
INSERT INTO x VALUES (11, 1);
CREATE UNIQUE INDEX x_id ON x (id);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach to a parent with a primary key, table's column is nullable
-- server: 12-16
-- refused: must be marked NOT NULL
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach to a parent with a primary key, table's column is nullable, 17
-- server: 17+
-- refused: must be marked NOT NULL
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach to a parent with a foreign key
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int REFERENCES p) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach to a parent with a foreign key that the table has
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int REFERENCES p) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int NOT NULL CHECK (id >= 10 AND id < 20), b int REFERENCES p);
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach to a parent that is referenced
-- setup:
CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1);
CREATE TABLE r (a int REFERENCES t);
INSERT INTO r VALUES (1);
CREATE TABLE x (id int PRIMARY KEY, CHECK (id >= 10 AND id < 20));
INSERT INTO x VALUES (11);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach of a partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE x1 PARTITION OF x FOR VALUES FROM (10) TO (15);
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach of a partitioned table whose bounds prove it
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int NOT NULL, b int) PARTITION BY RANGE (id);
CREATE TABLE x1 PARTITION OF x FOR VALUES FROM (10) TO (20);
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach to a list with a proving check
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY LIST (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1, 2);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int, b int, CHECK (id IS NOT NULL AND id IN (11, 12)));
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES IN (11, 12);

-- case: attach to a list for null
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY LIST (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1, 2);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (NULL, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES IN (NULL);

-- case: attach to a hash
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY HASH (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE x (id int, b int);
INSERT INTO x SELECT i, 1 FROM generate_series(1, 20) i WHERE satisfies_hash_partition('t'::regclass, 2, 1, i);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES WITH (MODULUS 2, REMAINDER 1);

-- case: attach of an overlapping range
-- refused: would overlap
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (5) TO (20);

-- case: attach of a table with a row trigger on the parent
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach to a sub-partition beside the default of its parent
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
CREATE TABLE s PARTITION OF t FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (b);
CREATE TABLE s1 PARTITION OF s FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (150, 1);
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (151, 11);
-- run:
ALTER TABLE s ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach where the default partition is partitioned
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
CREATE TABLE td PARTITION OF t DEFAULT PARTITION BY RANGE (b);
CREATE TABLE td1 PARTITION OF td FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (50, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: detach
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t DETACH PARTITION t1;

-- case: detach beside a default partition
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
ALTER TABLE t DETACH PARTITION t1;

-- case: detach of the default partition
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
ALTER TABLE t DETACH PARTITION td;

-- case: detach with indexes
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE INDEX t_b ON t (b);
-- run:
ALTER TABLE t DETACH PARTITION t1;

-- case: detach where the parent has a foreign key
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int REFERENCES p) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t DETACH PARTITION t1;

-- case: detach where the parent is referenced
-- setup:
CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20);
INSERT INTO t VALUES (1), (11);
CREATE TABLE r (a int REFERENCES t);
INSERT INTO r VALUES (1);
-- run:
ALTER TABLE t DETACH PARTITION t2;

-- case: detach where rows are referenced
-- refused: violates foreign key constraint
-- setup:
CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1);
CREATE TABLE r (a int REFERENCES t);
INSERT INTO r VALUES (1);
-- run:
ALTER TABLE t DETACH PARTITION t1;

-- case: detach concurrently
-- server: 14+
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t DETACH PARTITION t1 CONCURRENTLY;

-- case: detach concurrently beside a default partition
-- server: 14+
-- refused: cannot run inside a transaction block|cannot detach partitions concurrently when a default partition exists
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
ALTER TABLE t DETACH PARTITION t1 CONCURRENTLY;

-- case: create partition
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
CREATE TABLE n PARTITION OF t FOR VALUES FROM (10) TO (20);

-- case: create partition beside a default partition
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
CREATE TABLE n PARTITION OF t FOR VALUES FROM (10) TO (20);

-- case: create partition beside a default partition whose check excludes it
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
ALTER TABLE td ADD CHECK (id IS NOT NULL AND id >= 20);
-- run:
CREATE TABLE n PARTITION OF t FOR VALUES FROM (10) TO (20);

-- case: create the default partition
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
CREATE TABLE n PARTITION OF t DEFAULT;

-- case: create partition if not exists over one that exists
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
CREATE TABLE IF NOT EXISTS t1 PARTITION OF t FOR VALUES FROM (0) TO (10);

-- case: create partition of a parent with indexes
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE INDEX t_b ON t (b);
-- run:
CREATE TABLE n PARTITION OF t FOR VALUES FROM (10) TO (20);

-- case: create partition of a parent with a foreign key
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int REFERENCES p) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
CREATE TABLE n PARTITION OF t FOR VALUES FROM (10) TO (20);

-- case: create partition of a parent that is referenced
-- setup:
CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1);
CREATE TABLE r (a int REFERENCES t);
INSERT INTO r VALUES (1);
-- run:
CREATE TABLE n PARTITION OF t FOR VALUES FROM (10) TO (20);

-- case: create partition that is partitioned
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
CREATE TABLE n PARTITION OF t FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (b);

-- case: create sub-partition
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE s PARTITION OF t FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (b);
-- run:
CREATE TABLE n PARTITION OF s FOR VALUES FROM (10) TO (20);

-- case: create sub-partition beside the default of its grandparent
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
CREATE TABLE s PARTITION OF t FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (b);
-- run:
CREATE TABLE n PARTITION OF s FOR VALUES FROM (10) TO (20);

-- case: create partition that overlaps
-- refused: would overlap
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
CREATE TABLE n PARTITION OF t FOR VALUES FROM (5) TO (20);

-- case: create partition where the default has its rows
-- refused: would be violated by some row
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
CREATE TABLE n PARTITION OF t FOR VALUES FROM (40) TO (60);

-- case: drop partition
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
DROP TABLE t1;

-- case: drop the default partition
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
DROP TABLE td;

-- case: drop sub-partition
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE TABLE s PARTITION OF t FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (b);
CREATE TABLE s1 PARTITION OF s DEFAULT;
-- run:
DROP TABLE s1;

-- case: drop partition of a parent with a foreign key
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int REFERENCES p) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
DROP TABLE t1;

-- case: drop partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
DROP TABLE t;

-- case: alter a partition itself: set default
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t1 ALTER COLUMN b SET DEFAULT 1;

-- case: alter a partition itself: set not null
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t1 ALTER COLUMN b SET NOT NULL;

-- case: alter a partition itself: fillfactor
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t1 SET (fillfactor = 50);

-- case: fillfactor of a partitioned table
-- refused: cannot specify storage parameters|unrecognized parameter
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t SET (fillfactor = 50);

-- case: rename a partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t RENAME TO u;

-- case: owner of a partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t OWNER TO pg_monitor;

-- case: set unlogged of a partitioned table, before 18
-- server: 12-17
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t SET UNLOGGED;

-- case: set unlogged of a partitioned table, since 18
-- server: 18+
-- refused: not supported for partitioned tables|cannot be performed
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t SET UNLOGGED;

-- case: merge partitions is not there yet
-- server: 12-18
-- refused: syntax error
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t MERGE PARTITIONS (t1) INTO n;
