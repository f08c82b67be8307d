-- CREATE, ALTER, DROP INDEX.

-- case: create
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE INDEX i ON t (b);

-- case: create unique
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE UNIQUE INDEX i ON t (b);

-- case: create unique over a duplicate
-- refused: could not create unique index
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
INSERT INTO t VALUES (3, 1);
-- run:
CREATE UNIQUE INDEX i ON t (b);

-- case: create with an expression
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE INDEX i ON t (lower(c));

-- case: create partial
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE INDEX i ON t (b) WHERE b > 1;

-- case: create hash
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE INDEX i ON t USING hash (b);

-- case: create gin
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE INDEX i ON t USING gin (string_to_array(c, ','));

-- case: create brin with an option
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE INDEX i ON t USING brin (b) WITH (pages_per_range = 4);

-- case: create with include
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE INDEX i ON t (b) INCLUDE (c);

-- case: create if not exists over one that exists
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE INDEX i ON t (b);
-- run:
CREATE INDEX IF NOT EXISTS i ON t (b, c);

-- case: create with a name that exists
-- refused: already exists
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE INDEX i ON t (b);
-- run:
CREATE INDEX i ON t (b, c);

-- case: create without a name
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE INDEX ON t (b);

-- case: create on a partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
CREATE INDEX i ON t (b);

-- case: create on a partitioned table only
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
CREATE INDEX i ON ONLY t (b);

-- case: create on a partitioned table whose partition has one
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
CREATE INDEX t1_i ON t1 (b);
-- run:
CREATE INDEX i ON t (b);

-- case: create on a partition
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
CREATE INDEX i ON t1 (b);

-- case: create on an inheritance parent
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
CREATE INDEX i ON t (b);

-- case: create on a materialised view
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE MATERIALIZED VIEW m AS SELECT * FROM t;
-- run:
CREATE INDEX i ON m (b);

-- case: create on a view
-- refused: cannot create index on relation|is not a table
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT * FROM t;
-- run:
CREATE INDEX i ON v (b);

-- case: create with an expression of a function that reads another table
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE u (a int);
INSERT INTO u VALUES (1);
CREATE FUNCTION g(a int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN a; END $$;
-- run:
CREATE INDEX i ON t (g(b));

-- case: create with an expression that is not immutable
-- refused: must be marked IMMUTABLE
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE INDEX i ON t ((now() + b * interval '1 s'));

-- case: create concurrently
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE INDEX CONCURRENTLY i ON t (b);

-- case: create concurrently on a partitioned table
-- refused: cannot run inside a transaction block|on partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
CREATE INDEX CONCURRENTLY i ON t (b);

-- case: alter rename
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE INDEX i ON t (b);
-- run:
ALTER INDEX i RENAME TO j;

-- case: alter table renames an index
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE INDEX i ON t (b);
-- run:
ALTER TABLE i RENAME TO j;

-- case: alter rename the index of a constraint
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
ALTER INDEX t_pkey RENAME TO j;

-- case: alter set fillfactor
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE INDEX i ON t (b);
-- run:
ALTER INDEX i SET (fillfactor = 70);

-- case: alter reset fillfactor
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE INDEX i ON t (b) WITH (fillfactor = 70);
-- run:
ALTER INDEX i RESET (fillfactor);

-- case: alter set statistics of an expression
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE INDEX i ON t (lower(c));
-- run:
ALTER INDEX i ALTER COLUMN 1 SET STATISTICS 300;

-- case: alter set tablespace as it is
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE INDEX i ON t (b);
-- run:
ALTER INDEX i SET TABLESPACE pg_default;

-- case: alter depends on extension
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE INDEX i ON t (b);
-- run:
ALTER INDEX i DEPENDS ON EXTENSION plpgsql;

-- case: alter attach partition
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
CREATE INDEX i ON ONLY t (b);
CREATE INDEX t1_i ON t1 (b);
-- run:
ALTER INDEX i ATTACH PARTITION t1_i;

-- case: alter attach the last partition makes the parent valid
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE INDEX i ON ONLY t (b);
CREATE INDEX t1_i ON t1 (b);
-- run:
ALTER INDEX i ATTACH PARTITION t1_i;

-- case: alter attach partition that is attached
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
CREATE INDEX i ON t (b);
-- run:
ALTER INDEX i ATTACH PARTITION t1_b_idx;

-- case: alter if exists of a missing one
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
ALTER INDEX IF EXISTS nope RENAME TO j;

-- case: drop
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE INDEX i ON t (b);
-- run:
DROP INDEX i;

-- case: drop two
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE INDEX i ON t (b);
CREATE INDEX j ON t (c);
-- run:
DROP INDEX i, j;

-- case: drop if exists of a missing one
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
DROP INDEX IF EXISTS nope;

-- case: drop concurrently
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE INDEX i ON t (b);
-- run:
DROP INDEX CONCURRENTLY i;

-- case: drop the index of a constraint
-- refused: requires it|cannot drop index
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
DROP INDEX t_pkey;

-- case: drop that of a partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
CREATE INDEX i ON t (b);
-- run:
DROP INDEX i;

-- case: drop that of a partition
-- refused: requires it|cannot drop index
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
CREATE INDEX i ON t (b);
-- run:
DROP INDEX t1_b_idx;

-- case: drop a unique index that a foreign key uses
-- refused: other objects depend on it
-- setup:
CREATE TABLE p (id int NOT NULL);
INSERT INTO p VALUES (1);
CREATE UNIQUE INDEX i ON p (id);
CREATE TABLE t (b int REFERENCES p (id));
INSERT INTO t VALUES (1);
-- run:
DROP INDEX i;

-- case: drop a unique index that a foreign key uses with cascade
-- setup:
CREATE TABLE p (id int NOT NULL);
INSERT INTO p VALUES (1);
CREATE UNIQUE INDEX i ON p (id);
CREATE TABLE t (b int REFERENCES p (id));
INSERT INTO t VALUES (1);
-- run:
DROP INDEX i CASCADE;

-- case: drop that of a materialised view
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE MATERIALIZED VIEW m AS SELECT * FROM t;
CREATE INDEX i ON m (b);
-- run:
DROP INDEX i;
