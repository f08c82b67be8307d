-- What constraints prove: SET NOT NULL, ATTACH PARTITION and the DEFAULT partition beside the server's own prover.

-- case: not null by not of an or
-- setup:
CREATE TABLE t (a int, b int, CHECK (NOT (a IS NULL OR b IS NULL)));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: not null by not of an and, which proves neither
-- setup:
CREATE TABLE t (a int, b int, CHECK (NOT (a IS NULL AND b IS NULL)));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: not null by a row that is not null
-- setup:
CREATE TABLE t (a int, b int, CHECK (ROW(a, b) IS NOT NULL));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: not null by a row without the word
-- setup:
CREATE TABLE t (a int, b int, CHECK ((a, b) IS NOT NULL));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN a SET NOT NULL;

-- case: not null by a row that is not all null
-- setup:
CREATE TABLE t (a int, b int, CHECK (NOT (ROW(a, b) IS NULL)));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN a SET NOT NULL;

-- case: not null by an array that is not null, which it always is
-- setup:
CREATE TABLE t (a int, b int, CHECK (ARRAY[a, b] IS NOT NULL));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN a SET NOT NULL;

-- case: not null of a row inside a row
-- setup:
CREATE TABLE t (a int, b int, CHECK (ROW(ROW(a, b), 1) IS NOT NULL));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN a SET NOT NULL;

-- case: not null by a cast of the column
-- setup:
CREATE TABLE t (a int, b int, CHECK (b::text IS NOT NULL));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: not null by a cast that only renames
-- setup:
CREATE TABLE t (a int, v varchar(9), CHECK (v::text IS NOT NULL));
INSERT INTO t VALUES (1, 'x');
-- run:
ALTER TABLE t ALTER COLUMN v SET NOT NULL;

-- case: not null by coalesce
-- setup:
CREATE TABLE t (a int, b int, CHECK (COALESCE(b, a) IS NOT NULL));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: not null by an expression that is strict
-- setup:
CREATE TABLE t (a int, b int, CHECK ((b + 1) IS NOT NULL));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: not null by both sides of an or that share it
-- setup:
CREATE TABLE t (a int, b int, CHECK ((a = 1 AND b IS NOT NULL) OR (b IS NOT NULL AND a = 2)));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: not null by an or with false
-- setup:
CREATE TABLE t (a int, b int, CHECK (b IS NOT NULL OR false));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: not null by num_nulls
-- setup:
CREATE TABLE t (a int, b int, CHECK (num_nulls(a, b) = 0));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: not null is true
-- setup:
CREATE TABLE t (a int, b int, CHECK ((b IS NOT NULL) IS TRUE));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: not null equals true
-- setup:
CREATE TABLE t (a int, b int, CHECK ((b IS NOT NULL) = true));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: not null by not of is not distinct from null
-- setup:
CREATE TABLE t (a int, b int, CHECK (NOT (b IS NOT DISTINCT FROM NULL)));
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: not null of a composite column whose check looks at each value
-- setup:
CREATE TYPE pair AS (x int, y int);
CREATE TABLE t (a int, p pair, CHECK (p IS NOT NULL));
INSERT INTO t VALUES (1, ROW(1, 2));
-- run:
ALTER TABLE t ALTER COLUMN p SET NOT NULL;

-- case: not null of a boolean column that is checked
-- setup:
CREATE TABLE t (a int, b bool, CHECK (b));
INSERT INTO t VALUES (1, true);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: not null of a boolean column that is not unknown
-- setup:
CREATE TABLE t (a int, b bool, CHECK (b IS NOT UNKNOWN));
INSERT INTO t VALUES (1, true);
-- run:
ALTER TABLE t ALTER COLUMN b SET NOT NULL;

-- case: not null proved by a check no inherit of the parent, not for the child
-- setup:
CREATE TABLE p (a int, b int, CHECK (b IS NOT NULL) NO INHERIT);
CREATE TABLE c () INHERITS (p);
INSERT INTO p VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
ALTER TABLE p ALTER COLUMN b SET NOT NULL;

