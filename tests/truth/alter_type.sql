-- ALTER COLUMN TYPE: each pair of types with the column free of anything, and with what depends on a column.

-- case: varchar wider
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(50);

-- case: varchar without limit
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar;

-- case: varchar to text
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: varchar narrower
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(50));
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(10);

-- case: varchar to the same
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(50));
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(50);

-- case: text to varchar
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b text);
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar;

-- case: text to limited varchar
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b text);
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(10);

-- case: unlimited varchar to limited
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar);
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(10);

-- case: char to text
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b char(5));
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: char wider
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b char(5));
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE char(10);

-- case: char narrower
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b char(5));
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE char(3);

-- case: char to varchar
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b char(5));
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(5);

-- case: text to char
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b text);
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE char(5);

-- case: varchar to char
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(5));
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE char(5);

-- case: numeric more digits, same scale
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b numeric(10,2));
INSERT INTO t VALUES (1, 1.5);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE numeric(12,2);

-- case: numeric without limit
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b numeric(10,2));
INSERT INTO t VALUES (1, 1.5);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE numeric;

-- case: numeric narrower
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b numeric(12,2));
INSERT INTO t VALUES (1, 1.5);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE numeric(10,2);

-- case: numeric other scale
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b numeric(12,2));
INSERT INTO t VALUES (1, 1.5);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE numeric(14,4);

-- case: numeric limited
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b numeric);
INSERT INTO t VALUES (1, 1.5);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE numeric(14,4);

-- case: int to bigint
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint;

-- case: bigint to int
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b bigint);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE int;

-- case: smallint to int
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b smallint);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE int;

-- case: int to numeric
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE numeric;

-- case: int to int
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE int;

-- case: int to oid
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE oid;

-- case: oid to int
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b oid);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE int;

-- case: int to text
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: real to double
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b real);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE double precision;

-- case: timestamp more precise
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b timestamp(3));
INSERT INTO t VALUES (1, now());
-- run:
ALTER TABLE t ALTER COLUMN b TYPE timestamp(6);

-- case: timestamp without precision
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b timestamp(3));
INSERT INTO t VALUES (1, now());
-- run:
ALTER TABLE t ALTER COLUMN b TYPE timestamp;

-- case: timestamp less precise
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b timestamp(6));
INSERT INTO t VALUES (1, now());
-- run:
ALTER TABLE t ALTER COLUMN b TYPE timestamp(3);

-- case: timestamp unlimited to 6
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b timestamp);
INSERT INTO t VALUES (1, now());
-- run:
ALTER TABLE t ALTER COLUMN b TYPE timestamp(6);

-- case: timestamptz more precise
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b timestamptz(3));
INSERT INTO t VALUES (1, now());
-- run:
ALTER TABLE t ALTER COLUMN b TYPE timestamptz(6);

-- case: time more precise
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b time(3));
INSERT INTO t VALUES (1, now());
-- run:
ALTER TABLE t ALTER COLUMN b TYPE time(6);

-- case: interval more precise
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b interval(3));
INSERT INTO t VALUES (1, '1s');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE interval(6);

-- case: interval less precise
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b interval(6));
INSERT INTO t VALUES (1, '1s');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE interval(3);

-- case: interval to fewer fields
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b interval);
INSERT INTO t VALUES (1, '1s');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE interval day to second;

-- case: interval to more fields
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b interval day to second);
INSERT INTO t VALUES (1, '1s');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE interval;

-- case: date to timestamp
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b date);
INSERT INTO t VALUES (1, now());
-- run:
ALTER TABLE t ALTER COLUMN b TYPE timestamp;

-- case: timestamp to date
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b timestamp);
INSERT INTO t VALUES (1, now());
-- run:
ALTER TABLE t ALTER COLUMN b TYPE date;

-- case: varbit wider
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varbit(5));
INSERT INTO t VALUES (1, B'1');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varbit(10);

-- case: varbit narrower
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varbit(10));
INSERT INTO t VALUES (1, B'1');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varbit(5);

