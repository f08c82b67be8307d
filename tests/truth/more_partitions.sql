-- Partitions and constraints, against the grain.

-- case: attach of a table with a trigger, to a parent with a statement trigger
-- setup:
CREATE TABLE t (a int NOT NULL, b int) PARTITION BY RANGE (a);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER s AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION f();
CREATE TABLE x (a int NOT NULL, b int);
INSERT INTO x VALUES (1, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1) TO (5);

-- case: attach of a table that has a child
-- setup:
CREATE TABLE t (a int NOT NULL, b int) PARTITION BY RANGE (a);
CREATE TABLE x (a int NOT NULL, b int);
CREATE TABLE y () INHERITS (x);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1) TO (5);

-- case: attach of a table that has a parent
-- setup:
CREATE TABLE t (a int NOT NULL, b int) PARTITION BY RANGE (a);
CREATE TABLE y (a int NOT NULL, b int);
CREATE TABLE x () INHERITS (y);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1) TO (5);

-- case: attach of a table with a column more
-- setup:
CREATE TABLE t (a int NOT NULL, b int) PARTITION BY RANGE (a);
CREATE TABLE x (a int NOT NULL, b int, c int);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1) TO (5);

-- case: attach of a table without the check of the parent
-- setup:
CREATE TABLE t (a int NOT NULL, b int CONSTRAINT positive CHECK (b > 0)) PARTITION BY RANGE (a);
CREATE TABLE x (a int NOT NULL, b int);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1) TO (5);

-- case: attach of a table with the check of the parent
-- setup:
CREATE TABLE t (a int NOT NULL, b int CONSTRAINT positive CHECK (b > 0)) PARTITION BY RANGE (a);
CREATE TABLE x (a int NOT NULL, b int CONSTRAINT positive CHECK (b > 0));
INSERT INTO x VALUES (1, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1) TO (5);

-- case: attach with columns in another order
-- setup:
CREATE TABLE t (a int NOT NULL, b int) PARTITION BY RANGE (a);
CREATE TABLE x (b int, a int NOT NULL CHECK (a >= 1 AND a < 5));
INSERT INTO x VALUES (1, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1) TO (5);

-- case: attach of an unlogged table
-- setup:
CREATE TABLE t (a int NOT NULL, b int) PARTITION BY RANGE (a);
CREATE UNLOGGED TABLE x (a int NOT NULL, b int);
INSERT INTO x VALUES (1, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1) TO (5);

-- case: attach of a table that a foreign key refers to
-- setup:
CREATE TABLE t (a int PRIMARY KEY, b int) PARTITION BY RANGE (a);
CREATE TABLE x (a int PRIMARY KEY, b int);
CREATE TABLE r (a int REFERENCES x);
INSERT INTO x VALUES (1, 1);
INSERT INTO r VALUES (1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1) TO (5);

-- case: attach to a parent with a unique and a plain index, the table has the plain one
-- setup:
CREATE TABLE t (a int NOT NULL, b int) PARTITION BY RANGE (a);
CREATE UNIQUE INDEX tu ON t (a);
CREATE INDEX tp ON t (b);
CREATE TABLE x (a int NOT NULL CHECK (a >= 1 AND a < 5), b int);
CREATE INDEX xp ON x (b);
INSERT INTO x VALUES (1, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1) TO (5);

-- case: attach to a parent with a partial index, the table has it with another predicate
-- setup:
CREATE TABLE t (a int NOT NULL, b int) PARTITION BY RANGE (a);
CREATE INDEX tp ON t (b) WHERE b > 1;
CREATE TABLE x (a int NOT NULL CHECK (a >= 1 AND a < 5), b int);
CREATE INDEX xp ON x (b) WHERE b > 2;
INSERT INTO x VALUES (1, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1) TO (5);

-- case: attach to a parent with an index in another order
-- setup:
CREATE TABLE t (a int NOT NULL, b int) PARTITION BY RANGE (a);
CREATE INDEX tp ON t (b DESC);
CREATE TABLE x (a int NOT NULL CHECK (a >= 1 AND a < 5), b int);
CREATE INDEX xp ON x (b);
INSERT INTO x VALUES (1, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1) TO (5);

