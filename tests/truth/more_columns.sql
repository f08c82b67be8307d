-- ADD COLUMN, DROP COLUMN, defaults: odd spellings, odd functions, odd orders.

-- case: default that is a cast of a stable function
-- setup:
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b date DEFAULT (now() AT TIME ZONE 'UTC')::date;

-- case: default array constructor
-- setup:
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b text[] NOT NULL DEFAULT ARRAY['x', 'y']::text[];

-- case: default array with a volatile member
-- setup:
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b float8[] DEFAULT ARRAY[1, random()];

-- case: default row constructor of a composite
-- setup:
CREATE TYPE pair AS (x int, y text);
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b pair DEFAULT ROW(1, 'one')::pair;

-- case: default row constructor with a volatile field
-- setup:
CREATE TYPE pair AS (x float8, y text);
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b pair DEFAULT ROW(random(), 'one')::pair;

-- case: default CASE, steady
-- setup:
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b text DEFAULT CASE WHEN current_user = 'postgres' THEN 'p' ELSE 'q' END;

-- case: default CASE with a volatile branch
-- setup:
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b text DEFAULT CASE WHEN current_user = 'postgres' THEN 'p' ELSE timeofday() END;

-- case: default COALESCE with nextval deep inside
-- setup:
CREATE SEQUENCE numbers;
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b text DEFAULT COALESCE(NULL, 'n' || lpad(nextval('numbers')::text, 8, '0'));

-- case: default GREATEST and LEAST of constants
-- setup:
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int DEFAULT GREATEST(1, LEAST(2, 3));

-- case: default NULLIF of a volatile
-- setup:
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b timestamptz DEFAULT NULLIF(clock_timestamp(), 'epoch');

-- case: function with named arguments
-- setup:
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b interval DEFAULT make_interval(days => 3, hours => 4);

-- case: own function with default arguments, none given
-- setup:
CREATE FUNCTION code(prefix text DEFAULT 'x', size int DEFAULT 3) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN prefix; END $$;
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b text DEFAULT code();

-- case: own function with default arguments, one named
-- setup:
CREATE FUNCTION code(prefix text DEFAULT 'x', size int DEFAULT 3) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN prefix; END $$;
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b text DEFAULT code(size => 5);

-- case: own variadic function, stable
-- setup:
CREATE FUNCTION glue(VARIADIC parts text[]) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN array_to_string(parts, '-'); END $$;
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b text DEFAULT glue('a', 'b', 'c');

-- case: own variadic function, volatile
-- setup:
CREATE FUNCTION glue(VARIADIC parts text[]) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN array_to_string(parts, '-'); END $$;
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b text DEFAULT glue('a', 'b', 'c');

