-- ADD COLUMN: which defaults are stored in the catalog, which rewrite, which inline constraints are checked.

-- case: plain nullable column
-- setup:
CREATE TABLE t (id int PRIMARY KEY);
INSERT INTO t SELECT generate_series(1, 5);
-- run:
ALTER TABLE t ADD COLUMN b int;

-- case: constant default
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b text NOT NULL DEFAULT 'x';

-- case: stable default now()
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b timestamptz NOT NULL DEFAULT now();

-- case: default of stable keyword functions
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b text DEFAULT current_user, ADD COLUMN c date DEFAULT CURRENT_DATE, ADD COLUMN d timestamp DEFAULT localtimestamp;

-- case: volatile default random()
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b float8 DEFAULT random();

-- case: volatile default inside a cast and an operator
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b text DEFAULT ('x' || (random() * 10)::int::text);

-- case: volatile default clock_timestamp()
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b timestamptz DEFAULT clock_timestamp();

-- case: volatile default gen_random_uuid()
-- server: 13+
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b uuid DEFAULT gen_random_uuid();

-- case: immutable user function as default
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
CREATE FUNCTION f() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
-- run:
ALTER TABLE t ADD COLUMN b int DEFAULT f();

-- case: stable user function as default
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
CREATE FUNCTION f() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
-- run:
ALTER TABLE t ADD COLUMN b int DEFAULT f();

-- case: user function without volatility as default
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;
-- run:
ALTER TABLE t ADD COLUMN b int DEFAULT f();

-- case: volatile sql function that is a constant when inlined
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
CREATE FUNCTION f() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1';
-- run:
ALTER TABLE t ADD COLUMN b int DEFAULT f();

-- case: overloaded user function, the stable one as default
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1';
CREATE FUNCTION f(a text) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
-- run:
ALTER TABLE t ADD COLUMN b int DEFAULT f('x'::text);

-- case: explicit NULL default
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int DEFAULT NULL;

-- case: nextval of an existing sequence as default
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
CREATE SEQUENCE s;
-- run:
ALTER TABLE t ADD COLUMN b bigint DEFAULT nextval('s');

-- case: serial
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b serial;

-- case: bigserial primary key
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b bigserial PRIMARY KEY;

-- case: identity
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int GENERATED ALWAYS AS IDENTITY;

-- case: generated stored
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int GENERATED ALWAYS AS (id * 2) STORED;

-- case: generated virtual
-- server: 18+
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int GENERATED ALWAYS AS (id * 2) VIRTUAL;

-- case: generated without a word for where is virtual
-- server: 18+
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int GENERATED ALWAYS AS (id * 2);

-- case: generated virtual not null
-- server: 18+
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int GENERATED ALWAYS AS (id * 2) VIRTUAL NOT NULL;

-- case: generated virtual with check
-- server: 18+
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int GENERATED ALWAYS AS (id * 2) VIRTUAL CHECK (b > 0);

-- case: unconstrained domain
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
CREATE DOMAIN d AS int;
-- run:
ALTER TABLE t ADD COLUMN b d;

-- case: unconstrained domain with a constant default of its own
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
CREATE DOMAIN d AS int DEFAULT 3;
-- run:
ALTER TABLE t ADD COLUMN b d;

-- case: unconstrained domain with a volatile default of its own
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
CREATE DOMAIN d AS float8 DEFAULT random();
-- run:
ALTER TABLE t ADD COLUMN b d;

-- case: domain with a volatile default, overridden by a constant
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
CREATE DOMAIN d AS float8 DEFAULT random();
-- run:
ALTER TABLE t ADD COLUMN b d DEFAULT 1;

-- case: checked domain without default
-- server: 12-18
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
CREATE DOMAIN d AS int CHECK (VALUE > 0);
-- run:
ALTER TABLE t ADD COLUMN b d;

-- case: checked domain with default
-- server: 12-18
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
CREATE DOMAIN d AS int CHECK (VALUE > 0);
-- run:
ALTER TABLE t ADD COLUMN b d DEFAULT 1;