-- case: attach to a parent with an index that includes, the table's does not
-- setup:
CREATE TABLE t (a int NOT NULL, b int) PARTITION BY RANGE (a);
CREATE INDEX tp ON t (a) INCLUDE (b);
CREATE TABLE x (a int NOT NULL CHECK (a >= 1 AND a < 5), b int);
CREATE INDEX xp ON x (a);
INSERT INTO x VALUES (1, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1) TO (5);

-- case: attach where the table's index is unique and the parent's is not
-- setup:
CREATE TABLE t (a int NOT NULL, b int) PARTITION BY RANGE (a);
CREATE INDEX tp ON t (a);
CREATE TABLE x (a int NOT NULL CHECK (a >= 1 AND a < 5), b int);
CREATE UNIQUE INDEX xp ON x (a);
INSERT INTO x VALUES (1, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1) TO (5);

-- case: attach to a parent with an index on only itself, which is not valid
-- setup:
CREATE TABLE t (a int NOT NULL, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (10) TO (20);
CREATE INDEX tp ON ONLY t (b);
CREATE TABLE x (a int NOT NULL CHECK (a >= 1 AND a < 5), b int);
INSERT INTO x VALUES (1, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1) TO (5);

-- case: attach where the foreign key of the table is not valid
-- setup:
CREATE TABLE r (a int PRIMARY KEY);
CREATE TABLE t (a int NOT NULL REFERENCES r, b int) PARTITION BY RANGE (a);
CREATE TABLE x (a int NOT NULL CHECK (a >= 1 AND a < 5), b int);
ALTER TABLE x ADD FOREIGN KEY (a) REFERENCES r NOT VALID;
INSERT INTO r VALUES (1);
INSERT INTO x VALUES (1, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1) TO (5);

-- case: attach where the foreign key of the table deletes otherwise
-- setup:
CREATE TABLE r (a int PRIMARY KEY);
CREATE TABLE t (a int NOT NULL REFERENCES r, b int) PARTITION BY RANGE (a);
CREATE TABLE x (a int NOT NULL CHECK (a >= 1 AND a < 5) REFERENCES r ON DELETE CASCADE, b int);
INSERT INTO r VALUES (1);
INSERT INTO x VALUES (1, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1) TO (5);

-- case: attach to a parent that refers to a partitioned table
-- setup:
CREATE TABLE r (a int PRIMARY KEY) PARTITION BY RANGE (a);
CREATE TABLE r1 PARTITION OF r FOR VALUES FROM (0) TO (10);
CREATE TABLE t (a int NOT NULL REFERENCES r, b int) PARTITION BY RANGE (a);
CREATE TABLE x (a int NOT NULL CHECK (a >= 1 AND a < 5), b int);
INSERT INTO r VALUES (1);
INSERT INTO x VALUES (1, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1) TO (5);

-- case: attach to a parent that refers to itself
-- setup:
CREATE TABLE t (a int PRIMARY KEY, b int REFERENCES t) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (10) TO (20);
CREATE TABLE x (a int PRIMARY KEY CHECK (a >= 1 AND a < 5), b int);
INSERT INTO t VALUES (10, 10);
INSERT INTO x VALUES (1, 10);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1) TO (5);

-- case: attach to a parent with an identity column
-- setup:
CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY, b int) PARTITION BY RANGE (a);
CREATE TABLE x (a int NOT NULL CHECK (a >= 1 AND a < 5), b int);
INSERT INTO x VALUES (1, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1) TO (5);

-- case: attach to a parent with a generated column that the table does not generate
-- setup:
CREATE TABLE t (a int NOT NULL, b int GENERATED ALWAYS AS (a * 2) STORED) PARTITION BY RANGE (a);
CREATE TABLE x (a int NOT NULL CHECK (a >= 1 AND a < 5), b int);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1) TO (5);

-- case: attach to a hash, where the table is partitioned
-- setup:
CREATE TABLE t (a int NOT NULL, b int) PARTITION BY HASH (a);
CREATE TABLE x (a int NOT NULL, b int) PARTITION BY LIST (b);
CREATE TABLE x1 PARTITION OF x FOR VALUES IN (1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES WITH (MODULUS 1, REMAINDER 0);

-- case: detach where a child of the partition is partitioned
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10) PARTITION BY LIST (b);
CREATE TABLE t11 PARTITION OF t1 FOR VALUES IN (1);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t DETACH PARTITION t1;