-- case: overloaded by the number of arguments, the stable one meant
-- setup:
CREATE FUNCTION pick() RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN 1; END $$;
CREATE FUNCTION pick(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN n; END $$;
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int DEFAULT pick(7);

-- case: overloaded by the number of arguments, the volatile one meant
-- setup:
CREATE FUNCTION pick() RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN 1; END $$;
CREATE FUNCTION pick(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN n; END $$;
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int DEFAULT pick();

-- case: standard body that returns a constant
-- server: 14+
-- setup:
CREATE FUNCTION seven() RETURNS int LANGUAGE sql IMMUTABLE RETURN 7;
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int DEFAULT seven();

-- case: standard body without volatility
-- server: 14+
-- setup:
CREATE FUNCTION seven() RETURNS int LANGUAGE sql RETURN 7;
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int DEFAULT seven();

-- case: function replaced by a volatile one
-- setup:
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN 1; END $$;
CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 2; END $$;
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int DEFAULT f();

-- case: function altered to stable, then renamed and moved
-- setup:
CREATE SCHEMA util;
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;
ALTER FUNCTION f() STABLE;
ALTER FUNCTION f() RENAME TO g;
ALTER FUNCTION g() SET SCHEMA util;
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b int DEFAULT util.g();

-- case: function of pgcrypto
-- setup:
CREATE EXTENSION pgcrypto;
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN salt text DEFAULT gen_salt('bf');

-- case: steady function of pgcrypto
-- setup:
CREATE EXTENSION pgcrypto;
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN sum bytea DEFAULT digest('x', 'sha256');

-- case: citext with a default
-- setup:
CREATE EXTENSION citext;
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN mail citext NOT NULL DEFAULT 'Nobody'::citext;

-- case: default is a quoted function of mixed case
-- setup:
CREATE FUNCTION "Next Code"() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'x'; END $$;
CREATE TABLE "Order" (a int);
INSERT INTO "Order" VALUES (1);
-- run:
ALTER TABLE "Order" ADD COLUMN "Größe" text DEFAULT "Next Code"();

-- case: domain over a domain with a volatile default below
-- setup:
CREATE DOMAIN d1 AS text DEFAULT timeofday();
CREATE DOMAIN d2 AS d1;
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b d2;

-- case: domain over a domain with defaults on both
-- setup:
CREATE DOMAIN d1 AS text DEFAULT timeofday();
CREATE DOMAIN d2 AS d1 DEFAULT 'x';
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b d2;

-- case: domain over an array, with a check
-- setup:
CREATE DOMAIN d1 AS int[] CHECK (array_length(VALUE, 1) < 9);
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b d1;

-- case: domain whose check was dropped
-- setup:
CREATE DOMAIN d1 AS int CONSTRAINT small CHECK (VALUE < 9);
ALTER DOMAIN d1 DROP CONSTRAINT small;
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b d1 DEFAULT 3;

-- case: domain that got a check later
-- setup:
CREATE DOMAIN d1 AS int;
ALTER DOMAIN d1 ADD CONSTRAINT small CHECK (VALUE < 9);
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b d1 DEFAULT 3;

-- case: domain that was renamed and moved
-- setup:
CREATE SCHEMA other;
CREATE DOMAIN d1 AS int CHECK (VALUE < 9);
ALTER DOMAIN d1 RENAME TO d2;
ALTER DOMAIN d2 SET SCHEMA other;
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b other.d2 DEFAULT 3;

-- case: domain with a default set to volatile later
-- setup:
CREATE DOMAIN d1 AS float8 DEFAULT 1;
ALTER DOMAIN d1 SET DEFAULT random();
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b d1;

-- case: domain with a default dropped later
-- setup:
CREATE DOMAIN d1 AS float8 DEFAULT random();
ALTER DOMAIN d1 DROP DEFAULT;
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b d1;

-- case: domain not null dropped later
-- setup:
CREATE DOMAIN d1 AS float8 NOT NULL;
ALTER DOMAIN d1 DROP NOT NULL;
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN b d1;

-- case: smallserial
-- setup:
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD b smallserial;

-- case: identity by default with options
-- setup:
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD b bigint GENERATED BY DEFAULT AS IDENTITY (START WITH 100 INCREMENT BY 5);

-- case: stored generated from two others
-- setup:
CREATE TABLE t (a int, b text COLLATE "C");
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ADD c text GENERATED ALWAYS AS (b || CAST(a AS text)) STORED;

-- case: not null, then default, and a column that is not there until a later pass
-- refused: does not exist
-- setup:
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ALTER a SET NOT NULL, ALTER a SET DEFAULT 5, ADD b int NOT NULL DEFAULT 1, ALTER b DROP DEFAULT;

-- case: column added behind a drop of the same name, written first
-- setup:
CREATE TABLE t (a int, b text);
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ADD COLUMN b int DEFAULT 7, DROP COLUMN b;

-- case: index on the expression of a column added in the same statement is not there yet
-- setup:
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD CONSTRAINT u UNIQUE (b), ADD COLUMN b int;

-- case: check written before the column that it speaks of
-- setup:
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD CONSTRAINT c CHECK (b > a) NOT VALID, ADD COLUMN b int;

-- case: foreign key inline with a null default and a check beside
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD COLUMN p_id int REFERENCES p ON DELETE SET NULL, ADD CHECK (a > 0) NOT VALID;

-- case: three levels of inheritance, a default
-- setup:
CREATE TABLE a (x int);
CREATE TABLE b (y int) INHERITS (a);
CREATE TABLE c (z int) INHERITS (b);
INSERT INTO c VALUES (1, 2, 3);
-- run:
ALTER TABLE a ADD COLUMN n text DEFAULT 'x';

-- case: three levels of inheritance, the child has the column
-- setup:
CREATE TABLE a (x int);
CREATE TABLE b (y int, n text) INHERITS (a);
CREATE TABLE c (z int) INHERITS (b);
INSERT INTO c VALUES (1, 2, 'n', 3);
-- run:
ALTER TABLE a ADD COLUMN n text DEFAULT timeofday();

-- case: two parents, one child, volatile
-- setup:
CREATE TABLE a (x int);
CREATE TABLE b (y int);
CREATE TABLE c (z int) INHERITS (a, b);
INSERT INTO a VALUES (1);
INSERT INTO b VALUES (1);
INSERT INTO c VALUES (1, 2, 3);
-- run:
ALTER TABLE b ADD COLUMN n float8 DEFAULT random();

-- case: drop a column of a multi-level parent with an index on a grandchild
-- setup:
CREATE TABLE a (x int, k int);
CREATE TABLE b () INHERITS (a);
CREATE TABLE c () INHERITS (b);
CREATE INDEX c_k ON c (k);
INSERT INTO c VALUES (1, 2);
-- run:
ALTER TABLE a DROP COLUMN k;

-- case: drop a column that a multi-column constraint speaks of
-- setup:
CREATE TABLE t (a int, b int, c int, UNIQUE (a, b), CHECK (b < c));
INSERT INTO t VALUES (1, 2, 3);
-- run:
ALTER TABLE t DROP COLUMN b;

-- case: drop a column that a composite foreign key refers to, with cascade
-- setup:
CREATE TABLE p (a int, b int, PRIMARY KEY (a, b));
CREATE TABLE t (x int, y int, FOREIGN KEY (x, y) REFERENCES p);
INSERT INTO p VALUES (1, 2);
INSERT INTO t VALUES (1, 2);
-- run:
ALTER TABLE p DROP COLUMN b CASCADE;

-- case: drop a column of two levels of views with cascade
-- setup:
CREATE TABLE t (a int, b int);
CREATE VIEW v AS SELECT a, b FROM t;
CREATE MATERIALIZED VIEW m AS SELECT b FROM v;
CREATE VIEW w AS SELECT b AS c FROM m;
-- run:
ALTER TABLE t DROP COLUMN b CASCADE;

-- case: drop a column that a generated one is made of, with cascade
-- setup:
CREATE TABLE t (a int, b int, c int GENERATED ALWAYS AS (a + b) STORED);
INSERT INTO t VALUES (1, 2);
-- run:
ALTER TABLE t DROP COLUMN b CASCADE;

-- case: drop a column that a generated one is made of
-- refused: because other objects depend
-- setup:
CREATE TABLE t (a int, b int, c int GENERATED ALWAYS AS (a + b) STORED);
INSERT INTO t VALUES (1, 2);
-- run:
ALTER TABLE t DROP b;

-- case: set default to a sequence of another schema
-- setup:
CREATE SCHEMA s;
CREATE SEQUENCE s.q;
CREATE TABLE t (a int);
-- run:
ALTER TABLE t ALTER COLUMN a SET DEFAULT nextval('s.q'::regclass);

-- case: comment and odd spacing within the statement
-- setup:
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER /* of t */ TABLE
  t -- the table
  ADD /* a /* nested */ one */ COLUMN b int
  DEFAULT 1;

-- case: unicode escapes in the name
-- setup:
CREATE TABLE "dané" (a int);
INSERT INTO "dané" VALUES (1);
-- run:
ALTER TABLE U&"dan\00E9" ADD COLUMN b int DEFAULT 1;

-- case: timestamp default of a keyword with precision
-- setup:
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD b timestamp(0) NOT NULL DEFAULT LOCALTIMESTAMP(0);

-- case: default with an operator that is a volatile function
-- setup:
CREATE FUNCTION noisy(int, int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN $1 + $2; END $$;
CREATE OPERATOR ## (FUNCTION = noisy, LEFTARG = int, RIGHTARG = int);
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD b int DEFAULT 1 ## 2;

-- case: default with an own operator that is immutable
-- setup:
CREATE FUNCTION quiet(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $1 + $2; END $$;
CREATE OPERATOR ## (FUNCTION = quiet, LEFTARG = int, RIGHTARG = int);
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD b int DEFAULT 1 ## 2;

-- case: default with an own operator that shares a symbol
-- setup:
CREATE FUNCTION noisy(int, text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN $1; END $$;
CREATE OPERATOR + (FUNCTION = noisy, LEFTARG = int, RIGHTARG = text);
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD b int DEFAULT 1 + '2'::text;

-- case: default with an operator of an extension
-- setup:
CREATE EXTENSION hstore;
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD b hstore DEFAULT 'a=>1'::hstore || 'b=>2'::hstore;

-- case: default with an operator of PostgreSQL beside an extension that has it too
-- setup:
CREATE EXTENSION hstore;
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD b text DEFAULT 'a' || 'b';

-- case: default of the text of a xml
-- setup:
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD b jsonb NOT NULL DEFAULT jsonb_build_object('a', 1, 'at', now());

-- case: default of a set of sessions
-- setup:
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD b text DEFAULT current_setting('app.tenant', true), ADD c inet DEFAULT inet_client_addr(), ADD d xid8 DEFAULT pg_current_xact_id();

-- case: default of setseed and txid in a deep cast
-- setup:
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD b text DEFAULT ((round((random() * 9)::numeric))::int)::text;

-- case: default from a statement timestamp
-- setup:
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD b timestamptz DEFAULT date_trunc('hour', statement_timestamp()) + interval '1 hour';

-- case: uuid of version 7
-- server: 18+
-- setup:
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ADD b uuid DEFAULT uuidv7();
