SELECT a.attrelid::bigint AS relation, a.attname AS name,
    CASE WHEN n.oid = pg_my_temp_schema() THEN 'pg_temp' ELSE n.nspname::text END AS type_schema,
    coalesce(e.typname, t.typname) AS type_name, e.oid IS NOT NULL AS type_array, a.atttypmod AS typmod,
    l.collname AS collation, a.attnotnull AND NOT ({unproven}) AS not_null, pg_get_expr(d.adbin, d.adrelid) AS expression,
    a.attgenerated AS generated, a.attidentity AS identity,
    a.attinhcount > 0 AND NOT a.attislocal AS inherited
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN own ON own.oid = c.relnamespace
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
JOIN pg_catalog.pg_namespace n ON n.oid = coalesce(e.typnamespace, t.typnamespace)
LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation AND a.attcollation <> t.typcollation
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
ORDER BY a.attrelid, a.attnum