-- case: detach of a sub-partition
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10) PARTITION BY LIST (b);
CREATE TABLE t11 PARTITION OF t1 FOR VALUES IN (1);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t1 DETACH PARTITION t11;

-- case: detach of a sub-partition of a referencing table
-- setup:
CREATE TABLE r (a int PRIMARY KEY);
CREATE TABLE t (a int REFERENCES r, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10) PARTITION BY LIST (b);
CREATE TABLE t11 PARTITION OF t1 FOR VALUES IN (1);
INSERT INTO r VALUES (1);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t1 DETACH PARTITION t11;

-- case: detach of what is not attached
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE x (a int, b int);
-- run:
ALTER TABLE t DETACH PARTITION x;

-- case: detach of a partition that is referenced itself
-- setup:
CREATE TABLE t (a int PRIMARY KEY, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE r (a int REFERENCES t1);
INSERT INTO t VALUES (1, 1);
INSERT INTO r VALUES (1);
-- run:
ALTER TABLE t DETACH PARTITION t1;

-- case: detach where a partitioned table refers to the parent
-- setup:
CREATE TABLE t (a int PRIMARY KEY, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20);
CREATE TABLE r (a int REFERENCES t) PARTITION BY RANGE (a);
CREATE TABLE r1 PARTITION OF r FOR VALUES FROM (0) TO (50);
INSERT INTO t VALUES (1, 1), (11, 1);
INSERT INTO r VALUES (11);
-- run:
ALTER TABLE t DETACH PARTITION t1;

-- case: set not null of a range key column of a partition
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t1 ALTER COLUMN a SET NOT NULL;

-- case: set not null of a partitioned table only
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE ONLY t ALTER COLUMN b SET NOT NULL;

-- case: set not null where one partition proves it
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20);
ALTER TABLE t1 ADD CHECK (b IS NOT NULL);
INSERT INTO t VALUES (1, 1), (11, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: drop not null of a partition where the parent has it
-- setup:
CREATE TABLE t (a int, b int NOT NULL) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
-- run:
ALTER TABLE t1 ALTER COLUMN b DROP NOT NULL;

-- case: drop not null of an identity column
-- setup:
CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY, b int);
-- run:
ALTER TABLE t ALTER COLUMN a DROP NOT NULL;

-- case: drop not null of a column of the replica identity
-- setup:
CREATE TABLE t (a int NOT NULL, b int);
CREATE UNIQUE INDEX ta ON t (a);
ALTER TABLE t REPLICA IDENTITY USING INDEX ta;
-- run:
ALTER TABLE t ALTER COLUMN a DROP NOT NULL;

-- case: drop not null of a child where the parent has it
-- setup:
CREATE TABLE p (a int, b int NOT NULL);
CREATE TABLE c () INHERITS (p);
-- run:
ALTER TABLE c ALTER COLUMN b DROP NOT NULL;

-- case: check on only a partitioned table
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE ONLY t ADD CHECK (b > 0);

-- case: check no inherit on a partitioned table
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
-- run:
ALTER TABLE t ADD CHECK (b > 0) NO INHERIT;

-- case: check of another expression under a name that a child has
-- setup:
CREATE TABLE p (a int, b int);
CREATE TABLE c () INHERITS (p);
ALTER TABLE c ADD CONSTRAINT k CHECK (b > 5);
-- run:
ALTER TABLE p ADD CONSTRAINT k CHECK (b > 0);

-- case: check that a grandchild has already
-- setup:
CREATE TABLE p (a int, b int);
CREATE TABLE c () INHERITS (p);
CREATE TABLE g () INHERITS (c);
ALTER TABLE g ADD CONSTRAINT k CHECK (b > 0);
INSERT INTO p VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
INSERT INTO g VALUES (1, 1);
-- run:
ALTER TABLE p ADD CONSTRAINT k CHECK (b > 0);

