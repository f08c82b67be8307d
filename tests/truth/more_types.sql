-- ALTER COLUMN TYPE: beyond the single pairs of alter_type.

-- case: varchar wider, multi-column index with include
-- setup:
CREATE TABLE t (a int, b varchar(5), c text);
CREATE UNIQUE INDEX t_ab ON t (a, b) INCLUDE (c);
INSERT INTO t VALUES (1, 'x', 'y');
-- run:
ALTER TABLE t ALTER b TYPE varchar(9);

-- case: int to bigint, included column
-- setup:
CREATE TABLE t (a int, b int);
CREATE INDEX t_a ON t (a) INCLUDE (b);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER b SET DATA TYPE bigint;

-- case: text to varchar, multi-column index with another opclass
-- setup:
CREATE TABLE t (a text, b text);
CREATE INDEX t_ab ON t (a text_pattern_ops, b);
INSERT INTO t VALUES ('1', '1');
-- run:
ALTER TABLE t ALTER b TYPE varchar;

-- case: type with a default and a USING
-- setup:
CREATE TABLE t (a text DEFAULT '1');
INSERT INTO t VALUES ('1');
-- run:
ALTER TABLE t ALTER a DROP DEFAULT, ALTER a TYPE int USING a::int, ALTER a SET DEFAULT 1;

-- case: type and default written in the wrong order
-- setup:
CREATE TABLE t (a text DEFAULT 'x');
INSERT INTO t VALUES ('1');
-- run:
ALTER TABLE t ALTER a SET DEFAULT 1, ALTER a TYPE int USING CAST(a AS int), ALTER a DROP DEFAULT;

-- case: varchar to text, USING with parentheses and the qualified name
-- setup:
CREATE TABLE t (a varchar(5));
INSERT INTO t VALUES ('1');
-- run:
ALTER TABLE t ALTER a TYPE text USING ((t.a)::text);

-- case: varchar to text, USING by function-style cast
-- setup:
CREATE TABLE t (a varchar(5));
INSERT INTO t VALUES ('1');
-- run:
ALTER TABLE t ALTER a TYPE text USING text(a);

-- case: int to int USING an arithmetic identity
-- setup:
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ALTER a TYPE int USING a + 0;

-- case: varchar to text, USING a double cast over varchar
-- setup:
CREATE TABLE t (a varchar(5));
INSERT INTO t VALUES ('1');
-- run:
ALTER TABLE t ALTER a TYPE text USING a::varchar::text;

-- case: varchar to text, USING a COLLATE
-- setup:
CREATE TABLE t (a varchar(5));
INSERT INTO t VALUES ('1');
-- run:
ALTER TABLE t ALTER a TYPE text USING a COLLATE "C";

-- case: varchar to text, USING COALESCE
-- setup:
CREATE TABLE t (a varchar(5));
INSERT INTO t VALUES ('1');
-- run:
ALTER TABLE t ALTER a TYPE text USING COALESCE(a, '');

-- case: quoted column of mixed case, varchar wider
-- setup:
CREATE TABLE "T x" ("Name" varchar(5));
CREATE INDEX "I" ON "T x" ("Name");
INSERT INTO "T x" VALUES ('1');
-- run:
ALTER TABLE "T x" ALTER "Name" TYPE varchar(50) USING "Name";

-- case: decimal spelled otherwise
-- setup:
CREATE TABLE t (a decimal(10, 2));
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ALTER a TYPE numeric(12,2);

-- case: numeric with only a precision to a larger scale
-- setup:
CREATE TABLE t (a numeric(10));
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ALTER a TYPE numeric(12, 2);

-- case: character varying spelled out, without a limit
-- setup:
CREATE TABLE t (a character varying(10) NOT NULL);
INSERT INTO t VALUES ('1');
-- run:
ALTER TABLE t ALTER a TYPE character varying;

-- case: int4 to integer is the same
-- setup:
CREATE TABLE t (a int4, b timestamp without time zone, c bool, d float8);
CREATE INDEX t_a ON t (a);
INSERT INTO t VALUES (1, now(), true, 1);
-- run:
ALTER TABLE t ALTER a TYPE integer, ALTER b TYPE timestamp, ALTER c TYPE boolean, ALTER d TYPE double precision;

-- case: float with a precision
-- setup:
CREATE TABLE t (a float(20), b float(40));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER a TYPE real, ALTER b TYPE double precision;

-- case: bpchar to char(1) is not free
-- setup:
CREATE TABLE t (a bpchar);
INSERT INTO t VALUES ('1');
-- run:
ALTER TABLE t ALTER a TYPE char;

