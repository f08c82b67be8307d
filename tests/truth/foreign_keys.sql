-- FOREIGN KEY: both tables are locked.

-- case: foreign key
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p;

-- case: foreign key with an index on the referencing column
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
CREATE INDEX t_b ON t (b);
-- run:
ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p ON DELETE CASCADE;

-- case: not valid
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p NOT VALID;

-- case: not enforced
-- server: 18+
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p NOT ENFORCED;

-- case: not enforced becomes enforced
-- server: 18+
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int CONSTRAINT c REFERENCES p NOT ENFORCED);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER CONSTRAINT c ENFORCED;

-- case: enforced becomes not enforced
-- server: 18+
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int CONSTRAINT c REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER CONSTRAINT c NOT ENFORCED;

-- case: self reference
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES t;

-- case: types that are not the same
-- setup:
CREATE TABLE p (id bigint PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p (id);

-- case: no unique constraint on the referenced columns
-- refused: no unique constraint matching
-- setup:
CREATE TABLE p (id int);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p (id);

-- case: to a unique index that is no constraint
-- setup:
CREATE TABLE p (id int NOT NULL);
INSERT INTO p VALUES (1);
CREATE UNIQUE INDEX p_id ON p (id);
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p (id);

-- case: rows without their counterpart
-- refused: violates foreign key constraint
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 2);
-- run:
ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p;

-- case: of a partitioned table
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE t2 PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (20, 1);
-- run:
ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p;

-- case: not valid, of a partitioned table, before 18
-- server: 12-17
-- refused: cannot add NOT VALID foreign key
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p NOT VALID;

-- case: not valid, of a partitioned table, since 18
-- server: 18+
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p NOT VALID;

-- case: validate that of a partitioned table
-- server: 18+
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (b) REFERENCES p NOT VALID;
-- run:
ALTER TABLE t VALIDATE CONSTRAINT c;

-- case: to a partitioned table
-- setup:
CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
CREATE TABLE p2 PARTITION OF p DEFAULT;
INSERT INTO p VALUES (1), (20);
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p;

-- case: to a partitioned table, not valid
-- setup:
CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p NOT VALID;

-- case: two in one statement
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE q (id int PRIMARY KEY);
INSERT INTO q VALUES (1);
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p NOT VALID, ADD FOREIGN KEY (id) REFERENCES q;

-- case: validate
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (b) REFERENCES p NOT VALID;
-- run:
ALTER TABLE t VALIDATE CONSTRAINT c;

-- case: validate a valid one
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int CONSTRAINT c REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t VALIDATE CONSTRAINT c;

-- case: validate where all referencing values are null
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, NULL);
ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (b) REFERENCES p NOT VALID;
-- run:
ALTER TABLE t VALIDATE CONSTRAINT c;

-- case: alter constraint deferrable
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int CONSTRAINT c REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER CONSTRAINT c DEFERRABLE INITIALLY DEFERRED;

-- case: alter constraint of a self reference
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int CONSTRAINT c REFERENCES t);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER CONSTRAINT c DEFERRABLE;

-- case: alter constraint that is a check
-- refused: is not a foreign key constraint|cannot alter
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int CONSTRAINT c CHECK (b > 0));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER CONSTRAINT c DEFERRABLE;

-- case: drop
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int CONSTRAINT c REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t DROP CONSTRAINT c;

-- case: drop that of a partitioned table
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int CONSTRAINT c REFERENCES p) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t DROP CONSTRAINT c;

-- case: drop one to a partitioned table
-- setup:
CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int CONSTRAINT c REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t DROP CONSTRAINT c;

-- case: on delete set null with columns
-- server: 15+
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p ON DELETE SET NULL (b) NOT VALID;

-- case: replaced in one statement
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int CONSTRAINT c REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t DROP CONSTRAINT c, ADD CONSTRAINT c FOREIGN KEY (b) REFERENCES p ON DELETE CASCADE NOT VALID;

-- case: of an empty table
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int);
-- run:
ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p;