-- case: not null proved by a check that is added in the same statement
-- setup:
CREATE TABLE t (a int, b int);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER TABLE t ADD CHECK (b IS NOT NULL), ALTER COLUMN b SET NOT NULL;

-- case: attach by a range of two columns
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a, b);
CREATE TABLE x (a int NOT NULL, b int NOT NULL, CHECK (a > 1 OR (a = 1 AND b >= 5)), CHECK (a < 3 OR (a = 3 AND b < 7)));
INSERT INTO x VALUES (2, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1, 5) TO (3, 7);

-- case: attach by a range of two columns that share the first value
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a, b);
CREATE TABLE x (a int NOT NULL, b int NOT NULL, CHECK (a = 1 AND b >= 5 AND b < 9));
INSERT INTO x VALUES (1, 6);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1, 5) TO (1, 9);

-- case: attach by a range of two columns, checked by the first alone
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a, b);
CREATE TABLE x (a int NOT NULL, b int NOT NULL, CHECK (a >= 2 AND a < 3));
INSERT INTO x VALUES (2, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1, 5) TO (3, 7);

-- case: attach by a range of two columns, checked by the first alone, at its edge
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a, b);
CREATE TABLE x (a int NOT NULL, b int NOT NULL, CHECK (a >= 1 AND a < 3));
INSERT INTO x VALUES (2, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1, 5) TO (3, 7);

-- case: attach by a range of two columns with minvalue and maxvalue
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a, b);
CREATE TABLE x (a int NOT NULL, b int NOT NULL, CHECK (a >= 1 AND a <= 3));
INSERT INTO x VALUES (2, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1, MINVALUE) TO (3, MAXVALUE);

-- case: attach by a range of two columns, the second may be null
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a, b);
CREATE TABLE x (a int NOT NULL, b int, CHECK (a >= 2 AND a < 3));
INSERT INTO x VALUES (2, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1, 5) TO (3, 7);

-- case: attach by a row comparison
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a, b);
CREATE TABLE x (a int NOT NULL, b int NOT NULL, CHECK ((a, b) >= (1, 5) AND (a, b) < (3, 7)));
INSERT INTO x VALUES (2, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1, 5) TO (3, 7);

-- case: attach by an expression
-- setup:
CREATE TABLE t (a int, b text) PARTITION BY LIST (lower(b));
CREATE TABLE x (a int, b text, CHECK (lower(b) IS NOT NULL AND lower(b) = 'de'));
INSERT INTO x VALUES (2, 'DE');
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES IN ('de', 'at');

-- case: attach by an expression whose column is not null
-- setup:
CREATE TABLE t (a int, b text) PARTITION BY LIST (lower(b));
CREATE TABLE x (a int, b text NOT NULL, CHECK (lower(b) = 'de'));
INSERT INTO x VALUES (2, 'DE');
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES IN ('de', 'at');

-- case: attach by an expression, a check of the column
-- setup:
CREATE TABLE t (a int, b text) PARTITION BY LIST (lower(b));
CREATE TABLE x (a int, b text NOT NULL, CHECK (b = 'de'));
INSERT INTO x VALUES (2, 'de');
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES IN ('de', 'at');

-- case: attach by a range of an expression
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE ((a % 10));
CREATE TABLE x (a int, b int, CHECK ((a % 10) IS NOT NULL AND (a % 10) >= 3 AND (a % 10) < 5));
INSERT INTO x VALUES (13, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (3) TO (5);

-- case: attach by a range of a column and an expression
-- setup:
CREATE TABLE t (a int, b text) PARTITION BY RANGE (a, lower(b));
CREATE TABLE x (a int NOT NULL, b text, CHECK (lower(b) IS NOT NULL), CHECK (a >= 3 AND a < 5));
INSERT INTO x VALUES (3, 'X');
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (3, MINVALUE) TO (4, MAXVALUE);

-- case: attach to a partition that is partitioned, with a check of its own bound only
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10) PARTITION BY LIST (b);
CREATE TABLE x (a int NOT NULL, b int NOT NULL, CHECK (b = 1));
INSERT INTO x VALUES (1, 1);
-- run:
ALTER TABLE t1 ATTACH PARTITION x FOR VALUES IN (1);