-- case: check that a child with a child of its own has already
-- setup:
CREATE TABLE p (a int, b int);
CREATE TABLE c () INHERITS (p);
ALTER TABLE c ADD CONSTRAINT k CHECK (b > 0);
CREATE TABLE g () INHERITS (c);
INSERT INTO p VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
INSERT INTO g VALUES (1, 1);
-- run:
ALTER TABLE p ADD CONSTRAINT k CHECK (b > 0);

-- case: check that a child has, not valid
-- server: 12-17
-- setup:
CREATE TABLE p (a int, b int);
CREATE TABLE c () INHERITS (p);
ALTER TABLE c ADD CONSTRAINT k CHECK (b > 0) NOT VALID;
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE p ADD CONSTRAINT k CHECK (b > 0);

-- case: two checks and a not null in one statement
-- setup:
CREATE TABLE t (a int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD CHECK (a > 0), ADD CHECK (b > 0) NOT VALID, ALTER COLUMN b SET NOT NULL;

-- case: validate a check of the parent that a child has validated
-- setup:
CREATE TABLE p (a int, b int);
CREATE TABLE c () INHERITS (p);
ALTER TABLE p ADD CONSTRAINT k CHECK (b > 0) NOT VALID;
ALTER TABLE c VALIDATE CONSTRAINT k;
INSERT INTO p VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE p VALIDATE CONSTRAINT k;

-- case: validate a check of only the parent
-- setup:
CREATE TABLE p (a int, b int);
CREATE TABLE c () INHERITS (p);
ALTER TABLE p ADD CONSTRAINT k CHECK (b > 0) NOT VALID;
INSERT INTO p VALUES (1, 1);
-- run:
ALTER TABLE ONLY p VALIDATE CONSTRAINT k;

-- case: validate a check of a child
-- setup:
CREATE TABLE p (a int, b int);
CREATE TABLE c () INHERITS (p);
ALTER TABLE p ADD CONSTRAINT k CHECK (b > 0) NOT VALID;
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE c VALIDATE CONSTRAINT k;

-- case: validate a unique constraint
-- setup:
CREATE TABLE t (a int UNIQUE);
-- run:
ALTER TABLE t VALIDATE CONSTRAINT t_a_key;

-- case: validate two in one statement
-- setup:
CREATE TABLE r (a int PRIMARY KEY);
CREATE TABLE t (a int, b int);
ALTER TABLE t ADD CONSTRAINT k CHECK (b > 0) NOT VALID, ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES r NOT VALID;
INSERT INTO r VALUES (1);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t VALIDATE CONSTRAINT k, VALIDATE CONSTRAINT f;

-- case: validate a foreign key that refers to its own table
-- setup:
CREATE TABLE t (a int PRIMARY KEY, b int);
ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (b) REFERENCES t NOT VALID;
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t VALIDATE CONSTRAINT f;

-- case: foreign key from an inheritance parent
-- setup:
CREATE TABLE r (a int PRIMARY KEY);
CREATE TABLE p (a int, b int);
CREATE TABLE c () INHERITS (p);
INSERT INTO r VALUES (1);
INSERT INTO p VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE p ADD FOREIGN KEY (a) REFERENCES r;

-- case: foreign key to an inheritance parent
-- setup:
CREATE TABLE p (a int PRIMARY KEY, b int);
CREATE TABLE c () INHERITS (p);
CREATE TABLE t (a int);
INSERT INTO p VALUES (1, 1);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p;

-- case: foreign key from only a partitioned table
-- setup:
CREATE TABLE r (a int PRIMARY KEY);
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
-- run:
ALTER TABLE ONLY t ADD FOREIGN KEY (a) REFERENCES r;

-- case: foreign key between partitioned tables
-- setup:
CREATE TABLE r (a int PRIMARY KEY) PARTITION BY RANGE (a);
CREATE TABLE r1 PARTITION OF r FOR VALUES FROM (0) TO (10);
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO r VALUES (1);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r;

-- case: foreign key of a partition
-- setup:
CREATE TABLE r (a int PRIMARY KEY);
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO r VALUES (1);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t1 ADD FOREIGN KEY (a) REFERENCES r;

-- case: foreign key of a partitioned table whose partition has it
-- setup:
CREATE TABLE r (a int PRIMARY KEY);
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20);
ALTER TABLE t1 ADD FOREIGN KEY (a) REFERENCES r;
INSERT INTO r VALUES (1), (11);
INSERT INTO t VALUES (1, 1), (11, 1);
-- run:
ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r;

