-- ALTER TABLE's other sub-commands.

-- case: set default volatile
-- setup:
CREATE TABLE t (id int, b float8);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET DEFAULT random();

-- case: drop default
-- setup:
CREATE TABLE t (id int, b int DEFAULT 2);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b DROP DEFAULT;

-- case: drop default of a serial column
-- setup:
CREATE TABLE t (id serial, b int);
INSERT INTO t (b) VALUES (1);
-- run:
ALTER TABLE t ALTER COLUMN id DROP DEFAULT;

-- case: set default nextval
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
CREATE SEQUENCE s;
-- run:
ALTER TABLE t ALTER COLUMN id SET DEFAULT nextval('s');

-- case: set default of a view column
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
CREATE VIEW v AS SELECT * FROM t;
-- run:
ALTER TABLE v ALTER COLUMN b SET DEFAULT 3;

-- case: set statistics
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET STATISTICS 500;

-- case: set statistics of a partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET STATISTICS 500;

-- case: set storage
-- setup:
CREATE TABLE t (id int, b text);
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b SET STORAGE EXTERNAL;

-- case: set storage of an indexed column
-- setup:
CREATE TABLE t (id int, b text);
INSERT INTO t VALUES (1, 'x');
CREATE INDEX t_b ON t (b);
-- run:
ALTER TABLE t ALTER COLUMN b SET STORAGE EXTERNAL;

-- case: set compression
-- server: 14+
-- setup:
CREATE TABLE t (id int, b text);
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b SET COMPRESSION pglz;

-- case: set n_distinct
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET (n_distinct = 5);

-- case: reset n_distinct
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b RESET (n_distinct);

-- case: set fillfactor
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t SET (fillfactor = 70);

-- case: set autovacuum and parallel workers
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t SET (autovacuum_enabled = false, parallel_workers = 2);

-- case: set toast option
-- setup:
CREATE TABLE t (id int, b text);
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t SET (toast.autovacuum_enabled = false, toast_tuple_target = 256);

-- case: set user_catalog_table
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t SET (user_catalog_table = true);

-- case: reset fillfactor
-- setup:
CREATE TABLE t (id int, b int) WITH (fillfactor = 50);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t RESET (fillfactor);

-- case: set fillfactor together with set statistics
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t SET (fillfactor = 70), ALTER COLUMN b SET STATISTICS 7;

-- case: set fillfactor together with a default
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t SET (fillfactor = 70), ALTER COLUMN b SET DEFAULT 7;

-- case: cluster on
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t CLUSTER ON t_pkey;

-- case: set without cluster
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
ALTER TABLE t CLUSTER ON t_pkey;
-- run:
ALTER TABLE t SET WITHOUT CLUSTER;

-- case: set unlogged
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t SET UNLOGGED;

-- case: set logged
-- setup:
CREATE UNLOGGED TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t SET LOGGED;

-- case: set logged of a logged table
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t SET LOGGED;

-- case: set unlogged of a table with a serial
-- setup:
CREATE TABLE t (id serial PRIMARY KEY, b int);
INSERT INTO t (b) VALUES (1);
-- run:
ALTER TABLE t SET UNLOGGED;

-- case: set unlogged of a table referenced by a logged one
-- refused: could not change table "p" to unlogged
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int REFERENCES p);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE p SET UNLOGGED;

-- case: set logged of a table referenced by an unlogged one
-- setup:
CREATE UNLOGGED TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE UNLOGGED TABLE t (id int REFERENCES p);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE p SET LOGGED;

-- case: set tablespace to the one it is in
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t SET TABLESPACE pg_default;

-- case: set access method to the one it has
-- server: 15+
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t SET ACCESS METHOD heap;

-- case: set access method to another one
-- server: 15+
-- setup:
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t SET ACCESS METHOD heap2;

-- case: set access method of a partitioned table
-- server: 17+
-- setup:
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t SET ACCESS METHOD heap2;

-- case: replica identity full
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t REPLICA IDENTITY FULL;

-- case: replica identity default, as it is
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t REPLICA IDENTITY DEFAULT;

-- case: replica identity nothing
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t REPLICA IDENTITY NOTHING;

-- case: replica identity using an index
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int NOT NULL);
INSERT INTO t VALUES (1, 1);
CREATE UNIQUE INDEX t_b ON t (b);
-- run:
ALTER TABLE t REPLICA IDENTITY USING INDEX t_b;

-- case: owner to the owner
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t OWNER TO CURRENT_USER;

