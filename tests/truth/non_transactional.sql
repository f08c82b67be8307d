-- What cannot run in a transaction block, and what looks as if it could not.

-- case: create database
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE DATABASE truth_db;

-- case: drop database
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
DROP DATABASE IF EXISTS truth_db;

-- case: alter database set tablespace
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
ALTER DATABASE observed SET TABLESPACE pg_default;

-- case: alter database rename
-- refused: does not exist
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
ALTER DATABASE truth_db RENAME TO truth_db2;

-- case: create tablespace
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE TABLESPACE truth_ts LOCATION '/nowhere';

-- case: drop tablespace
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
DROP TABLESPACE IF EXISTS truth_ts;

-- case: alter system
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
ALTER SYSTEM SET work_mem = '4MB';

-- case: alter system reset all
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
ALTER SYSTEM RESET ALL;

-- case: reindex database
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
REINDEX DATABASE observed;

-- case: reindex system
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
REINDEX SYSTEM observed;

-- case: create subscription that makes a slot
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE SUBSCRIPTION sub CONNECTION 'host=nowhere' PUBLICATION pub;

-- case: create subscription that makes nothing
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE SUBSCRIPTION sub CONNECTION 'host=nowhere' PUBLICATION pub WITH (connect = false);

-- case: drop subscription that is missing
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
DROP SUBSCRIPTION IF EXISTS sub;

-- case: drop index concurrently if exists of a missing one
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
DROP INDEX CONCURRENTLY IF EXISTS nope;

-- case: create index concurrently if not exists over one that exists
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE INDEX CONCURRENTLY IF NOT EXISTS t_pkey ON t (id);

-- case: create unique index concurrently
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE UNIQUE INDEX CONCURRENTLY i ON t (b);

-- case: vacuum with options
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
VACUUM (FREEZE, ANALYZE) t;

-- case: begin inside a transaction
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
BEGIN;

-- case: set transaction isolation
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
SET TRANSACTION READ ONLY;

-- case: prepare transaction
-- refused: .
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
PREPARE TRANSACTION 'x';

-- case: commit prepared
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
COMMIT PREPARED 'x';

-- case: rollback prepared
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
ROLLBACK PREPARED 'x';

-- case: load
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
LOAD 'plpgsql';

-- case: unlisten
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
UNLISTEN *;

-- case: create role with a password
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE ROLE truth_role2 PASSWORD NULL;

-- case: reset all
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
RESET ALL;

-- case: discard temp
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
DISCARD TEMP;

-- case: security label without a provider
-- refused: no security label providers
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
SECURITY LABEL ON TABLE t IS 'x';

-- case: import foreign schema without a handler
-- refused: has no handler
-- setup:
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER sv FOREIGN DATA WRAPPER w;
-- run:
IMPORT FOREIGN SCHEMA s FROM SERVER sv INTO public;

-- case: alter collation refresh version
-- setup:
CREATE COLLATION coll FROM "C";
CREATE TABLE t (b text COLLATE coll);
INSERT INTO t VALUES ('x');
-- run:
ALTER COLLATION coll REFRESH VERSION;

-- case: alter database refresh collation version
-- server: 15+
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
ALTER DATABASE observed REFRESH COLLATION VERSION;
