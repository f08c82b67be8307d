-- CHECK, UNIQUE, PRIMARY KEY, EXCLUDE: added, validated, altered, dropped.

-- case: check
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD CONSTRAINT c CHECK (b > 0);

-- case: check not valid
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD CONSTRAINT c CHECK (b > 0) NOT VALID;

-- case: check not enforced
-- server: 18+
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD CONSTRAINT c CHECK (b > 0) NOT ENFORCED;

-- case: check no inherit on an inheritance parent
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE t ADD CONSTRAINT k CHECK (b > 0) NO INHERIT;

-- case: check on an inheritance parent
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE t ADD CONSTRAINT k CHECK (b > 0);

-- case: check on a partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD CONSTRAINT c CHECK (b > 0);

-- case: check not valid on a partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD CONSTRAINT c CHECK (b > 0) NOT VALID;

-- case: check on a partitioned table whose partition has it already
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t (CONSTRAINT c CHECK (b > 0)) FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD CONSTRAINT c CHECK (b > 0);

-- case: check that is a repetition of another
-- setup:
CREATE TABLE t (id int, b int CONSTRAINT c CHECK (b > 0));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD CONSTRAINT d CHECK (b > 0);

-- case: check that rows fail
-- refused: is violated by some row
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, -1);
-- run:
ALTER TABLE t ADD CONSTRAINT c CHECK (b > 0);

-- case: check (true)
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD CONSTRAINT c CHECK (true);

-- case: validate a check
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
ALTER TABLE t ADD CONSTRAINT c CHECK (b > 0) NOT VALID;
-- run:
ALTER TABLE t VALIDATE CONSTRAINT c;

-- case: validate a check that is valid
-- setup:
CREATE TABLE t (id int, b int CONSTRAINT c CHECK (b > 0));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t VALIDATE CONSTRAINT c;

-- case: validate a check of a partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
ALTER TABLE t ADD CONSTRAINT c CHECK (b > 0) NOT VALID;
-- run:
ALTER TABLE t VALIDATE CONSTRAINT c;

-- case: validate together with a sub-command of a stronger lock
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
ALTER TABLE t ADD CONSTRAINT c CHECK (b > 0) NOT VALID;
-- run:
ALTER TABLE t VALIDATE CONSTRAINT c, ALTER COLUMN b SET DEFAULT 1;

-- case: set not null in the statement that validates its proof
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
ALTER TABLE t ADD CONSTRAINT c CHECK (b IS NOT NULL) NOT VALID;
-- run:
ALTER TABLE t VALIDATE CONSTRAINT c, ALTER COLUMN b SET NOT NULL;

-- case: drop check
-- setup:
CREATE TABLE t (id int, b int CONSTRAINT c CHECK (b > 0));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t DROP CONSTRAINT c;

-- case: drop check of an inheritance parent
-- setup:
CREATE TABLE t (id int, b int CONSTRAINT k CHECK (b > 0));
CREATE TABLE c () INHERITS (t);
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE t DROP CONSTRAINT k;

-- case: drop a missing constraint with if exists
-- setup:
CREATE TABLE t (id int, b int CONSTRAINT c CHECK (b > 0));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t DROP CONSTRAINT IF EXISTS nope;

-- case: unique
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD CONSTRAINT u UNIQUE (b);

-- case: unique nulls not distinct
-- server: 15+
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD CONSTRAINT u UNIQUE NULLS NOT DISTINCT (b);

-- case: unique deferrable
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD CONSTRAINT u UNIQUE (b) DEFERRABLE INITIALLY DEFERRED;

-- case: unique with include
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD CONSTRAINT u UNIQUE (b) INCLUDE (id);

-- case: unique using an index
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
CREATE UNIQUE INDEX i ON t (b);
-- run:
ALTER TABLE t ADD CONSTRAINT u UNIQUE USING INDEX i;

-- case: unique using an index whose name it keeps
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
CREATE UNIQUE INDEX i ON t (b);
-- run:
ALTER TABLE t ADD UNIQUE USING INDEX i;

-- case: unique using an index that is partial
-- refused: is a partial index
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
CREATE UNIQUE INDEX i ON t (b) WHERE b > 0;
-- run:
ALTER TABLE t ADD CONSTRAINT u UNIQUE USING INDEX i;