-- case: checked domain below another domain
-- server: 12-18
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
CREATE DOMAIN d AS int CHECK (VALUE > 0);
CREATE DOMAIN e AS d;
-- run:
ALTER TABLE t ADD COLUMN b e;

-- case: domain with a check that is not valid
-- server: 12-18
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
CREATE DOMAIN d AS int;
ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID;
-- run:
ALTER TABLE t ADD COLUMN b d;

-- case: not null domain with default
-- server: 12-18
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
CREATE DOMAIN d AS int NOT NULL;
-- run:
ALTER TABLE t ADD COLUMN b d DEFAULT 1;

-- case: array of a checked domain
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
CREATE DOMAIN d AS int CHECK (VALUE > 0);
-- run:
ALTER TABLE t ADD COLUMN b d[];

-- case: composite with a checked domain in it
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
CREATE DOMAIN d AS int CHECK (VALUE > 0);
CREATE TYPE p AS (x d);
-- run:
ALTER TABLE t ADD COLUMN b p;

-- case: inline check without default
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int CHECK (b > 0);

-- case: inline check with constant default
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int DEFAULT 1 CHECK (b > 0);

-- case: column and check not valid in one statement
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int, ADD CONSTRAINT c CHECK (b > 0) NOT VALID;

-- case: inline unique
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int UNIQUE;

-- case: inline unique with a volatile default
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1), (2);
-- run:
ALTER TABLE t ADD COLUMN b float8 DEFAULT random() UNIQUE;

-- case: inline primary key with a constant on one row
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int DEFAULT 1 PRIMARY KEY;

-- case: inline foreign key without default
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1), (2);
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int REFERENCES p;

-- case: inline foreign key with a constant default
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1), (2);
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int DEFAULT 1 REFERENCES p;

-- case: inline foreign key with a null default
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1), (2);
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int DEFAULT NULL REFERENCES p;

-- case: inline foreign key with a volatile default
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1), (2);
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;
-- run:
ALTER TABLE t ADD COLUMN b int DEFAULT f() REFERENCES p;

-- case: not null without default on rows
-- refused: contains null values
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int NOT NULL;

-- case: column that exists, with if not exists
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN IF NOT EXISTS id int DEFAULT random();

-- case: column that exists
-- refused: already exists
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN id int;

-- case: table with dependent view
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
CREATE VIEW v AS SELECT * FROM t;
-- run:
ALTER TABLE t ADD COLUMN b int DEFAULT 4;

-- case: constant default on a partitioned table
-- setup:
CREATE TABLE t (id int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE t2 PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1), (20);
-- run:
ALTER TABLE t ADD COLUMN b int DEFAULT 4;

-- case: volatile default on a partitioned table
-- setup:
CREATE TABLE t (id int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE t2 PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1), (20);
-- run:
ALTER TABLE t ADD COLUMN b float8 DEFAULT random();

-- case: volatile default on an inheritance parent
-- setup:
CREATE TABLE t (id int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1);
INSERT INTO c VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b float8 DEFAULT random();

-- case: inheritance parent with only
-- refused: must be added to child tables too
-- setup:
CREATE TABLE t (id int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE ONLY t ADD COLUMN b int;

-- case: two columns, one of which rewrites
-- setup:
CREATE TABLE t (id int PRIMARY KEY);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int DEFAULT 1, ADD COLUMN c timestamptz DEFAULT clock_timestamp();

-- case: add column with collation and compression
-- server: 14+
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b text COMPRESSION pglz COLLATE "C" DEFAULT 'x';

-- case: foreign table
-- setup:
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER sv FOREIGN DATA WRAPPER w;
CREATE FOREIGN TABLE ft (id int) SERVER sv;
-- run:
ALTER TABLE ft ADD COLUMN b float8 DEFAULT random();

-- case: enum with a constant default
-- setup:
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
CREATE TYPE e AS ENUM ('a', 'b');
-- run:
ALTER TABLE t ADD COLUMN b e NOT NULL DEFAULT 'a';
