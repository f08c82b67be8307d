-- Privileges, comments, publications, extensions and other catalogue statements.

-- case: grant on a table
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
GRANT SELECT ON t TO pg_monitor;

-- case: grant on a column
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
GRANT SELECT (b) ON t TO pg_monitor;

-- case: grant on all tables
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
CREATE VIEW v AS SELECT id, b FROM t;
-- run:
GRANT SELECT ON ALL TABLES IN SCHEMA public TO pg_monitor;

-- case: grant on a sequence
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE SEQUENCE s;
-- run:
GRANT USAGE ON SEQUENCE s TO pg_monitor;

-- case: grant on a function
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a';
-- run:
GRANT EXECUTE ON FUNCTION f(int) TO pg_monitor;

-- case: grant on a schema
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
GRANT USAGE ON SCHEMA public TO pg_monitor;

-- case: grant on a partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
GRANT SELECT ON t TO pg_monitor;

-- case: grant a role
-- refused: is a member of role|cannot
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
GRANT pg_monitor TO pg_read_all_settings;

-- case: revoke on a table
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
GRANT SELECT ON t TO pg_monitor;
-- run:
REVOKE ALL ON t FROM pg_monitor;

-- case: alter default privileges
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO pg_monitor;

-- case: comment on table
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
COMMENT ON TABLE t IS 'x';

-- case: comment on column
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
COMMENT ON COLUMN t.b IS 'x';

-- case: comment on index
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
COMMENT ON INDEX t_pkey IS 'x';

-- case: comment on constraint
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
COMMENT ON CONSTRAINT t_pkey ON t IS 'x';

-- case: comment on view
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE VIEW v AS SELECT id, b FROM t;
-- run:
COMMENT ON VIEW v IS 'x';

-- case: comment on materialised view
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE MATERIALIZED VIEW m AS SELECT id, b FROM t;
-- run:
COMMENT ON MATERIALIZED VIEW m IS 'x';

-- case: comment on sequence
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE SEQUENCE s;
-- run:
COMMENT ON SEQUENCE s IS 'x';

-- case: comment on trigger
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
-- run:
COMMENT ON TRIGGER g ON t IS 'x';

-- case: comment on rule
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING;
-- run:
COMMENT ON RULE r ON t IS 'x';

-- case: comment on policy
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE POLICY p ON t;
-- run:
COMMENT ON POLICY p ON t IS 'x';

-- case: comment on schema
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
COMMENT ON SCHEMA public IS 'x';

-- case: comment on function
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a';
-- run:
COMMENT ON FUNCTION f(int) IS 'x';

-- case: comment on type
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TYPE e AS ENUM ('a');
-- run:
COMMENT ON TYPE e IS 'x';

-- case: comment on domain
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE DOMAIN d AS int;
-- run:
COMMENT ON DOMAIN d IS 'x';

-- case: comment on statistics
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE STATISTICS st ON id, b FROM t;
-- run:
COMMENT ON STATISTICS st IS 'x';

-- case: comment on extension
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
COMMENT ON EXTENSION plpgsql IS 'x';

-- case: comment on a partitioned table
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
COMMENT ON TABLE t IS 'x';

-- case: create publication for a table
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE PUBLICATION pub FOR TABLE t;

-- case: create publication for a partitioned table
-- server: 13+
-- setup:
CREATE TABLE t (id int, b int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
CREATE TABLE td PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, 1), (50, 1);
-- run:
CREATE PUBLICATION pub FOR TABLE t;

-- case: create publication for an inheritance parent
-- setup:
CREATE TABLE t (id int, b int);
CREATE TABLE c () INHERITS (t);
INSERT INTO t VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
-- run:
CREATE PUBLICATION pub FOR TABLE t;

-- case: create publication for all tables
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE PUBLICATION pub FOR ALL TABLES;

-- case: create publication for a schema
-- server: 15+
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE PUBLICATION pub FOR TABLES IN SCHEMA public;

-- case: create publication with a row filter
-- server: 15+
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE PUBLICATION pub FOR TABLE t WHERE (b > 0);

-- case: alter publication add table
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
CREATE PUBLICATION pub FOR TABLE t;
-- run:
ALTER PUBLICATION pub ADD TABLE x;

-- case: alter publication set table
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
CREATE PUBLICATION pub FOR TABLE t;
-- run:
ALTER PUBLICATION pub SET TABLE x;

-- case: alter publication drop table
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE x (id int, b int);
INSERT INTO x VALUES (11, 1);
CREATE PUBLICATION pub FOR TABLE t, x;
-- run:
ALTER PUBLICATION pub DROP TABLE x;

-- case: alter publication set option
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE PUBLICATION pub FOR TABLE t;
-- run:
ALTER PUBLICATION pub SET (publish = 'insert');

-- case: drop publication
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE PUBLICATION pub FOR TABLE t;
-- run:
DROP PUBLICATION pub;

-- case: create role
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE ROLE truth_role;

-- case: alter role set
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
ALTER ROLE CURRENT_USER SET search_path = public;

-- case: alter database set
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
ALTER DATABASE observed SET timezone = 'UTC';

-- case: create extension that is there
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE EXTENSION IF NOT EXISTS plpgsql;

-- case: create foreign data wrapper
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
-- run:
CREATE FOREIGN DATA WRAPPER w;

-- case: create foreign table
-- setup:
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER sv FOREIGN DATA WRAPPER w;
-- run:
CREATE FOREIGN TABLE ft (id int) SERVER sv;

-- case: alter foreign table add column
-- setup:
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER sv FOREIGN DATA WRAPPER w;
CREATE FOREIGN TABLE ft (id int) SERVER sv;
-- run:
ALTER FOREIGN TABLE ft ADD COLUMN b int;

-- case: alter foreign table set not null
-- setup:
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER sv FOREIGN DATA WRAPPER w;
CREATE FOREIGN TABLE ft (id int) SERVER sv;
-- run:
ALTER FOREIGN TABLE ft ALTER COLUMN id SET NOT NULL;

-- case: alter foreign table add check
-- setup:
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER sv FOREIGN DATA WRAPPER w;
CREATE FOREIGN TABLE ft (id int) SERVER sv;
-- run:
ALTER FOREIGN TABLE ft ADD CHECK (id > 0);

-- case: alter foreign table type
-- setup:
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER sv FOREIGN DATA WRAPPER w;
CREATE FOREIGN TABLE ft (id int) SERVER sv;
-- run:
ALTER FOREIGN TABLE ft ALTER COLUMN id TYPE bigint;

-- case: alter large object owner
-- setup:
CREATE TABLE t (id int PRIMARY KEY, b int, c text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
SELECT lo_create(123456);
-- run:
ALTER LARGE OBJECT 123456 OWNER TO pg_monitor;