-- case: attach to a partition that is partitioned, with checks of both bounds
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10) PARTITION BY LIST (b);
CREATE TABLE x (a int NOT NULL, b int NOT NULL, CHECK (b = 1), CHECK (a >= 0 AND a < 10));
INSERT INTO x VALUES (1, 1);
-- run:
ALTER TABLE t1 ATTACH PARTITION x FOR VALUES IN (1);

-- case: attach with one value of a list
-- setup:
CREATE TABLE t (a int, v varchar(9)) PARTITION BY LIST (v);
CREATE TABLE x (a int, v varchar(9) NOT NULL, CHECK (v = 'b'));
INSERT INTO x VALUES (1, 'b');
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES IN ('a', 'b');

-- case: attach with a list of texts
-- setup:
CREATE TABLE t (a int, v varchar(9)) PARTITION BY LIST (v);
CREATE TABLE x (a int, v varchar(9) NOT NULL, CHECK (v IN ('a', 'b')));
INSERT INTO x VALUES (1, 'b');
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES IN ('a', 'b', 'c');

-- case: attach with a list that has a null in it
-- setup:
CREATE TABLE t (a int, v text) PARTITION BY LIST (v);
CREATE TABLE x (a int, v text NOT NULL, CHECK (v IN ('a', NULL)));
INSERT INTO x VALUES (1, 'a');
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES IN ('a', 'b');

-- case: attach with an or of values
-- setup:
CREATE TABLE t (a int, v text) PARTITION BY LIST (v);
CREATE TABLE x (a int, v text NOT NULL, CHECK (v = 'a' OR v = 'b'));
INSERT INTO x VALUES (1, 'a');
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES IN ('a', 'b');

-- case: attach for values and null, where the check leaves nulls open
-- setup:
CREATE TABLE t (a int, v text) PARTITION BY LIST (v);
CREATE TABLE x (a int, v text, CHECK (v = 'a'));
INSERT INTO x VALUES (1, 'a');
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES IN ('a', NULL);

-- case: attach for values and null, where the check says so
-- setup:
CREATE TABLE t (a int, v text) PARTITION BY LIST (v);
CREATE TABLE x (a int, v text, CHECK (v IS NULL OR v = 'a'));
INSERT INTO x VALUES (1, 'a');
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES IN ('a', NULL);