-- case: varbit without limit
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varbit(5));
INSERT INTO t VALUES (1, B'1');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varbit;

-- case: bit wider, without a cast
-- refused: does not match type bit
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b bit(5));
INSERT INTO t VALUES (1, B'10101');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bit(10);

-- case: bit wider, with a cast
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b bit(5));
INSERT INTO t VALUES (1, B'10101');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bit(10) USING b::bit(10);

-- case: bit wider, all values null
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b bit(5));
INSERT INTO t VALUES (1, NULL);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bit(10);

-- case: cidr to inet
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b cidr);
INSERT INTO t VALUES (1, '10.0.0.0/8');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE inet;

-- case: inet to cidr
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b inet);
INSERT INTO t VALUES (1, '10.0.0.0/8');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE cidr;

-- case: xml to text
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b xml);
INSERT INTO t VALUES (1, '<a/>');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: json to jsonb
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b json);
INSERT INTO t VALUES (1, '{}');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE jsonb;

-- case: jsonb to text
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b jsonb);
INSERT INTO t VALUES (1, '{}');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: array of varchar wider
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(5)[]);
INSERT INTO t VALUES (1, '{x}');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(10)[];

-- case: array of varchar to array of text
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(5)[]);
INSERT INTO t VALUES (1, '{x}');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text[];

-- case: array of text to array of varchar
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b text[]);
INSERT INTO t VALUES (1, '{x}');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar[];

-- case: array of int to array of bigint
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int[]);
INSERT INTO t VALUES (1, '{1}');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint[];

-- case: name to text
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b name);
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: text to name
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b text);
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE name;

-- case: regclass to oid
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b regclass);
INSERT INTO t VALUES (1, 'pg_class');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE oid;

-- case: oid to regclass
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b oid);
INSERT INTO t VALUES (1, 1259);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE regclass;

-- case: timestamp to timestamptz under UTC
-- setup:
SET TimeZone = 'UTC';
CREATE TABLE t (id int PRIMARY KEY, b timestamp);
INSERT INTO t VALUES (1, now());
-- run:
ALTER TABLE t ALTER COLUMN b TYPE timestamptz;

-- case: timestamp to timestamptz elsewhere
-- setup:
SET TimeZone = 'Europe/Paris';
CREATE TABLE t (id int PRIMARY KEY, b timestamp);
INSERT INTO t VALUES (1, now());
-- run:
ALTER TABLE t ALTER COLUMN b TYPE timestamptz;

-- case: timestamptz to timestamp under UTC
-- setup:
SET TimeZone = 'UTC';
CREATE TABLE t (id int PRIMARY KEY, b timestamptz);
INSERT INTO t VALUES (1, now());
-- run:
ALTER TABLE t ALTER COLUMN b TYPE timestamp;

-- case: timestamptz to timestamp elsewhere
-- setup:
SET TimeZone = 'Europe/Paris';
CREATE TABLE t (id int PRIMARY KEY, b timestamptz);
INSERT INTO t VALUES (1, now());
-- run:
ALTER TABLE t ALTER COLUMN b TYPE timestamp;

-- case: timestamp to timestamptz under a zone that is UTC by another name
-- setup:
SET TimeZone = 'Etc/GMT';
CREATE TABLE t (id int PRIMARY KEY, b timestamp);
INSERT INTO t VALUES (1, now());
-- run:
ALTER TABLE t ALTER COLUMN b TYPE timestamptz;

-- case: timestamp to timestamptz with an offset of zero
-- setup:
SET TIME ZONE 0;
CREATE TABLE t (id int PRIMARY KEY, b timestamp);
INSERT INTO t VALUES (1, now());
-- run:
ALTER TABLE t ALTER COLUMN b TYPE timestamptz;

-- case: timestamp to timestamptz in London
-- setup:
SET TimeZone = 'Europe/London';
CREATE TABLE t (id int PRIMARY KEY, b timestamp);
INSERT INTO t VALUES (1, now());
-- run:
ALTER TABLE t ALTER COLUMN b TYPE timestamptz;