-- case: drop a foreign key of a partition that comes from the parent
-- setup:
CREATE TABLE r (a int PRIMARY KEY);
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES r;
-- run:
ALTER TABLE t1 DROP CONSTRAINT f;

-- case: drop a foreign key between partitioned tables
-- setup:
CREATE TABLE r (a int PRIMARY KEY) PARTITION BY RANGE (a);
CREATE TABLE r1 PARTITION OF r FOR VALUES FROM (0) TO (10);
CREATE TABLE t (a int CONSTRAINT f REFERENCES r, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
-- run:
ALTER TABLE t DROP CONSTRAINT f;

-- case: alter constraint of a partitioned table
-- setup:
CREATE TABLE r (a int PRIMARY KEY);
CREATE TABLE t (a int CONSTRAINT f REFERENCES r, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
-- run:
ALTER TABLE t ALTER CONSTRAINT f DEFERRABLE INITIALLY DEFERRED;

-- case: alter constraint of a partition that comes from the parent
-- setup:
CREATE TABLE r (a int PRIMARY KEY);
CREATE TABLE t (a int CONSTRAINT f REFERENCES r, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
-- run:
ALTER TABLE t1 ALTER CONSTRAINT f DEFERRABLE;

-- case: alter constraint to what it is
-- setup:
CREATE TABLE r (a int PRIMARY KEY);
CREATE TABLE t (a int CONSTRAINT f REFERENCES r, b int);
-- run:
ALTER TABLE t ALTER CONSTRAINT f NOT DEFERRABLE;

-- case: exclusion on a partitioned table
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD EXCLUDE USING btree (a WITH =);

-- case: exclusion of ranges, deferrable
-- setup:
CREATE TABLE t (a int, r int4range);
INSERT INTO t VALUES (1, '[1,2)');
-- run:
ALTER TABLE t ADD CONSTRAINT x EXCLUDE USING gist (r WITH &&) DEFERRABLE;

-- case: exclusion and unique in one statement
-- setup:
CREATE TABLE t (a int, r int4range);
INSERT INTO t VALUES (1, '[1,2)');
-- run:
ALTER TABLE t ADD UNIQUE (a), ADD EXCLUDE USING gist (r WITH &&);

-- case: using an index that is not a btree
-- setup:
CREATE TABLE t (a int, b int);
CREATE INDEX i ON t USING hash (a);
-- run:
ALTER TABLE t ADD UNIQUE USING INDEX i;

-- case: using an index in descending order
-- setup:
CREATE TABLE t (a int NOT NULL, b int);
CREATE UNIQUE INDEX i ON t (a DESC);
-- run:
ALTER TABLE t ADD UNIQUE USING INDEX i;

-- case: using an index that a constraint has
-- setup:
CREATE TABLE t (a int CONSTRAINT k UNIQUE, b int);
-- run:
ALTER TABLE t ADD UNIQUE USING INDEX k;

-- case: using an index for two columns, one nullable
-- setup:
CREATE TABLE t (a int NOT NULL, b int);
CREATE UNIQUE INDEX i ON t (a, b);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD CONSTRAINT pk PRIMARY KEY USING INDEX i;

-- case: using an index on a partition
-- setup:
CREATE TABLE t (a int NOT NULL, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE UNIQUE INDEX i ON t1 (a);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t1 ADD PRIMARY KEY USING INDEX i;

-- case: using an index that includes
-- setup:
CREATE TABLE t (a int NOT NULL, b int);
CREATE UNIQUE INDEX i ON t (a) INCLUDE (b);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD PRIMARY KEY USING INDEX i;

-- case: primary key on only a partitioned table
-- setup:
CREATE TABLE t (a int NOT NULL, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE ONLY t ADD PRIMARY KEY (a);

-- case: primary key of a partition
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t1 ADD PRIMARY KEY (b);

-- case: unique on a partitioned table whose partition has the index
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20);
CREATE UNIQUE INDEX i ON t1 (a);
INSERT INTO t VALUES (1, 1), (11, 1);
-- run:
ALTER TABLE t ADD UNIQUE (a);

-- case: unique on a partitioned table whose partition has the constraint
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20);
ALTER TABLE t1 ADD UNIQUE (a);
INSERT INTO t VALUES (1, 1), (11, 1);
-- run:
ALTER TABLE t ADD UNIQUE (a);

-- case: drop the primary key of a table whose replica identity uses it
-- setup:
CREATE TABLE t (a int PRIMARY KEY, b int);
ALTER TABLE t REPLICA IDENTITY USING INDEX t_pkey;
-- run:
ALTER TABLE t DROP CONSTRAINT t_pkey;

-- case: replica identity of a partitioned table
-- setup:
CREATE TABLE t (a int PRIMARY KEY, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
-- run:
ALTER TABLE t REPLICA IDENTITY FULL;

-- case: replica identity using an index of a nullable column
-- setup:
CREATE TABLE t (a int, b int);
CREATE UNIQUE INDEX i ON t (a);
-- run:
ALTER TABLE t REPLICA IDENTITY USING INDEX i;

-- case: cluster on an index that is partial
-- setup:
CREATE TABLE t (a int, b int);
CREATE INDEX i ON t (a) WHERE b > 1;
-- run:
ALTER TABLE t CLUSTER ON i;

-- case: cluster of a partition
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE INDEX i ON t1 (a);
INSERT INTO t VALUES (1, 1);
-- run:
CLUSTER t1 USING i;

-- case: cluster of a partitioned table
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE INDEX i ON t (a);
INSERT INTO t VALUES (1, 1);
-- run:
CLUSTER t USING i;

-- case: cluster of a table that was never clustered
-- setup:
CREATE TABLE t (a int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
CLUSTER t;

-- case: cluster of a table that is referenced
-- setup:
CREATE TABLE t (a int PRIMARY KEY, b int);
CREATE TABLE r (a int REFERENCES t);
INSERT INTO t VALUES (1, 1);
INSERT INTO r VALUES (1);
-- run:
CLUSTER t USING t_pkey;

-- case: set unlogged of a partition
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t1 SET UNLOGGED;

-- case: set unlogged of an inheritance parent
-- setup:
CREATE TABLE p (a int, b int);
CREATE TABLE c () INHERITS (p);
INSERT INTO p VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE p SET UNLOGGED;

-- case: set unlogged of a table that refers to itself
-- setup:
CREATE TABLE t (a int PRIMARY KEY, b int REFERENCES t);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t SET UNLOGGED;

-- case: set unlogged and a column in one statement
-- setup:
CREATE TABLE t (a int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t SET UNLOGGED, ADD COLUMN c int DEFAULT 5, ADD CHECK (b > 0);

-- case: set logged of an unlogged table with an identity
-- setup:
CREATE UNLOGGED TABLE t (a int GENERATED ALWAYS AS IDENTITY, b int);
INSERT INTO t (b) VALUES (1);
-- run:
ALTER TABLE t SET LOGGED;

-- case: type of a partition key
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
-- run:
ALTER TABLE t ALTER COLUMN a TYPE bigint;

-- case: type of a column that an expression of the partition key uses
-- setup:
CREATE TABLE t (a int, b text) PARTITION BY LIST (lower(b));
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(10);

-- case: type of a column that a policy uses
-- setup:
CREATE TABLE t (a int, b int);
CREATE POLICY p ON t USING (b > 0);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint;

-- case: type of a column that a trigger names
-- setup:
CREATE TABLE t (a int, b int);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER g BEFORE UPDATE OF b ON t FOR EACH ROW EXECUTE FUNCTION f();
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint;

-- case: type of a column that the condition of a trigger uses
-- setup:
CREATE TABLE t (a int, b int);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW WHEN (NEW.b > 1) EXECUTE FUNCTION f();
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint;

-- case: type of a column that a function in standard SQL reads
-- server: 14+
-- setup:
CREATE TABLE t (a int, b int);
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT sum(b) FROM t; END;
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint;

-- case: type of a column that a foreign key uses, to a type of the same bytes
-- setup:
CREATE TABLE r (v varchar(10) PRIMARY KEY);
CREATE TABLE t (v varchar(10) REFERENCES r);
INSERT INTO r VALUES ('x');
INSERT INTO t VALUES ('x');
-- run:
ALTER TABLE t ALTER COLUMN v TYPE varchar(20);

-- case: type of a referenced column, to a type of the same bytes
-- setup:
CREATE TABLE r (v varchar(10) PRIMARY KEY);
CREATE TABLE t (v varchar(10) REFERENCES r);
INSERT INTO r VALUES ('x');
INSERT INTO t VALUES ('x');
-- run:
ALTER TABLE r ALTER COLUMN v TYPE text;

-- case: type of a referenced column of a partitioned table
-- setup:
CREATE TABLE r (a int, v int, PRIMARY KEY (a, v)) PARTITION BY RANGE (a);
CREATE TABLE r1 PARTITION OF r FOR VALUES FROM (0) TO (10);
CREATE TABLE t (a int, v int, FOREIGN KEY (a, v) REFERENCES r);
INSERT INTO r VALUES (1, 1);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE r ALTER COLUMN v TYPE bigint;

-- case: type of a column of an exclusion constraint
-- setup:
CREATE TABLE t (v varchar(5), EXCLUDE USING btree (v WITH =));
INSERT INTO t VALUES ('x');
-- run:
ALTER TABLE t ALTER COLUMN v TYPE varchar(50);

-- case: type of a column of a partition alone
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
-- run:
ALTER TABLE t1 ALTER COLUMN b TYPE bigint;

-- case: type of a column that a child has from two parents
-- setup:
CREATE TABLE p (a int, b int);
CREATE TABLE q (b int);
CREATE TABLE c () INHERITS (p, q);
-- run:
ALTER TABLE p ALTER COLUMN b TYPE bigint;

-- case: type of a column of only a parent with children
-- setup:
CREATE TABLE p (a int, b int);
CREATE TABLE c () INHERITS (p);
-- run:
ALTER TABLE ONLY p ALTER COLUMN b TYPE bigint;

-- case: type of a column that a generated one uses
-- setup:
CREATE TABLE t (a int, b int, c int GENERATED ALWAYS AS (b * 2) STORED);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint;

-- case: type of a column with extended statistics
-- setup:
CREATE TABLE t (a int, v varchar(5));
CREATE STATISTICS s ON a, v FROM t;
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN v TYPE varchar(50);

-- case: type of an identity column
-- setup:
CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, b int);
INSERT INTO t (b) VALUES (1);
-- run:
ALTER TABLE t ALTER COLUMN a TYPE bigint;

-- case: create a partition with a check of its own
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE d PARTITION OF t DEFAULT;
INSERT INTO t VALUES (100, 1);
-- run:
CREATE TABLE t1 PARTITION OF t (b CHECK (b > 0)) FOR VALUES FROM (0) TO (10);

-- case: create a hash partition beside another
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY HASH (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0);
-- run:
CREATE TABLE t2 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 1);

-- case: create a partition of a parent that is referenced by a partitioned table
-- setup:
CREATE TABLE t (a int PRIMARY KEY, b int) PARTITION BY RANGE (a);
CREATE TABLE r (a int REFERENCES t) PARTITION BY RANGE (a);
CREATE TABLE r1 PARTITION OF r FOR VALUES FROM (0) TO (10);
-- run:
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);

-- case: create a partition of a parent that refers to itself
-- setup:
CREATE TABLE t (a int PRIMARY KEY, b int REFERENCES t) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
-- run:
CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20);

-- case: inherit of a table without the not null of the parent
-- setup:
CREATE TABLE p (a int NOT NULL, b int);
CREATE TABLE c (a int, b int);
-- run:
ALTER TABLE c INHERIT p;

-- case: inherit of a table without the check of the parent
-- setup:
CREATE TABLE p (a int, b int CONSTRAINT k CHECK (b > 0));
CREATE TABLE c (a int, b int);
-- run:
ALTER TABLE c INHERIT p;

-- case: inherit from a partitioned table
-- setup:
CREATE TABLE p (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE c (a int, b int);
-- run:
ALTER TABLE c INHERIT p;
