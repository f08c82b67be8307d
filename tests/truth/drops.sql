-- DROP TABLE and the like.

-- case: table
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
DROP TABLE t;

-- case: table if exists of a missing one
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
DROP TABLE IF EXISTS nope;

-- case: two tables
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
-- run:
DROP TABLE t, x;

-- case: referencing table locks the referenced one
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1), (2);
CREATE TABLE t (id int, b int REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
DROP TABLE t;

-- case: referenced table
-- refused: other objects depend on it
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1), (2);
CREATE TABLE t (id int, b int REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
DROP TABLE p;

-- case: referenced table with cascade
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1), (2);
CREATE TABLE t (id int, b int REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
DROP TABLE p CASCADE;

-- case: both tables of a foreign key
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1), (2);
CREATE TABLE t (id int, b int REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
DROP TABLE p, t;

-- case: table with a serial
-- setup:
CREATE TABLE t (id serial);
INSERT INTO t VALUES (1);
-- run:
DROP TABLE t;

-- case: table whose sequence another table uses with cascade
-- setup:
CREATE TABLE t (id serial);
INSERT INTO t VALUES (1);
CREATE TABLE u (id int DEFAULT nextval('t_id_seq'));
INSERT INTO u VALUES (1);
-- run:
DROP TABLE t CASCADE;

-- case: table that a parsed function body reads with cascade
-- server: 14+
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM t; END;
-- run:
DROP TABLE t CASCADE;

-- case: table that a function body reads
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM t';
-- run:
DROP TABLE t;

-- case: table whose row type is a column elsewhere
-- refused: other objects depend on it
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE u (x t);
INSERT INTO u VALUES (NULL);
-- run:
DROP TABLE t;

-- case: table whose row type is a column elsewhere with cascade
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE u (x t);
INSERT INTO u VALUES (NULL);
-- run:
DROP TABLE t CASCADE;

-- case: table that the policy of another reads with cascade
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
CREATE POLICY p ON t USING (b IN (SELECT x.b FROM x));
-- run:
DROP TABLE x CASCADE;

-- case: table that the rule of another writes with cascade
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
CREATE RULE r AS ON INSERT TO t DO ALSO INSERT INTO x VALUES (NEW.id, NEW.b);
-- run:
DROP TABLE x CASCADE;

-- case: table in a publication
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE PUBLICATION pub FOR TABLE t;
-- run:
DROP TABLE t;

-- case: statistics
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE STATISTICS st ON id, b FROM t;
-- run:
DROP STATISTICS st;

-- case: temporary table
-- setup:
CREATE TEMPORARY TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
DROP TABLE t;

-- case: foreign table
-- setup:
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER sv FOREIGN DATA WRAPPER w;
CREATE FOREIGN TABLE ft (id int) SERVER sv;
-- run:
DROP FOREIGN TABLE ft;

-- case: server with cascade
-- setup:
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER sv FOREIGN DATA WRAPPER w;
CREATE FOREIGN TABLE ft (id int) SERVER sv;
-- run:
DROP SERVER sv CASCADE;

-- case: owned by a role without anything
-- setup:
DROP ROLE IF EXISTS truth_owner;
CREATE ROLE truth_owner;
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
DROP OWNED BY truth_owner;

-- case: owned by a role with a table
-- setup:
DROP ROLE IF EXISTS truth_owner;
CREATE ROLE truth_owner;
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
ALTER TABLE t OWNER TO truth_owner;
-- run:
DROP OWNED BY truth_owner;

-- case: reassign owned
-- setup:
DROP ROLE IF EXISTS truth_owner;
CREATE ROLE truth_owner;
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
ALTER TABLE t OWNER TO truth_owner;
-- run:
REASSIGN OWNED BY truth_owner TO CURRENT_USER;

-- case: collation used by a column with cascade
-- setup:
CREATE COLLATION coll FROM "C";
CREATE TABLE t (id int, b text COLLATE coll);
INSERT INTO t VALUES (1, 'x');
-- run:
DROP COLLATION coll CASCADE;

-- case: operator class used by an index with cascade
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE OPERATOR CLASS oc FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int);
CREATE INDEX i ON t (b oc);
-- run:
DROP OPERATOR CLASS oc USING btree CASCADE;
