own AS NOT MATERIALIZED (
    SELECT n.oid, CASE WHEN n.oid = pg_my_temp_schema() THEN 'pg_temp' ELSE n.nspname::text END AS name
    FROM pg_catalog.pg_namespace n
    WHERE n.oid = pg_my_temp_schema()
        OR n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
)