-- case: attach with a check of an array in text
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY LIST (a);
CREATE TABLE x (a int NOT NULL, b int, CHECK (a = ANY ('{1,2}'::int[])));
INSERT INTO x VALUES (1, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES IN (1, 2, 3);

-- case: attach with a check of a boolean
-- setup:
CREATE TABLE t (a int, b bool) PARTITION BY LIST (b);
CREATE TABLE x (a int, b bool NOT NULL, CHECK (b));
INSERT INTO x VALUES (1, true);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES IN (true);

-- case: attach with a check of a boolean that is denied
-- setup:
CREATE TABLE t (a int, b bool) PARTITION BY LIST (b);
CREATE TABLE x (a int, b bool NOT NULL, CHECK (NOT b));
INSERT INTO x VALUES (1, false);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES IN (false);

-- case: attach with an enum
-- setup:
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE t (a int, b mood) PARTITION BY LIST (b);
CREATE TABLE x (a int, b mood NOT NULL, CHECK (b = 'ok'));
INSERT INTO x VALUES (1, 'ok');
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES IN ('ok');

-- case: attach with a uuid
-- setup:
CREATE TABLE t (a int, b uuid) PARTITION BY RANGE (b);
CREATE TABLE x (a int, b uuid NOT NULL, CHECK (b >= '00000000-0000-0000-0000-00000000000A' AND b < '80000000-0000-0000-0000-000000000000'));
INSERT INTO x VALUES (1, '10000000-0000-0000-0000-000000000000');
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (MINVALUE) TO ('a0000000-0000-0000-0000-000000000000');

-- case: attach with between, whose end is too far
-- setup:
CREATE TABLE t (a int, d date) PARTITION BY RANGE (d);
CREATE TABLE x (a int, d date NOT NULL, CHECK (d BETWEEN '2024-01-01' AND '2024-02-01'));
INSERT INTO x VALUES (1, '2024-01-05');
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');

-- case: attach with between
-- setup:
CREATE TABLE t (a int, d date) PARTITION BY RANGE (d);
CREATE TABLE x (a int, d date NOT NULL, CHECK (d BETWEEN '2024-01-01' AND '2024-01-31'));
INSERT INTO x VALUES (1, '2024-01-05');
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');

-- case: attach with a timestamp that is written as a day
-- setup:
CREATE TABLE t (a int, d timestamp) PARTITION BY RANGE (d);
CREATE TABLE x (a int, d timestamp NOT NULL, CHECK (d >= '2024-01-01' AND d < '2024-02-01'));
INSERT INTO x VALUES (1, '2024-01-05');
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM ('2024-01-01') TO ('2024-02-01 00:00:00');

-- case: attach with a moment that is written as a day
-- setup:
CREATE TABLE t (a int, d timestamptz) PARTITION BY RANGE (d);
CREATE TABLE x (a int, d timestamptz NOT NULL, CHECK (d >= '2024-01-01' AND d < '2024-02-01'));
INSERT INTO x VALUES (1, '2024-01-05');
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');

-- case: attach with a moment that is written with a zone
-- setup:
CREATE TABLE t (a int, d timestamptz) PARTITION BY RANGE (d);
CREATE TABLE x (a int, d timestamptz NOT NULL, CHECK (d >= '2024-01-01 02:00+02' AND d < '2024-02-01 00:00+00'));
INSERT INTO x VALUES (1, '2024-01-05');
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');

-- case: attach with a moment an hour off
-- setup:
CREATE TABLE t (a int, d timestamptz) PARTITION BY RANGE (d);
CREATE TABLE x (a int, d timestamptz NOT NULL, CHECK (d >= '2024-01-01 00:00+01' AND d < '2024-02-01 00:00+00'));
INSERT INTO x VALUES (1, '2024-01-05');
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');

-- case: attach with a check that compares a moment with a day
-- setup:
CREATE TABLE t (a int, d timestamptz) PARTITION BY RANGE (d);
CREATE TABLE x (a int, d timestamptz NOT NULL, CHECK (d >= '2024-01-01'::date AND d < '2024-02-01'::date));
INSERT INTO x VALUES (1, '2024-01-05');
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');

-- case: attach with a check that compares a timestamp with a day
-- setup:
CREATE TABLE t (a int, d timestamp) PARTITION BY RANGE (d);
CREATE TABLE x (a int, d timestamp NOT NULL, CHECK (d >= DATE '2024-01-01' AND d < DATE '2024-02-01'));
INSERT INTO x VALUES (1, '2024-01-05');
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');

-- case: attach with a check that casts the column
-- setup:
CREATE TABLE t (a int, d timestamp) PARTITION BY RANGE (d);
CREATE TABLE x (a int, d timestamp NOT NULL, CHECK (d::date >= '2024-01-01' AND d::date < '2024-02-01'));
INSERT INTO x VALUES (1, '2024-01-05');
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');

-- case: attach with a check of a fraction, which casts the column
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE x (a int NOT NULL, b int, CHECK (a > 9.5 AND a < 19.5));
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1) TO (20);

-- case: attach with a bigint key and int constants
-- setup:
CREATE TABLE t (a bigint, b int) PARTITION BY RANGE (a);
CREATE TABLE x (a bigint NOT NULL, b int, CHECK (a >= 10 AND a < 9007199254740993));
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (9007199254740992);

-- case: attach with a numeric key and whole constants
-- setup:
CREATE TABLE t (a numeric, b int) PARTITION BY RANGE (a);
CREATE TABLE x (a numeric NOT NULL, b int, CHECK (a >= 10 AND a < 20));
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (9.5) TO (20.5);

