-- Schemas and search_path.

-- case: create
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE SCHEMA a;

-- case: create with tables
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE SCHEMA a CREATE TABLE u (id int) CREATE VIEW v AS SELECT id FROM u;

-- case: rename
-- setup:
CREATE SCHEMA a;
CREATE TABLE a.t (id serial PRIMARY KEY, b int);
INSERT INTO a.t (b) VALUES (1);
CREATE VIEW a.v AS SELECT * FROM a.t;
CREATE TABLE u (id int REFERENCES a.t);
INSERT INTO u VALUES (1);
-- run:
ALTER SCHEMA a RENAME TO b;

-- case: owner
-- setup:
CREATE SCHEMA a;
CREATE TABLE a.t (id serial PRIMARY KEY, b int);
INSERT INTO a.t (b) VALUES (1);
CREATE VIEW a.v AS SELECT * FROM a.t;
CREATE TABLE u (id int REFERENCES a.t);
INSERT INTO u VALUES (1);
-- run:
ALTER SCHEMA a OWNER TO pg_monitor;

-- case: drop that is not empty
-- refused: other objects depend on it
-- setup:
CREATE SCHEMA a;
CREATE TABLE a.t (id serial PRIMARY KEY, b int);
INSERT INTO a.t (b) VALUES (1);
CREATE VIEW a.v AS SELECT * FROM a.t;
CREATE TABLE u (id int REFERENCES a.t);
INSERT INTO u VALUES (1);
-- run:
DROP SCHEMA a;

-- case: drop that is not empty with cascade
-- setup:
CREATE SCHEMA a;
CREATE TABLE a.t (id serial PRIMARY KEY, b int);
INSERT INTO a.t (b) VALUES (1);
CREATE VIEW a.v AS SELECT * FROM a.t;
CREATE TABLE u (id int REFERENCES a.t);
INSERT INTO u VALUES (1);
-- run:
DROP SCHEMA a CASCADE;

-- case: drop that is empty
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE SCHEMA a;
-- run:
DROP SCHEMA a;

-- case: search path chooses the table
-- setup:
CREATE SCHEMA a;
CREATE TABLE a.t (id serial PRIMARY KEY, b int);
INSERT INTO a.t (b) VALUES (1);
CREATE VIEW a.v AS SELECT * FROM a.t;
CREATE TABLE u (id int REFERENCES a.t);
INSERT INTO u VALUES (1);
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
SET search_path = a, public;
-- run:
ALTER TABLE t ADD CHECK (b > 0);

-- case: search path reaches the second schema
-- setup:
CREATE SCHEMA a;
CREATE TABLE a.t (id serial PRIMARY KEY, b int);
INSERT INTO a.t (b) VALUES (1);
CREATE VIEW a.v AS SELECT * FROM a.t;
CREATE TABLE u (id int REFERENCES a.t);
INSERT INTO u VALUES (1);
SET search_path = a, public;
-- run:
ALTER TABLE u ADD COLUMN x int;

-- case: search path without the table
-- refused: does not exist
-- setup:
CREATE SCHEMA a;
CREATE TABLE a.t (id serial PRIMARY KEY, b int);
INSERT INTO a.t (b) VALUES (1);
CREATE VIEW a.v AS SELECT * FROM a.t;
CREATE TABLE u (id int REFERENCES a.t);
INSERT INTO u VALUES (1);
SET search_path = public;
-- run:
ALTER TABLE t ADD COLUMN x int;

-- case: qualified name against the search path
-- setup:
CREATE SCHEMA a;
CREATE TABLE a.t (id serial PRIMARY KEY, b int);
INSERT INTO a.t (b) VALUES (1);
CREATE VIEW a.v AS SELECT * FROM a.t;
CREATE TABLE u (id int REFERENCES a.t);
INSERT INTO u VALUES (1);
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
SET search_path = a;
-- run:
ALTER TABLE public.t ADD COLUMN x int;

-- case: temporary table in front of the schema
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TEMPORARY TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint;

-- case: function of the search path as default
-- setup:
CREATE SCHEMA a;
CREATE TABLE a.t (id serial PRIMARY KEY, b int);
INSERT INTO a.t (b) VALUES (1);
CREATE VIEW a.v AS SELECT * FROM a.t;
CREATE TABLE u (id int REFERENCES a.t);
INSERT INTO u VALUES (1);
CREATE FUNCTION a.f() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN 1; END $$;
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN 1; END $$;
SET search_path = a, public;
-- run:
ALTER TABLE u ADD COLUMN x int DEFAULT f();

-- case: quoted names with upper case and a dot
-- setup:
CREATE SCHEMA "A b";
CREATE TABLE "A b"."T.t" ("Id" int);
INSERT INTO "A b"."T.t" VALUES (1);
-- run:
ALTER TABLE "A b"."T.t" ALTER "Id" TYPE bigint;

-- case: table set schema with a view on it
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
CREATE SCHEMA a;
-- run:
ALTER TABLE t SET SCHEMA a;

-- case: function set schema
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a';
CREATE SCHEMA a;
-- run:
ALTER FUNCTION f(int) SET SCHEMA a;