-- case: timestamp(3) to timestamptz(6) under UTC
-- setup:
SET TimeZone = 'UTC';
CREATE TABLE t (id int PRIMARY KEY, b timestamp(3));
INSERT INTO t VALUES (1, now());
-- run:
ALTER TABLE t ALTER COLUMN b TYPE timestamptz(6);

-- case: timestamp to timestamptz(3) under UTC
-- setup:
SET TimeZone = 'UTC';
CREATE TABLE t (id int PRIMARY KEY, b timestamp);
INSERT INTO t VALUES (1, now());
-- run:
ALTER TABLE t ALTER COLUMN b TYPE timestamptz(3);

-- case: timestamp to timestamptz under UTC, using at time zone
-- setup:
SET TimeZone = 'UTC';
CREATE TABLE t (id int PRIMARY KEY, b timestamp);
INSERT INTO t VALUES (1, now());
-- run:
ALTER TABLE t ALTER COLUMN b TYPE timestamptz USING b AT TIME ZONE 'UTC';

-- case: timestamp to timestamptz elsewhere, using at time zone UTC
-- setup:
SET TimeZone = 'Europe/Paris';
CREATE TABLE t (id int PRIMARY KEY, b timestamp);
INSERT INTO t VALUES (1, now());
-- run:
ALTER TABLE t ALTER COLUMN b TYPE timestamptz USING b AT TIME ZONE 'UTC';

-- case: indexed timestamp to timestamptz under UTC
-- setup:
SET TimeZone = 'UTC';
CREATE TABLE t (id int PRIMARY KEY, b timestamp);
INSERT INTO t VALUES (1, now());
CREATE INDEX t_b ON t (b);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE timestamptz;

-- case: indexed varchar wider
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
CREATE INDEX t_b ON t (b);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(50);

-- case: indexed varchar to text
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
CREATE INDEX t_b ON t (b);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: indexed numeric wider
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b numeric(10,2));
INSERT INTO t VALUES (1, 1);
CREATE INDEX t_b ON t (b);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE numeric(12,2);

-- case: indexed int to oid
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
CREATE INDEX t_b ON t (b);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE oid;

-- case: indexed cidr to inet
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b cidr);
INSERT INTO t VALUES (1, '10.0.0.0/8');
CREATE INDEX t_b ON t (b);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE inet;

-- case: indexed int to bigint
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
CREATE INDEX t_b ON t (b);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint;

-- case: hash index on varchar to text
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
CREATE INDEX t_b ON t USING hash (b);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: brin index on varchar to text
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
CREATE INDEX t_b ON t USING brin (b);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: pattern index on varchar to text
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
CREATE INDEX t_b ON t (b varchar_pattern_ops);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: unique varchar wider
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10) UNIQUE);
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(50);

-- case: primary key varchar to text
-- setup:
CREATE TABLE t (b varchar(10) PRIMARY KEY);
INSERT INTO t VALUES ('x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: primary key int to bigint
-- setup:
CREATE TABLE t (b int PRIMARY KEY);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint;

-- case: expression index, varchar to text
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
CREATE INDEX t_b ON t (lower(b));
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: expression index, varchar wider
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
CREATE INDEX t_b ON t (lower(b));
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(50);

-- case: index with the column in its predicate, varchar wider
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
CREATE INDEX t_b ON t (id) WHERE b <> 'y';
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(50);

-- case: index with the column in its predicate as null test, varchar wider
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
CREATE INDEX t_b ON t (id) WHERE b IS NOT NULL;
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(50);

-- case: index including the column, varchar wider
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
CREATE INDEX t_b ON t (id) INCLUDE (b);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(50);

-- case: expression index over another column, varchar wider
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10), c text);
INSERT INTO t VALUES (1, 'x', 'y');
CREATE INDEX t_c ON t (lower(c));
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(50);

-- case: two column index, one an expression over another column, varchar wider
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10), c text);
INSERT INTO t VALUES (1, 'x', 'y');
CREATE INDEX t_c ON t (b, lower(c));
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(50);

