-- Views and materialised views.

-- case: create view
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE VIEW v AS SELECT id FROM t;

-- case: create view over a view
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
-- run:
CREATE VIEW w AS SELECT id FROM v;

-- case: create view over a join
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
-- run:
CREATE VIEW v AS SELECT t.id, x.b FROM t JOIN x ON x.id = t.id;

-- case: create view over a partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
CREATE VIEW v AS SELECT id FROM t;

-- case: create view for update
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE VIEW v AS SELECT id FROM t FOR UPDATE;

-- case: create temporary view
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE TEMPORARY VIEW v AS SELECT id FROM t;

-- case: create recursive view
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE RECURSIVE VIEW v (n) AS SELECT id FROM t UNION SELECT n + 1 FROM v WHERE n < 5;

-- case: create or replace view that is new
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE OR REPLACE VIEW v AS SELECT id FROM t;

-- case: create or replace view with one more column
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
-- run:
CREATE OR REPLACE VIEW v AS SELECT id, b, c FROM t;

-- case: create or replace view with one column less
-- refused: cannot drop columns from view
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
-- run:
CREATE OR REPLACE VIEW v AS SELECT id FROM t;

-- case: create or replace view with another type
-- refused: cannot change data type of view column
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
-- run:
CREATE OR REPLACE VIEW v AS SELECT id, c AS b FROM t;

-- case: create or replace view without a change
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
-- run:
CREATE OR REPLACE VIEW v AS SELECT id, b FROM t;

-- case: create or replace view onto another table
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
-- run:
CREATE OR REPLACE VIEW v AS SELECT id, b FROM x;

-- case: create or replace view that another view reads
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
CREATE VIEW w AS SELECT id FROM v;
-- run:
CREATE OR REPLACE VIEW v AS SELECT id, b, c FROM t;

-- case: alter view rename
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
-- run:
ALTER VIEW v RENAME TO w;

-- case: alter view rename column
-- server: 13+
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
-- run:
ALTER VIEW v RENAME COLUMN b TO z;

-- case: alter table renames a view
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
-- run:
ALTER TABLE v RENAME TO w;

-- case: alter view set schema
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
CREATE SCHEMA other;
-- run:
ALTER VIEW v SET SCHEMA other;

-- case: alter view set option
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
-- run:
ALTER VIEW v SET (security_barrier = true);

-- case: alter view set security invoker
-- server: 15+
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
-- run:
ALTER VIEW v SET (security_invoker = true);

-- case: alter view set default
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
-- run:
ALTER VIEW v ALTER COLUMN b SET DEFAULT 4;

-- case: alter view owner
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
-- run:
ALTER VIEW v OWNER TO pg_monitor;

-- case: drop view
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
-- run:
DROP VIEW v;

-- case: drop view that another reads
-- refused: other objects depend on it
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
CREATE VIEW w AS SELECT id FROM v;
-- run:
DROP VIEW v;

-- case: drop view that another reads with cascade
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
CREATE VIEW w AS SELECT id FROM v;
-- run:
DROP VIEW v CASCADE;

-- case: drop view if exists of a table
-- refused: is not a view
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
DROP VIEW IF EXISTS t;

-- case: create materialised view
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE MATERIALIZED VIEW m AS SELECT id FROM t;

-- case: create materialised view with no data
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE MATERIALIZED VIEW m AS SELECT id FROM t WITH NO DATA;

-- case: create materialised view if not exists over one that exists
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE MATERIALIZED VIEW m AS SELECT id, b FROM t;
-- run:
CREATE MATERIALIZED VIEW IF NOT EXISTS m AS SELECT id FROM t;

-- case: alter materialised view rename
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE MATERIALIZED VIEW m AS SELECT id, b FROM t;
-- run:
ALTER MATERIALIZED VIEW m RENAME TO n;

-- case: alter materialised view fillfactor
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE MATERIALIZED VIEW m AS SELECT id, b FROM t;
-- run:
ALTER MATERIALIZED VIEW m SET (fillfactor = 60);

-- case: alter materialised view rename column
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE MATERIALIZED VIEW m AS SELECT id, b FROM t;
-- run:
ALTER MATERIALIZED VIEW m RENAME COLUMN b TO z;

-- case: drop materialised view
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE MATERIALIZED VIEW m AS SELECT id, b FROM t;
-- run:
DROP MATERIALIZED VIEW m;

-- case: refresh
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE MATERIALIZED VIEW m AS SELECT id, b FROM t;
-- run:
REFRESH MATERIALIZED VIEW m;

-- case: refresh with an index
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE MATERIALIZED VIEW m AS SELECT id, b FROM t;
CREATE INDEX i ON m (b);
-- run:
REFRESH MATERIALIZED VIEW m;

-- case: refresh with no data
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE MATERIALIZED VIEW m AS SELECT id, b FROM t;
-- run:
REFRESH MATERIALIZED VIEW m WITH NO DATA;

-- case: refresh concurrently
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE MATERIALIZED VIEW m AS SELECT id, b FROM t;
CREATE UNIQUE INDEX i ON m (id);
-- run:
REFRESH MATERIALIZED VIEW CONCURRENTLY m;

-- case: refresh concurrently without a unique index
-- refused: cannot refresh materialized view .* concurrently
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE MATERIALIZED VIEW m AS SELECT id, b FROM t;
-- run:
REFRESH MATERIALIZED VIEW CONCURRENTLY m;

-- case: refresh of a view over a view
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
CREATE MATERIALIZED VIEW m AS SELECT id FROM v;
-- run:
REFRESH MATERIALIZED VIEW m;

-- case: refresh of one that reads another
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE MATERIALIZED VIEW m AS SELECT id, b FROM t;
CREATE MATERIALIZED VIEW n AS SELECT id FROM m;
-- run:
REFRESH MATERIALIZED VIEW n;

-- case: drop a table that a view reads
-- refused: other objects depend on it
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
-- run:
DROP TABLE t;

-- case: drop a table that a view reads with cascade
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
CREATE MATERIALIZED VIEW m AS SELECT id, b FROM t;
-- run:
DROP TABLE t CASCADE;
