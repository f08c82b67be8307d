-- Enums, composite and range types.

-- case: add value
-- setup:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (id int, b e);
INSERT INTO t VALUES (1, 'a');
-- run:
ALTER TYPE e ADD VALUE 'c';

-- case: add value before another
-- setup:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (id int, b e);
INSERT INTO t VALUES (1, 'a');
-- run:
ALTER TYPE e ADD VALUE 'c' BEFORE 'a';

-- case: add value if not exists
-- setup:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (id int, b e);
INSERT INTO t VALUES (1, 'a');
-- run:
ALTER TYPE e ADD VALUE IF NOT EXISTS 'a';

-- case: rename value
-- setup:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (id int, b e);
INSERT INTO t VALUES (1, 'a');
-- run:
ALTER TYPE e RENAME VALUE 'a' TO 'z';

-- case: rename type
-- setup:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (id int, b e);
INSERT INTO t VALUES (1, 'a');
-- run:
ALTER TYPE e RENAME TO e2;

-- case: set schema of a type
-- setup:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (id int, b e);
INSERT INTO t VALUES (1, 'a');
CREATE SCHEMA other;
-- run:
ALTER TYPE e SET SCHEMA other;

-- case: owner of a type
-- setup:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (id int, b e);
INSERT INTO t VALUES (1, 'a');
-- run:
ALTER TYPE e OWNER TO pg_monitor;

-- case: create enum
-- setup:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (id int, b e);
INSERT INTO t VALUES (1, 'a');
-- run:
CREATE TYPE e2 AS ENUM ('a');

-- case: create composite
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE TYPE c2 AS (a t);

-- case: create range
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE TYPE r AS RANGE (subtype = float8);

-- case: drop enum
-- refused: other objects depend on it
-- setup:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (id int, b e);
INSERT INTO t VALUES (1, 'a');
-- run:
DROP TYPE e;

-- case: drop enum with cascade
-- setup:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (id int, b e);
INSERT INTO t VALUES (1, 'a');
-- run:
DROP TYPE e CASCADE;

-- case: drop an unused type
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TYPE u AS ENUM ('a');
-- run:
DROP TYPE u;

-- case: composite add attribute, used by a table
-- setup:
CREATE TYPE ct AS (x int, y text);
CREATE TABLE t (id int, b ct);
INSERT INTO t VALUES (1, ROW(1, 'x'));
-- run:
ALTER TYPE ct ADD ATTRIBUTE z int;

-- case: composite drop attribute, used by a table
-- setup:
CREATE TYPE ct AS (x int, y text);
CREATE TABLE t (id int, b ct);
INSERT INTO t VALUES (1, ROW(1, 'x'));
-- run:
ALTER TYPE ct DROP ATTRIBUTE y;

-- case: composite rename attribute, used by a table
-- setup:
CREATE TYPE ct AS (x int, y text);
CREATE TABLE t (id int, b ct);
INSERT INTO t VALUES (1, ROW(1, 'x'));
-- run:
ALTER TYPE ct RENAME ATTRIBUTE y TO z;

-- case: composite alter attribute type, used by a table
-- refused: because column .* uses it
-- setup:
CREATE TYPE ct AS (x int, y text);
CREATE TABLE t (id int, b ct);
INSERT INTO t VALUES (1, ROW(1, 'x'));
-- run:
ALTER TYPE ct ALTER ATTRIBUTE x TYPE bigint;

-- case: composite alter attribute type, unused
-- setup:
CREATE TYPE ct AS (x int, y text);
-- run:
ALTER TYPE ct ALTER ATTRIBUTE x TYPE bigint;

-- case: typed table, add attribute without cascade
-- refused: is the type of a typed table
-- setup:
CREATE TYPE ct AS (x int, y text);
CREATE TABLE t OF ct;
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TYPE ct ADD ATTRIBUTE z int;

-- case: typed table, add attribute with cascade
-- setup:
CREATE TYPE ct AS (x int, y text);
CREATE TABLE t OF ct;
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TYPE ct ADD ATTRIBUTE z int CASCADE;

-- case: typed table, alter attribute type with cascade
-- setup:
CREATE TYPE ct AS (x int, y text);
CREATE TABLE t OF ct;
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TYPE ct ALTER ATTRIBUTE x TYPE bigint CASCADE;

-- case: typed table, alter attribute to a binary coercible type with cascade
-- setup:
CREATE TYPE ct AS (x int, y text);
CREATE TABLE t OF ct;
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TYPE ct ALTER ATTRIBUTE y TYPE varchar CASCADE;

-- case: typed table, drop attribute with cascade
-- setup:
CREATE TYPE ct AS (x int, y text);
CREATE TABLE t OF ct;
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TYPE ct DROP ATTRIBUTE y CASCADE;

-- case: typed table, rename attribute with cascade
-- setup:
CREATE TYPE ct AS (x int, y text);
CREATE TABLE t OF ct;
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TYPE ct RENAME ATTRIBUTE y TO z CASCADE;

-- case: drop type of a typed table
-- refused: other objects depend on it
-- setup:
CREATE TYPE ct AS (x int, y text);
CREATE TABLE t OF ct;
INSERT INTO t VALUES (1, 'x');
-- run:
DROP TYPE ct;

-- case: drop type of a typed table with cascade
-- setup:
CREATE TYPE ct AS (x int, y text);
CREATE TABLE t OF ct;
INSERT INTO t VALUES (1, 'x');
-- run:
DROP TYPE ct CASCADE;

-- case: drop composite with cascade drops the column
-- setup:
CREATE TYPE ct AS (x int, y text);
CREATE TABLE t (id int, b ct);
INSERT INTO t VALUES (1, ROW(1, 'x'));
-- run:
DROP TYPE ct CASCADE;

-- case: enum label as a new default
-- setup:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (id int, b e);
INSERT INTO t VALUES (1, 'a');
-- run:
ALTER TABLE t ALTER COLUMN b SET DEFAULT 'b';

-- case: rename a table's row type as a type
-- refused: is a table's row type
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
ALTER TYPE t RENAME TO u;

-- case: create cast
-- refused: enum data types are not binary-compatible
-- setup:
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TABLE t (id int, b e);
INSERT INTO t VALUES (1, 'a');
-- run:
CREATE CAST (e AS int) WITHOUT FUNCTION;
