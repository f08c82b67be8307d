-- What views, rules, policies and functions with parsed bodies refer to. PostgreSQL's own functions are not noted by
-- the server.
SELECT DISTINCT o.kind, o.oid::bigint AS owner,
    CASE WHEN d.refclassid = 'pg_class'::regclass THEN d.refobjid::bigint END AS relation, a.attname AS column_name,
    n.nspname AS function_schema, p.proname AS function
FROM (
    SELECT 'rule' AS kind, 'pg_rewrite'::regclass::oid AS class, w.oid
    FROM pg_catalog.pg_rewrite w
    JOIN pg_catalog.pg_class c ON c.oid = w.ev_class
    JOIN own ON own.oid = c.relnamespace
    UNION ALL
    SELECT 'policy', 'pg_policy'::regclass::oid, p.oid
    FROM pg_catalog.pg_policy p
    JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
    JOIN own ON own.oid = c.relnamespace
    UNION ALL
    SELECT 'function', 'pg_proc'::regclass::oid, p.oid
    FROM pg_catalog.pg_proc p
    JOIN own ON own.oid = p.pronamespace
    WHERE {parsed_body}
) o
JOIN pg_catalog.pg_depend d ON d.classid = o.class AND d.objid = o.oid AND d.deptype = 'n'
LEFT JOIN pg_catalog.pg_attribute a
    ON d.refclassid = 'pg_class'::regclass AND a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        AND d.refobjsubid > 0
LEFT JOIN pg_catalog.pg_proc p ON d.refclassid = 'pg_proc'::regclass AND p.oid = d.refobjid
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE d.refclassid IN ('pg_class'::regclass, 'pg_proc'::regclass)