-- case: attach with a check of a sum
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE x (a int NOT NULL, b int, CHECK (a >= 10 AND a < 10 + 10));
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach with not (a < low or a >= high)
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE x (a int NOT NULL, b int, CHECK (NOT (a < 10 OR a >= 20)));
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach of an inverted comparison
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE x (a int NOT NULL, b int, CHECK (10 <= a AND 20 > a));
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach with an or of two ranges inside the bound
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE x (a int NOT NULL, b int, CHECK ((a >= 10 AND a < 12) OR (a >= 15 AND a < 20)));
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach with a check of another column's order
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE x (a int NOT NULL, b int, CHECK (b >= 10 AND a > b), CHECK (a < 20));
INSERT INTO x VALUES (12, 11);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (10) TO (20);

-- case: attach as default with a proving check
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE x (a int, b int, CHECK (a >= 10));
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x DEFAULT;

-- case: attach as default beside two, proved for one
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (20) TO (30);
CREATE TABLE x (a int, b int, CHECK (a >= 10));
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x DEFAULT;

-- case: attach as default of a list with a proving check
-- setup:
CREATE TABLE t (a int, v text) PARTITION BY LIST (v);
CREATE TABLE t1 PARTITION OF t FOR VALUES IN ('a', 'b');
CREATE TABLE x (a int, v text, CHECK (v NOT IN ('a', 'b', 'c')));
INSERT INTO x VALUES (1, 'x');
-- run:
ALTER TABLE t ATTACH PARTITION x DEFAULT;

-- case: attach as default of a list that has null, with a check of values only
-- setup:
CREATE TABLE t (a int, v text) PARTITION BY LIST (v);
CREATE TABLE t1 PARTITION OF t FOR VALUES IN ('a', NULL);
CREATE TABLE x (a int, v text, CHECK (v <> 'a'));
INSERT INTO x VALUES (1, 'x');
-- run:
ALTER TABLE t ATTACH PARTITION x DEFAULT;

-- case: attach as default of an empty parent
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE x (a int, b int);
INSERT INTO x VALUES (11, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x DEFAULT;

-- case: default partition spared by one value of a list
-- setup:
CREATE TABLE t (a int, v text) PARTITION BY LIST (v);
CREATE TABLE d PARTITION OF t DEFAULT;
ALTER TABLE d ADD CHECK (v = 'x');
INSERT INTO t VALUES (1, 'x');
-- run:
CREATE TABLE t1 PARTITION OF t FOR VALUES IN ('a');

-- case: default partition spared by not in
-- setup:
CREATE TABLE t (a int, v text) PARTITION BY LIST (v);
CREATE TABLE d PARTITION OF t DEFAULT;
ALTER TABLE d ADD CHECK (v NOT IN ('a', 'b'));
INSERT INTO t VALUES (1, 'x');
-- run:
CREATE TABLE t1 PARTITION OF t FOR VALUES IN ('a', 'b');

-- case: default partition, not all values of the new list are kept out
-- setup:
CREATE TABLE t (a int, v text) PARTITION BY LIST (v);
CREATE TABLE d PARTITION OF t DEFAULT;
ALTER TABLE d ADD CHECK (v <> 'a');
INSERT INTO t VALUES (1, 'x');
-- run:
CREATE TABLE t1 PARTITION OF t FOR VALUES IN ('a', 'b');

-- case: default partition with only nulls
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE d PARTITION OF t DEFAULT;
ALTER TABLE d ADD CHECK (a IS NULL);
INSERT INTO t VALUES (NULL, 1);
-- run:
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (1) TO (5);

-- case: default partition of two columns spared by the first
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a, b);
CREATE TABLE d PARTITION OF t DEFAULT;
ALTER TABLE d ADD CHECK (a >= 100);
INSERT INTO t VALUES (100, 1);
-- run:
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (1, 1) TO (5, 5);

-- case: default partition spared by the opposite of the bound
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE d PARTITION OF t DEFAULT;
ALTER TABLE d ADD CHECK (NOT (a IS NOT NULL AND a >= 1 AND a < 5));
INSERT INTO t VALUES (100, 1);
-- run:
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (1) TO (5);