-- case: char to char(1)
-- setup:
CREATE TABLE t (a char);
INSERT INTO t VALUES ('1');
-- run:
ALTER TABLE t ALTER a TYPE char(1);

-- case: internal char to text
-- setup:
CREATE TABLE t (a "char");
INSERT INTO t VALUES ('1');
-- run:
ALTER TABLE t ALTER a TYPE text;

-- case: varchar array to unlimited
-- setup:
CREATE TABLE t (a varchar(5)[]);
INSERT INTO t VALUES ('{1}');
-- run:
ALTER TABLE t ALTER a TYPE varchar[];

-- case: array of one dimension to two
-- setup:
CREATE TABLE t (a int[]);
INSERT INTO t VALUES ('{1}');
-- run:
ALTER TABLE t ALTER a TYPE int[][];

-- case: array of a domain to array of its base
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (a d[]);
INSERT INTO t VALUES ('{1}');
-- run:
ALTER TABLE t ALTER a TYPE int[];

-- case: domain over a domain to its base
-- setup:
CREATE DOMAIN d1 AS varchar(10);
CREATE DOMAIN d2 AS d1 CHECK (VALUE <> '');
CREATE TABLE t (a d2);
INSERT INTO t VALUES ('1');
-- run:
ALTER TABLE t ALTER a TYPE varchar(10);

-- case: domain over a domain to the one below
-- setup:
CREATE DOMAIN d1 AS text CHECK (VALUE <> '');
CREATE DOMAIN d2 AS d1;
CREATE TABLE t (a d2);
INSERT INTO t VALUES ('1');
-- run:
ALTER TABLE t ALTER a TYPE d1;

-- case: text to an unconstrained domain over a domain
-- setup:
CREATE DOMAIN d1 AS text;
CREATE DOMAIN d2 AS d1;
CREATE TABLE t (a text);
CREATE INDEX t_a ON t (a);
INSERT INTO t VALUES ('1');
-- run:
ALTER TABLE t ALTER a TYPE d2;

-- case: varchar to an unconstrained domain of text
-- setup:
CREATE DOMAIN d1 AS text;
CREATE TABLE t (a varchar(4) UNIQUE);
INSERT INTO t VALUES ('1');
-- run:
ALTER TABLE t ALTER a TYPE d1;

-- case: domain over an array to the array
-- setup:
CREATE DOMAIN d1 AS int[];
CREATE TABLE t (a d1);
INSERT INTO t VALUES ('{1}');
-- run:
ALTER TABLE t ALTER a TYPE int[];

-- case: citext to text
-- setup:
CREATE EXTENSION citext;
CREATE TABLE t (a citext);
CREATE INDEX t_a ON t (a);
INSERT INTO t VALUES ('1');
-- run:
ALTER TABLE t ALTER a TYPE text;

-- case: varchar with a limit to citext
-- setup:
CREATE EXTENSION citext;
CREATE TABLE t (a varchar(10));
CREATE INDEX t_a ON t (a);
INSERT INTO t VALUES ('1');
-- run:
ALTER TABLE t ALTER a TYPE citext;

-- case: own binary coercible cast
-- setup:
CREATE TYPE e1 AS ENUM ('a', 'b');
CREATE TYPE e2 AS ENUM ('a', 'b');
CREATE TABLE t (a e1);
INSERT INTO t VALUES ('a');
-- run:
ALTER TABLE t ALTER a TYPE e2 USING a::text::e2;

-- case: enum replaced, default dropped and set
-- setup:
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE t (m mood NOT NULL DEFAULT 'ok');
CREATE INDEX t_m ON t (m);
INSERT INTO t VALUES ('sad');
ALTER TYPE mood RENAME TO mood_old;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
ALTER TABLE t ALTER COLUMN m DROP DEFAULT;
-- run:
ALTER TABLE t ALTER COLUMN m TYPE mood USING m::text::mood, ALTER COLUMN m SET DEFAULT 'happy';

-- case: partial unique index over the column, varchar wider
-- setup:
CREATE TABLE t (a varchar(5), b bool);
CREATE UNIQUE INDEX t_a ON t (a) WHERE b;
INSERT INTO t VALUES ('1', true);
-- run:
ALTER TABLE t ALTER a TYPE varchar(10);

-- case: index with nulls not distinct, varchar to text
-- server: 15+
-- setup:
CREATE TABLE t (a varchar(5), b int, UNIQUE NULLS NOT DISTINCT (a, b));
INSERT INTO t VALUES ('1', 1);
-- run:
ALTER TABLE t ALTER a TYPE text;