-- case: owner to another role takes sequence and index along
-- setup:
CREATE TABLE t (id serial PRIMARY KEY, b int);
INSERT INTO t (b) VALUES (1);
-- run:
ALTER TABLE t OWNER TO pg_monitor;

-- case: of a type
-- setup:
CREATE TYPE ty AS (id int, b int);
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t OF ty;

-- case: not of
-- setup:
CREATE TYPE ty AS (id int, b int);
CREATE TABLE t OF ty;
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t NOT OF;

-- case: add identity
-- setup:
CREATE TABLE t (id int NOT NULL, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY;

-- case: add identity to a nullable column
-- refused: must be declared NOT NULL
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY;

-- case: drop identity
-- setup:
CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, b int);
INSERT INTO t (b) VALUES (1);
-- run:
ALTER TABLE t ALTER COLUMN id DROP IDENTITY;

-- case: set generated and restart
-- setup:
CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, b int);
INSERT INTO t (b) VALUES (1);
-- run:
ALTER TABLE t ALTER COLUMN id SET GENERATED BY DEFAULT SET CACHE 10 RESTART WITH 100;

-- case: drop expression
-- server: 13+
-- setup:
CREATE TABLE t (id int, b int GENERATED ALWAYS AS (id + 1) STORED);
INSERT INTO t (id) VALUES (1);
-- run:
ALTER TABLE t ALTER COLUMN b DROP EXPRESSION;

-- case: set expression of a stored column
-- server: 17+
-- setup:
CREATE TABLE t (id int, b int GENERATED ALWAYS AS (id + 1) STORED);
INSERT INTO t (id) VALUES (1);
-- run:
ALTER TABLE t ALTER COLUMN b SET EXPRESSION AS (id + 2);

-- case: set expression of a virtual column
-- server: 18+
-- setup:
CREATE TABLE t (id int, b int GENERATED ALWAYS AS (id + 1) VIRTUAL);
INSERT INTO t (id) VALUES (1);
-- run:
ALTER TABLE t ALTER COLUMN b SET EXPRESSION AS (id + 2);

-- case: set expression of a virtual column with a not null
-- server: 18+
-- setup:
CREATE TABLE t (id int, b int GENERATED ALWAYS AS (id + 1) VIRTUAL NOT NULL);
INSERT INTO t (id) VALUES (1);
-- run:
ALTER TABLE t ALTER COLUMN b SET EXPRESSION AS (id + 2);

-- case: drop expression of a virtual column
-- server: 18+
-- refused: not supported for virtual generated columns
-- setup:
CREATE TABLE t (id int, b int GENERATED ALWAYS AS (id + 1) VIRTUAL);
INSERT INTO t (id) VALUES (1);
-- run:
ALTER TABLE t ALTER COLUMN b DROP EXPRESSION;

-- case: rename table
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t RENAME TO u;

-- case: rename column
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t RENAME COLUMN b TO c;

-- case: rename column used by a view
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
CREATE VIEW v AS SELECT b FROM t;
-- run:
ALTER TABLE t RENAME COLUMN b TO c;

-- case: rename column of a partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t RENAME COLUMN b TO c;

-- case: rename column of an inheritance parent
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE t RENAME b TO x;

-- case: rename check constraint
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int CONSTRAINT c CHECK (b > 0));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t RENAME CONSTRAINT c TO d;

-- case: rename primary key constraint
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t RENAME CONSTRAINT t_pkey TO k;

-- case: rename foreign key constraint
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int CONSTRAINT c REFERENCES p);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t RENAME CONSTRAINT c TO d;

-- case: set schema
-- setup:
CREATE SCHEMA other;
CREATE TABLE t (id serial PRIMARY KEY, b int);
INSERT INTO t (b) VALUES (1);
-- run:
ALTER TABLE t SET SCHEMA other;

-- case: missing table with if exists
-- setup:
CREATE TABLE t (id serial PRIMARY KEY, b int);
INSERT INTO t (b) VALUES (1);
-- run:
ALTER TABLE IF EXISTS nope ADD COLUMN c int;

-- case: missing table
-- refused: does not exist
-- setup:
CREATE TABLE t (id serial PRIMARY KEY, b int);
INSERT INTO t (b) VALUES (1);
-- run:
ALTER TABLE nope ADD COLUMN c int;

-- case: rename of a missing table with if exists
-- setup:
CREATE TABLE t (id serial PRIMARY KEY, b int);
INSERT INTO t (b) VALUES (1);
-- run:
ALTER TABLE IF EXISTS nope RENAME TO u;

-- case: rewrite and index and check in one statement
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint, ADD UNIQUE (b), ADD CHECK (b > 0), ALTER COLUMN b SET NOT NULL;

