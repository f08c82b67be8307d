-- SET NOT NULL scans, unless something proves that it need not.

-- case: plain
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: already not null
-- setup:
CREATE TABLE t (id int, b int NOT NULL);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: primary key column
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN id SET NOT NULL;

-- case: identity column
-- setup:
CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, b int);
INSERT INTO t (b) VALUES (1);
-- run:
ALTER TABLE t ALTER COLUMN id SET NOT NULL;

-- case: proved by a valid check
-- setup:
CREATE TABLE t (id int, b int, CONSTRAINT c CHECK (b IS NOT NULL));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: check is not valid
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
ALTER TABLE t ADD CONSTRAINT c CHECK (b IS NOT NULL) NOT VALID;
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: proved by a check that was validated later
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
ALTER TABLE t ADD CONSTRAINT c CHECK (b IS NOT NULL) NOT VALID;
ALTER TABLE t VALIDATE CONSTRAINT c;
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: proved by an and of a check
-- setup:
CREATE TABLE t (id int, b int, CHECK (b IS NOT NULL AND id > 0));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: not proved by an or of a check
-- setup:
CREATE TABLE t (id int, b int, CHECK (b IS NOT NULL OR id > 0));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: not proved by a comparison, which null passes
-- setup:
CREATE TABLE t (id int, b int, CHECK (b > 0));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: check of not (b is null)
-- setup:
CREATE TABLE t (id int, b int, CHECK (NOT (b IS NULL)));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: or whose both sides prove it
-- setup:
CREATE TABLE t (id int, b int, CHECK ((b IS NOT NULL AND id > 0) OR (b IS NOT NULL AND id <= 0)));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: check of (b > 0) is true
-- setup:
CREATE TABLE t (id int, b int, CHECK ((b > 0) IS TRUE));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: check of b is distinct from null
-- setup:
CREATE TABLE t (id int, b int, CHECK (b IS DISTINCT FROM NULL));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: proof is about another column
-- setup:
CREATE TABLE t (id int, b int, CHECK (id IS NOT NULL));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: two columns, only one of them proved
-- setup:
CREATE TABLE t (id int, b int, CHECK (id IS NOT NULL));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN id SET NOT NULL, ALTER COLUMN b SET NOT NULL;

-- case: check proof dropped in the same statement
-- setup:
CREATE TABLE t (id int, b int, CONSTRAINT c CHECK (b IS NOT NULL));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL, DROP CONSTRAINT c;

-- case: rows that are null
-- refused: contains null values
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, NULL);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE t2 PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (20, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: range partition key
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN id SET NOT NULL;

-- case: partitioned table whose check proves it
-- setup:
CREATE TABLE t (id int, b int, CHECK (b IS NOT NULL)) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: one partition is not null already
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t (b NOT NULL) FOR VALUES FROM (0) TO (10);
CREATE TABLE t2 PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (20, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: drop not null
-- setup:
CREATE TABLE t (id int, b int NOT NULL);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b DROP NOT NULL;

-- case: drop not null of a nullable column
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b DROP NOT NULL;

-- case: drop not null of a primary key column
-- refused: is in a primary key
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN id DROP NOT NULL;

-- case: drop not null of a partitioned table
-- setup:
CREATE TABLE t (id int, b int NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b DROP NOT NULL;

-- case: not null constraint, not valid
-- server: 18+
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD CONSTRAINT c NOT NULL b NOT VALID;

-- case: not null constraint
-- server: 18+
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD CONSTRAINT c NOT NULL b;

-- case: validate a not null constraint
-- server: 18+
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
ALTER TABLE t ADD CONSTRAINT c NOT NULL b NOT VALID;
-- run:
ALTER TABLE t VALIDATE CONSTRAINT c;

-- case: set not null over a not null that is not valid
-- server: 18+
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
ALTER TABLE t ADD CONSTRAINT c NOT NULL b NOT VALID;
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: primary key over a not null that is not valid
-- server: 18+
-- refused: cannot create primary key
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
ALTER TABLE t ADD CONSTRAINT c NOT NULL b NOT VALID;
-- run:
ALTER TABLE t ADD PRIMARY KEY (b);

-- case: drop a not null constraint by its name
-- server: 18+
-- setup:
CREATE TABLE t (id int, b int CONSTRAINT c NOT NULL);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t DROP CONSTRAINT c;

-- case: alter not null constraint no inherit
-- server: 18+
-- setup:
CREATE TABLE t (id int, b int CONSTRAINT c NOT NULL);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER CONSTRAINT c NO INHERIT;