-- case: unique on a partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE t2 PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (20, 1);
-- run:
ALTER TABLE t ADD UNIQUE (id, b);

-- case: unique on a partitioned table without the key
-- refused: must include all partitioning columns|unique constraint on partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD UNIQUE (b);

-- case: primary key on not null columns
-- setup:
CREATE TABLE t (id int NOT NULL, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD PRIMARY KEY (id);

-- case: primary key on a nullable column
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD PRIMARY KEY (id);

-- case: primary key on a nullable column that a check proves
-- setup:
CREATE TABLE t (id int CHECK (id IS NOT NULL), b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD PRIMARY KEY (id);

-- case: primary key using an index on a not null column
-- setup:
CREATE TABLE t (id int NOT NULL, b int);
INSERT INTO t VALUES (1, 1);
CREATE UNIQUE INDEX i ON t (id);
-- run:
ALTER TABLE t ADD CONSTRAINT k PRIMARY KEY USING INDEX i;

-- case: primary key using an index on a nullable column
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
CREATE UNIQUE INDEX i ON t (id);
-- run:
ALTER TABLE t ADD CONSTRAINT k PRIMARY KEY USING INDEX i;

-- case: primary key using an index on a nullable column that a check proves
-- setup:
CREATE TABLE t (id int CHECK (id IS NOT NULL), b int);
INSERT INTO t VALUES (1, 1);
CREATE UNIQUE INDEX i ON t (id);
-- run:
ALTER TABLE t ADD CONSTRAINT k PRIMARY KEY USING INDEX i;

-- case: second primary key
-- refused: multiple primary keys
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD PRIMARY KEY (b);

-- case: primary key replaced in one statement
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int NOT NULL);
INSERT INTO t VALUES (1, 1);
CREATE UNIQUE INDEX i ON t (b);
-- run:
ALTER TABLE t DROP CONSTRAINT t_pkey, ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX i;

-- case: primary key on a partitioned table with nullable columns
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD PRIMARY KEY (id);

-- case: primary key of a child leaves the inheritance parent alone
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE c ADD PRIMARY KEY (id);

-- case: primary key of an inheritance parent
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE t ADD PRIMARY KEY (id);

-- case: exclude
-- setup:
CREATE TABLE t (id int, r int4range);
INSERT INTO t VALUES (1, '[1,2)'), (2, '[3,4)');
-- run:
ALTER TABLE t ADD EXCLUDE USING gist (r WITH &&);

-- case: exclude with a predicate and btree
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD CONSTRAINT x EXCLUDE USING btree (b WITH =) WHERE (b > 0);

-- case: primary key without overlaps
-- server: 18+
-- setup:
CREATE TABLE t (q int4range NOT NULL, r int4range NOT NULL);
INSERT INTO t VALUES ('[1,2)', '[1,2)'), ('[1,2)', '[3,4)');
-- run:
ALTER TABLE t ADD CONSTRAINT k PRIMARY KEY (q, r WITHOUT OVERLAPS);

-- case: drop unique
-- setup:
CREATE TABLE t (id int, b int CONSTRAINT u UNIQUE);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t DROP CONSTRAINT u;

-- case: drop primary key
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t DROP CONSTRAINT t_pkey;

-- case: drop a referenced primary key
-- refused: other objects depend on it
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int REFERENCES p);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE p DROP CONSTRAINT p_pkey;

-- case: drop a referenced primary key with cascade
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int REFERENCES p);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE p DROP CONSTRAINT p_pkey CASCADE;

-- case: drop primary key of a partitioned table
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t DROP CONSTRAINT t_pkey;

-- case: drop a constraint of a partition
-- refused: cannot drop inherited constraint
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t1 DROP CONSTRAINT t1_pkey;

-- case: drop exclude
-- setup:
CREATE TABLE t (id int, b int, CONSTRAINT x EXCLUDE USING btree (b WITH =));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t DROP CONSTRAINT x;

-- case: check not valid, validated in the same statement, that rows fail
-- refused: is violated by some row
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, -1);
-- run:
ALTER TABLE t ADD CONSTRAINT c CHECK (b > 0) NOT VALID, VALIDATE CONSTRAINT c;