-- case: two column index with a predicate over another column, varchar wider
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10), c text);
INSERT INTO t VALUES (1, 'x', 'y');
CREATE INDEX t_c ON t (b) WHERE c IS NOT NULL;
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(50);

-- case: check on the column, varchar to text
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10) CHECK (b <> ''));
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: check on the column, varchar wider
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10) CHECK (b <> ''));
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(50);

-- case: check on another column, varchar wider
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10), c int CHECK (c > 0));
INSERT INTO t VALUES (1, 'x', 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(50);

-- case: check not valid on the column, varchar wider
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
ALTER TABLE t ADD CONSTRAINT c CHECK (b <> '') NOT VALID;
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(50);

-- case: check of a null test on the column, varchar wider
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10) CHECK (b IS NOT NULL));
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(50);

-- case: not null column, varchar wider
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10) NOT NULL);
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(50);

-- case: check on an int column to int
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int CHECK (b > 0));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE int;

-- case: exclusion constraint, varchar wider
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10), EXCLUDE USING btree (b WITH =));
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(50);

-- case: generated column depends on it
-- refused: used by a generated column
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c int GENERATED ALWAYS AS (b + 1) STORED);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint;

-- case: generated column itself, int to bigint
-- setup:
CREATE TABLE t (id int, c int GENERATED ALWAYS AS (id + 1) STORED);
INSERT INTO t VALUES (1);
-- run:
ALTER TABLE t ALTER COLUMN c TYPE bigint;

-- case: used by a view
-- refused: used by a view or rule
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
CREATE VIEW v AS SELECT b FROM t;
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: used by a view, and no change at all
-- refused: used by a view or rule
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
CREATE VIEW v AS SELECT b FROM t;
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(10);

-- case: view uses another column
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
CREATE VIEW v AS SELECT id FROM t;
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: used by a policy
-- refused: used in a policy definition
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
CREATE POLICY p ON t USING (b <> '');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: used by the condition of a trigger
-- refused: used in a trigger definition
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW WHEN (NEW.b <> '') EXECUTE FUNCTION f();
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: used by the body of a sql function
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS 'SELECT count(b) FROM t';
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: used by the parsed body of a sql function
-- server: 14+
-- refused: used by a function or procedure
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(b) FROM t; END;
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: used by extended statistics
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
CREATE STATISTICS st ON id, b FROM t;
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: default that casts along
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int DEFAULT 3);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint;

-- case: default that does not cast
-- refused: cannot be cast automatically
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b text DEFAULT 'x');
INSERT INTO t VALUES (1, '1');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE int USING b::int;

-- case: no implicit cast
-- refused: cannot be cast automatically
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b text);
INSERT INTO t VALUES (1, '1');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE int;

-- case: using a cast
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b text);
INSERT INTO t VALUES (1, '1');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE int USING b::int;

-- case: using the column itself
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE int USING b;

-- case: using another column
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE int USING id;

-- case: using an expression of the same type
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE int USING b + 0;

-- case: varchar to text using a cast
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text USING b::text;

-- case: varchar wider using a cast
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(50) USING b::varchar(50);

-- case: varchar to text using a trim
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text USING trim(b);

-- case: varchar to text using a narrowing cast
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text USING b::varchar(3);

-- case: collation C
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b text);
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text COLLATE "C";

-- case: indexed, collation C
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b text);
INSERT INTO t VALUES (1, 'x');
CREATE INDEX t_b ON t (b);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text COLLATE "C";

-- case: indexed, collation to the one it has
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b text COLLATE "C");
INSERT INTO t VALUES (1, 'x');
CREATE INDEX t_b ON t (b);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text COLLATE "C";

-- case: collation of an indexed column falls back to the default
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(5) COLLATE "C");
INSERT INTO t VALUES (1, 'x');
CREATE INDEX t_b ON t (b);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(10);

-- case: enum to text
-- setup:
CREATE TYPE e AS ENUM ('a');
CREATE TABLE t (id int PRIMARY KEY, b e);
INSERT INTO t VALUES (1, 'a');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: text to enum
-- setup:
CREATE TYPE e AS ENUM ('a');
CREATE TABLE t (id int PRIMARY KEY, b text);
INSERT INTO t VALUES (1, 'a');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE e USING b::e;