-- case: default partition that is partitioned, spared by one of its partitions
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE d PARTITION OF t DEFAULT PARTITION BY LIST (b);
CREATE TABLE d1 PARTITION OF d FOR VALUES IN (1);
CREATE TABLE d2 PARTITION OF d FOR VALUES IN (2);
ALTER TABLE d1 ADD CHECK (a >= 100);
INSERT INTO t VALUES (100, 1), (101, 2);
-- run:
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (1) TO (5);

-- case: attach of a partitioned table, proved by one of its partitions
-- setup:
CREATE TABLE t (a int NOT NULL, b int) PARTITION BY RANGE (a);
CREATE TABLE x (a int NOT NULL, b int) PARTITION BY LIST (b);
CREATE TABLE x1 PARTITION OF x FOR VALUES IN (1);
CREATE TABLE x2 PARTITION OF x FOR VALUES IN (2);
ALTER TABLE x1 ADD CHECK (a >= 1 AND a < 5);
INSERT INTO x VALUES (1, 1), (1, 2);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (1) TO (5);

-- case: attach again what was detached concurrently
-- server: 14+
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
ALTER TABLE t DETACH PARTITION t1 CONCURRENTLY;
-- run:
ALTER TABLE t ATTACH PARTITION t1 FOR VALUES FROM (0) TO (10);

-- case: attach again what was detached concurrently from a list
-- server: 14+
-- setup:
CREATE TABLE t (a int, v text) PARTITION BY LIST (v);
CREATE TABLE t1 PARTITION OF t FOR VALUES IN ('a', 'b');
INSERT INTO t VALUES (1, 'a');
ALTER TABLE t DETACH PARTITION t1 CONCURRENTLY;
-- run:
ALTER TABLE t ATTACH PARTITION t1 FOR VALUES IN ('a', 'b');

-- case: attach again what was detached concurrently, by two columns
-- server: 14+
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a, b);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0, 1) TO (10, 2);
INSERT INTO t VALUES (1, 1);
ALTER TABLE t DETACH PARTITION t1 CONCURRENTLY;
-- run:
ALTER TABLE t ATTACH PARTITION t1 FOR VALUES FROM (0, 1) TO (10, 2);

-- case: attach again what was detached
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
ALTER TABLE t DETACH PARTITION t1;
-- run:
ALTER TABLE t ATTACH PARTITION t1 FOR VALUES FROM (0) TO (10);

-- case: attach with a fraction beside an expression, which casts it
-- setup:
CREATE TABLE t (a int, b int) PARTITION BY RANGE ((a % 10));
CREATE TABLE x (a int, b int, CHECK ((a % 10) IS NOT NULL AND (a % 10) > 2.5 AND (a % 10) < 4.5));
INSERT INTO x VALUES (13, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (2) TO (5);

-- case: attach with a float4 and a fraction
-- setup:
CREATE TABLE t (a float4, b int) PARTITION BY RANGE (a);
CREATE TABLE x (a float4 NOT NULL, b int, CHECK (a >= 0.1 AND a < 4));
INSERT INTO x VALUES (1, 1);
-- run:
ALTER TABLE t ATTACH PARTITION x FOR VALUES FROM (0.1) TO (5);

-- case: default partition with a value that is written otherwise
-- setup:
CREATE TABLE t (a int, i interval) PARTITION BY LIST (i);
CREATE TABLE d PARTITION OF t DEFAULT;
ALTER TABLE d ADD CHECK (i = '24:00:00');
-- run:
CREATE TABLE t1 PARTITION OF t FOR VALUES IN ('1 day');

-- case: default partition of a text that takes no notice of case
-- setup:
CREATE EXTENSION citext;
CREATE TABLE t (a int, c citext) PARTITION BY LIST (c);
CREATE TABLE d PARTITION OF t DEFAULT;
ALTER TABLE d ADD CHECK (c = 'a');
-- run:
CREATE TABLE t1 PARTITION OF t FOR VALUES IN ('A');