-- case: descending index with nulls first, varchar to text
-- setup:
CREATE TABLE t (a varchar(5), b int);
CREATE INDEX ON t (a DESC NULLS FIRST, b);
INSERT INTO t VALUES ('1', 1);
-- run:
ALTER TABLE t ALTER a TYPE text;

-- case: index with a collation of its own, varchar to text
-- setup:
CREATE TABLE t (a varchar(5), b int);
CREATE INDEX ON t (a COLLATE "C");
INSERT INTO t VALUES ('1', 1);
-- run:
ALTER TABLE t ALTER a TYPE text;

-- case: varchar to text with a collation in the same breath
-- setup:
CREATE TABLE t (a varchar(5) COLLATE "C");
CREATE INDEX ON t (a);
INSERT INTO t VALUES ('1');
-- run:
ALTER TABLE t ALTER a TYPE text COLLATE "C";

-- case: varchar to text loses its collation
-- setup:
CREATE TABLE t (a varchar(5) COLLATE "C");
CREATE INDEX ON t (a);
INSERT INTO t VALUES ('1');
-- run:
ALTER TABLE t ALTER a TYPE text;

-- case: gin index over an array, varchar to text arrays
-- setup:
CREATE TABLE t (a varchar[]);
CREATE INDEX t_a ON t USING gin (a);
INSERT INTO t VALUES ('{1}');
-- run:
ALTER TABLE t ALTER a TYPE text[];

-- case: exclusion constraint over the column, int to bigint
-- setup:
CREATE TABLE t (a int4range, EXCLUDE USING gist (a WITH &&));
INSERT INTO t VALUES ('[1,2)');
-- run:
ALTER TABLE t ALTER a TYPE int8range USING int8range(lower(a), upper(a));

-- case: generated chain, another column
-- setup:
CREATE TABLE t (a varchar(5), b int, g text GENERATED ALWAYS AS (upper(a)) STORED);
INSERT INTO t VALUES ('1', 1);
-- run:
ALTER TABLE t ALTER b TYPE bigint;

-- case: generated column, varchar wider
-- setup:
CREATE TABLE t (a int, g varchar(10) GENERATED ALWAYS AS (a::varchar(10)) STORED);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ALTER g TYPE varchar(20);

-- case: identity column to smallint
-- setup:
CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, b int);
INSERT INTO t (b) VALUES (1);
-- run:
ALTER TABLE t ALTER a TYPE smallint;

-- case: multi-column foreign key, one of them wider
-- setup:
CREATE TABLE p (a int, b varchar(5), PRIMARY KEY (a, b));
CREATE TABLE t (x int, y varchar(5), FOREIGN KEY (x, y) REFERENCES p ON UPDATE CASCADE);
INSERT INTO p VALUES (1, 'x');
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER y TYPE varchar(10);

-- case: multi-column foreign key, one of them to bigint
-- setup:
CREATE TABLE p (a int, b varchar(5), PRIMARY KEY (a, b));
CREATE TABLE t (x int, y varchar(5), FOREIGN KEY (x, y) REFERENCES p ON UPDATE CASCADE);
INSERT INTO p VALUES (1, 'x');
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE p ALTER a TYPE bigint;

-- case: multi-level inheritance, varchar wider, index on the grandchild
-- setup:
CREATE TABLE a (x varchar(5));
CREATE TABLE b () INHERITS (a);
CREATE TABLE c () INHERITS (b);
CREATE INDEX c_x ON c (x);
INSERT INTO c VALUES ('1');
-- run:
ALTER TABLE a ALTER x TYPE varchar(8);

-- case: multi-level inheritance, expression index on the grandchild
-- setup:
CREATE TABLE a (x varchar(5));
CREATE TABLE b () INHERITS (a);
CREATE TABLE c () INHERITS (b);
CREATE INDEX c_x ON c (lower(x));
INSERT INTO c VALUES ('1');
-- run:
ALTER TABLE a ALTER x TYPE text;

-- case: only the parent
-- refused: must be changed in child tables too
-- setup:
CREATE TABLE a (x varchar(5));
CREATE TABLE b () INHERITS (a);
-- run:
ALTER TABLE ONLY a ALTER x TYPE text;

-- case: partitions of partitions, int to bigint
-- setup:
CREATE TABLE p (k int, v int) PARTITION BY LIST (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1) PARTITION BY HASH (k);
CREATE TABLE p1a PARTITION OF p1 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE p1b PARTITION OF p1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE p2 PARTITION OF p DEFAULT;
CREATE INDEX ON p (v);
INSERT INTO p VALUES (1, 1), (2, 2);
-- run:
ALTER TABLE p ALTER v TYPE bigint;