-- case: int to unconstrained domain
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE d;

-- case: unconstrained domain to int
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int PRIMARY KEY, b d);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE int;

-- case: unconstrained domain to another
-- setup:
CREATE DOMAIN d AS int;
CREATE DOMAIN e AS int;
CREATE TABLE t (id int PRIMARY KEY, b d);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE e;

-- case: int to checked domain
-- setup:
CREATE DOMAIN d AS int CHECK (VALUE > 0);
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE d;

-- case: int to not null domain
-- setup:
CREATE DOMAIN d AS int NOT NULL;
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE d;

-- case: checked domain to int
-- setup:
CREATE DOMAIN d AS int CHECK (VALUE > 0);
CREATE TABLE t (id int PRIMARY KEY, b d);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE int;

-- case: varchar to a domain of wider varchar
-- setup:
CREATE DOMAIN d AS varchar(10);
CREATE TABLE t (id int PRIMARY KEY, b varchar(5));
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE d;

-- case: varchar to a domain of narrower varchar
-- setup:
CREATE DOMAIN d AS varchar(5);
CREATE TABLE t (id int PRIMARY KEY, b varchar(10));
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE d;

-- case: domain of varchar to text
-- setup:
CREATE DOMAIN d AS varchar(10);
CREATE TABLE t (id int PRIMARY KEY, b d);
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: indexed int to unconstrained domain
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1);
CREATE INDEX t_b ON t (b);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE d;

-- case: composite to another by its field
-- setup:
CREATE TYPE a AS (x int);
CREATE TYPE c AS (x int);
CREATE TABLE t (id int PRIMARY KEY, b a);
INSERT INTO t VALUES (1, ROW(1));
-- run:
ALTER TABLE t ALTER COLUMN b TYPE c USING ROW((b).x)::c;

-- case: int to bigint in two columns
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c int);
INSERT INTO t VALUES (1, 1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint, ALTER COLUMN c TYPE bigint;

-- case: free and rewriting type in one statement
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(5), c int);
INSERT INTO t VALUES (1, 'x', 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text, ALTER COLUMN c TYPE bigint;

-- case: free type and a new check in one statement
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b varchar(5));
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text, ADD CHECK (b <> '') NOT VALID;

-- case: serial to bigint
-- setup:
CREATE TABLE t (b serial PRIMARY KEY, c int);
INSERT INTO t (c) VALUES (1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint;

-- case: identity to bigint
-- setup:
CREATE TABLE t (b int GENERATED ALWAYS AS IDENTITY, c int);
INSERT INTO t (c) VALUES (1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint;

-- case: foreign key column, int to bigint
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int PRIMARY KEY, b int REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint;

-- case: referenced column, int to bigint
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int PRIMARY KEY, b int REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE p ALTER COLUMN id TYPE bigint;

-- case: foreign key column, varchar wider
-- setup:
CREATE TABLE p (id varchar(5) PRIMARY KEY);
INSERT INTO p VALUES ('x');
CREATE TABLE t (id int PRIMARY KEY, b varchar(5) REFERENCES p);
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(10);

-- case: foreign key column, varchar to text
-- setup:
CREATE TABLE p (id varchar(5) PRIMARY KEY);
INSERT INTO p VALUES ('x');
CREATE TABLE t (id int PRIMARY KEY, b varchar(5) REFERENCES p);
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: referenced column, varchar wider
-- setup:
CREATE TABLE p (id varchar(5) PRIMARY KEY);
INSERT INTO p VALUES ('x');
CREATE TABLE t (id int PRIMARY KEY, b varchar(5) REFERENCES p);
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE p ALTER COLUMN id TYPE varchar(10);

-- case: referenced column, varchar to text
-- setup:
CREATE TABLE p (id varchar(5) PRIMARY KEY);
INSERT INTO p VALUES ('x');
CREATE TABLE t (id int PRIMARY KEY, b varchar(5) REFERENCES p);
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE p ALTER COLUMN id TYPE text;

-- case: foreign key column, numeric wider
-- setup:
CREATE TABLE p (id numeric(5,0) PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int PRIMARY KEY, b numeric(5,0) REFERENCES p);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE numeric(9,0);

-- case: foreign key column, timestamp to timestamptz under UTC
-- setup:
SET TimeZone = 'UTC';
CREATE TABLE p (id timestamp PRIMARY KEY);
INSERT INTO p VALUES ('2020-01-01');
CREATE TABLE t (id int PRIMARY KEY, b timestamp REFERENCES p);
INSERT INTO t VALUES (1, '2020-01-01');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE timestamptz;

-- case: foreign key not valid, column varchar to text
-- setup:
CREATE TABLE p (id varchar(5) PRIMARY KEY);
INSERT INTO p VALUES ('x');
CREATE TABLE t (id int, b varchar(5));
INSERT INTO t VALUES (1, 'x');
ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p NOT VALID;
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: foreign key on another column, int to bigint
-- setup:
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE t (id int PRIMARY KEY, b int REFERENCES p);
INSERT INTO t VALUES (1, 1);
ALTER TABLE t ADD COLUMN c int;
-- run:
ALTER TABLE t ALTER COLUMN c TYPE bigint;

-- case: column of a self referencing table, int to bigint
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int REFERENCES t);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint;

-- case: partitioned table, varchar wider
-- setup:
CREATE TABLE t (id int, b varchar(10)) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE t2 PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 'x'), (20, 'y');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(50);

