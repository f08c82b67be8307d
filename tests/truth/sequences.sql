-- Sequences.

-- case: create
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE SEQUENCE s;

-- case: create owned by a column
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE SEQUENCE s OWNED BY t.b;

-- case: alter increment
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE SEQUENCE s;
-- run:
ALTER SEQUENCE s INCREMENT 5;

-- case: alter restart
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE SEQUENCE s;
-- run:
ALTER SEQUENCE s RESTART WITH 5;

-- case: alter type
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE SEQUENCE s;
-- run:
ALTER SEQUENCE s AS smallint;

-- case: alter owned by
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE SEQUENCE s;
-- run:
ALTER SEQUENCE s OWNED BY t.b;

-- case: alter owned by none
-- setup:
CREATE TABLE t (id serial);
INSERT INTO t VALUES (1);
-- run:
ALTER SEQUENCE t_id_seq OWNED BY NONE;

-- case: alter rename
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE SEQUENCE s;
-- run:
ALTER SEQUENCE s RENAME TO r;

-- case: alter set schema
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE SEQUENCE s;
CREATE SCHEMA other;
-- run:
ALTER SEQUENCE s SET SCHEMA other;

-- case: alter owner
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE SEQUENCE s;
-- run:
ALTER SEQUENCE s OWNER TO pg_monitor;

-- case: alter set unlogged
-- server: 15+
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE SEQUENCE s;
-- run:
ALTER SEQUENCE s SET UNLOGGED;

-- case: alter the sequence of an identity column
-- setup:
CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY);
INSERT INTO t DEFAULT VALUES;
-- run:
ALTER SEQUENCE t_id_seq INCREMENT 2;

-- case: rename the sequence of a serial column
-- setup:
CREATE TABLE t (id serial);
INSERT INTO t VALUES (1);
-- run:
ALTER SEQUENCE t_id_seq RENAME TO r;

-- case: drop
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE SEQUENCE s;
-- run:
DROP SEQUENCE s;

-- case: drop that of a default
-- refused: other objects depend on it
-- setup:
CREATE TABLE t (id serial);
INSERT INTO t VALUES (1);
-- run:
DROP SEQUENCE t_id_seq;

-- case: drop that of a default with cascade
-- setup:
CREATE TABLE t (id serial);
INSERT INTO t VALUES (1);
-- run:
DROP SEQUENCE t_id_seq CASCADE;

-- case: drop a sequence that two tables default to with cascade
-- setup:
CREATE SEQUENCE s;
CREATE TABLE t (id int DEFAULT nextval('s'));
CREATE TABLE u (id int DEFAULT nextval('s'));
INSERT INTO t VALUES (1);
INSERT INTO u VALUES (1);
-- run:
DROP SEQUENCE s CASCADE;

-- case: drop that of an identity column
-- refused: requires it|cannot drop sequence
-- setup:
CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY);
INSERT INTO t DEFAULT VALUES;
-- run:
DROP SEQUENCE t_id_seq;

-- case: setval
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE SEQUENCE s;
-- run:
SELECT setval('s', 100);

-- case: setval by a query
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE SEQUENCE s;
-- run:
SELECT setval('s', (SELECT max(id) FROM t));

-- case: nextval
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE SEQUENCE s;
-- run:
SELECT nextval('s');

-- case: alter if exists of a missing one
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
ALTER SEQUENCE IF EXISTS nope INCREMENT 5;