-- case: partitions of partitions, free
-- setup:
CREATE TABLE p (k int, v varchar(3)) PARTITION BY LIST (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1) PARTITION BY HASH (k);
CREATE TABLE p1a PARTITION OF p1 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE p1b PARTITION OF p1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE p2 PARTITION OF p DEFAULT;
CREATE UNIQUE INDEX ON p (k, v);
INSERT INTO p VALUES (1, 1), (2, 2);
-- run:
ALTER TABLE p ALTER v TYPE varchar(30);

-- case: a column with extended statistics, int to bigint
-- setup:
CREATE TABLE t (a int, b int);
CREATE STATISTICS st (dependencies) ON a, b FROM t;
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER b TYPE bigint;

-- case: a check over two columns, one free
-- setup:
CREATE TABLE t (a varchar(5), b text, CONSTRAINT c CHECK (a <> b));
INSERT INTO t VALUES ('1', '2');
-- run:
ALTER TABLE t ALTER a TYPE text;

-- case: timestamps, two at once, one free
-- setup:
CREATE TABLE t (a timestamp(3), b timestamptz(6));
INSERT INTO t VALUES (now(), now());
-- run:
ALTER TABLE t ALTER a TYPE timestamp(6), ALTER b TYPE timestamptz;

-- case: interval with a precision to none
-- setup:
CREATE TABLE t (a interval(3));
INSERT INTO t VALUES ('1 day');
-- run:
ALTER TABLE t ALTER a TYPE interval;

-- case: interval second to wider second
-- setup:
CREATE TABLE t (a interval second(2));
INSERT INTO t VALUES ('1 second');
-- run:
ALTER TABLE t ALTER a TYPE interval second(4);

-- case: varbit to a smaller one, by USING
-- setup:
CREATE TABLE t (a varbit(10));
INSERT INTO t VALUES (B'1');
-- run:
ALTER TABLE t ALTER a TYPE varbit(12) USING a::varbit(12);

-- case: varchar to varchar USING a cast to a type in between
-- setup:
CREATE TABLE t (a varchar(10));
INSERT INTO t VALUES ('1');
-- run:
ALTER TABLE t ALTER a TYPE varchar(20) USING a::varchar(15);

-- case: text to varchar(10), USING left
-- setup:
CREATE TABLE t (a text);
INSERT INTO t VALUES ('1');
-- run:
ALTER TABLE t ALTER a TYPE varchar(10) USING left(a, 10);

-- case: column of a typed table
-- refused: cannot alter column type of typed table
-- setup:
CREATE TYPE ty AS (a int);
CREATE TABLE t OF ty;
-- run:
ALTER TABLE t ALTER a TYPE bigint;

-- case: row type of the table used elsewhere
-- refused: because column
-- setup:
CREATE TABLE t (a int);
CREATE TABLE u (x t);
INSERT INTO u VALUES (ROW(1));
-- run:
ALTER TABLE t ALTER a TYPE bigint;

-- case: date to timestamptz
-- setup:
CREATE TABLE t (a date);
INSERT INTO t VALUES ('2020-01-01');
-- run:
ALTER TABLE t ALTER a TYPE timestamptz;

-- case: money to numeric
-- setup:
CREATE TABLE t (a money);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ALTER a TYPE numeric;

-- case: tstzrange to tsrange by text
-- setup:
CREATE TABLE t (a json, b json);
INSERT INTO t VALUES ('1', '1');
-- run:
ALTER TABLE t ALTER a TYPE text, ALTER b TYPE jsonb USING b::jsonb;

-- case: default of a function stays, varchar to text
-- setup:
CREATE FUNCTION f() RETURNS varchar LANGUAGE sql AS $$ SELECT 'x'::varchar $$;
CREATE TABLE t (a varchar(5) DEFAULT f());
INSERT INTO t VALUES ('1');
-- run:
ALTER TABLE t ALTER a TYPE text;

-- case: clustered primary key to a free type
-- setup:
CREATE TABLE t (a varchar(4) PRIMARY KEY);
ALTER TABLE t CLUSTER ON t_pkey;
INSERT INTO t VALUES ('1');
-- run:
ALTER TABLE t ALTER a TYPE varchar(5);

-- case: brin over a timestamp gets more precise
-- setup:
CREATE TABLE t (a timestamp(0));
CREATE INDEX ON t USING brin (a);
INSERT INTO t VALUES (now());
-- run:
ALTER TABLE t ALTER a TYPE timestamp;

-- case: materialised view over the column
-- refused: used by a view or rule
-- setup:
CREATE TABLE t (a int);
CREATE MATERIALIZED VIEW m AS SELECT a FROM t;
-- run:
ALTER TABLE t ALTER a TYPE bigint;