-- case: partitioned table, varchar narrower
-- setup:
CREATE TABLE t (id int, b varchar(10)) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE t2 PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 'x'), (20, 'y');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(5);

-- case: indexed partitioned table, varchar wider
-- setup:
CREATE TABLE t (id int, b varchar(10)) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE t2 PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 'x'), (20, 'y');
CREATE INDEX t_b ON t (b);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(50);

-- case: indexed partitioned table, collation C
-- setup:
CREATE TABLE t (id int, b varchar(10)) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE t2 PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 'x'), (20, 'y');
CREATE INDEX t_b ON t (b);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(10) COLLATE "C";

-- case: partition key
-- refused: partition key
-- setup:
CREATE TABLE t (id int, b varchar(10)) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE t2 PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 'x'), (20, 'y');
-- run:
ALTER TABLE t ALTER COLUMN id TYPE bigint;

-- case: column of a partition
-- refused: cannot alter inherited column
-- setup:
CREATE TABLE t (id int, b varchar(10)) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE t2 PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 'x'), (20, 'y');
-- run:
ALTER TABLE t1 ALTER COLUMN b TYPE varchar(50);

-- case: inheritance parent, int to bigint
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint;

-- case: composite type used by a table with its rows
-- refused: because column "u.x" uses its row type
-- setup:
CREATE TABLE t (id int, b int);
INSERT INTO t VALUES (1, 1);
CREATE TABLE u (x t);
INSERT INTO u VALUES (ROW(1, 1));
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint;

-- case: domain of text to varchar
-- setup:
CREATE DOMAIN d AS text;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar;

-- case: clustered index on the column, varchar wider
-- setup:
CREATE TABLE t (id int, b varchar(5));
INSERT INTO t VALUES (1, 'x');
CREATE INDEX t_b ON t (b);
CLUSTER t USING t_b;
-- run:
ALTER TABLE t ALTER COLUMN b TYPE varchar(9);

-- case: replica identity index on the column, varchar to text
-- setup:
CREATE TABLE t (id int, b varchar(5) NOT NULL);
INSERT INTO t VALUES (1, 'x');
CREATE UNIQUE INDEX t_b ON t (b);
ALTER TABLE t REPLICA IDENTITY USING INDEX t_b;
-- run:
ALTER TABLE t ALTER COLUMN b TYPE text;

-- case: int to bigint in a table with other indexes and a check
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text UNIQUE CHECK (c <> ''));
INSERT INTO t VALUES (1, 1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN b TYPE bigint;