-- case: check and unique in one statement
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD UNIQUE (b), ADD CHECK (b > 0);

-- case: default set on a partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET DEFAULT 4;

-- case: default set on the parent only
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE ONLY t ALTER COLUMN b SET DEFAULT 4;

-- case: temporary table
-- setup:
CREATE TEMPORARY TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint;

-- case: all in tablespace
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE ALL IN TABLESPACE pg_default OWNED BY pg_monitor SET TABLESPACE pg_default;

-- case: set tablespace to another one
-- server: 15+
-- setup:
SET allow_in_place_tablespaces = on;
DROP TABLESPACE IF EXISTS truth_space;
CREATE TABLESPACE truth_space LOCATION '';
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t SET TABLESPACE truth_space;

-- case: set tablespace of an index to another one
-- server: 15+
-- setup:
SET allow_in_place_tablespaces = on;
DROP TABLESPACE IF EXISTS truth_space;
CREATE TABLESPACE truth_space LOCATION '';
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER INDEX t_pkey SET TABLESPACE truth_space;

-- case: set tablespace of a partitioned table to another one
-- server: 15+
-- setup:
SET allow_in_place_tablespaces = on;
DROP TABLESPACE IF EXISTS truth_space;
CREATE TABLESPACE truth_space LOCATION '';
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t SET TABLESPACE truth_space;

-- case: all in a tablespace to another one
-- server: 15+
-- setup:
SET allow_in_place_tablespaces = on;
DROP TABLESPACE IF EXISTS truth_space;
CREATE TABLESPACE truth_space LOCATION '';
CREATE TABLE t (id int PRIMARY KEY, b int) TABLESPACE truth_space;
INSERT INTO t VALUES (1, 1);
CREATE TABLE u (id int PRIMARY KEY, b int);
INSERT INTO u VALUES (1, 1);
-- run:
ALTER TABLE ALL IN TABLESPACE truth_space SET TABLESPACE pg_default;

-- case: reindex into another tablespace
-- server: 15+
-- setup:
SET allow_in_place_tablespaces = on;
DROP TABLESPACE IF EXISTS truth_space;
CREATE TABLESPACE truth_space LOCATION '';
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
REINDEX (TABLESPACE truth_space) TABLE t;

-- case: set not null of a virtual column
-- server: 18+
-- setup:
CREATE TABLE t (id int, b int GENERATED ALWAYS AS (id + 1) VIRTUAL);
INSERT INTO t (id) VALUES (1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: check over a virtual column
-- server: 18+
-- setup:
CREATE TABLE t (id int, b int GENERATED ALWAYS AS (id + 1) VIRTUAL);
INSERT INTO t (id) VALUES (1);
-- run:
ALTER TABLE t ADD CHECK (b > 0);

-- case: type of a virtual column
-- server: 18+
-- setup:
CREATE TABLE t (id int, b int GENERATED ALWAYS AS (id + 1) VIRTUAL);
INSERT INTO t (id) VALUES (1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint;

-- case: rewriting type in a table with a virtual column
-- server: 18+
-- setup:
CREATE TABLE t (id int, b int GENERATED ALWAYS AS (id + 1) VIRTUAL, c int);
INSERT INTO t (id, c) VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN c TYPE bigint;

-- case: add identity to a partitioned table
-- server: 17+
-- setup:
CREATE TABLE t (id int, b int NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b ADD GENERATED ALWAYS AS IDENTITY;

-- case: column, foreign key not valid and index of it in one statement
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD COLUMN p_id int, ADD FOREIGN KEY (p_id) REFERENCES p NOT VALID, ADD UNIQUE (p_id);

-- case: column and foreign key of it in one statement, not inline
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD COLUMN p_id int, ADD FOREIGN KEY (p_id) REFERENCES p;

-- case: column with constant default and its set not null in one statement
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD COLUMN c int DEFAULT 1, ALTER COLUMN c SET NOT NULL;

-- case: foreign key of a table that is rewritten in the same statement
-- setup:
CREATE TABLE p (id bigint PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint, ADD FOREIGN KEY (b) REFERENCES p;

-- case: rewrite of a referenced table leaves its foreign keys alone
-- setup:
CREATE TABLE p (id int PRIMARY KEY, b int);
INSERT INTO p VALUES (1, 1);
CREATE TABLE t (id int REFERENCES p);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE p ALTER COLUMN b TYPE bigint;

-- case: drop and add of the same column
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t DROP COLUMN b, ADD COLUMN b text DEFAULT 'x';
