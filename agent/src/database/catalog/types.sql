SELECT t.oid::bigint AS oid, own.name AS schema, t.typname AS name, t.typtype AS kind,
    CASE WHEN t.typtype = 'e' THEN (
        SELECT json_agg(l.enumlabel ORDER BY l.enumsortorder) FROM pg_catalog.pg_enum l WHERE l.enumtypid = t.oid
    ) END AS labels,
    CASE WHEN b.oid IS NOT NULL THEN json_build_object(
        'type_schema', CASE WHEN n.oid = pg_my_temp_schema() THEN 'pg_temp' ELSE n.nspname::text END,
        'type_name', coalesce(e.typname, b.typname), 'type_array', e.oid IS NOT NULL
    ) END AS base,
    t.typtypmod AS typmod,
    t.typnotnull AS not_null, pg_get_expr(t.typdefaultbin, 0) AS default_expression, l.collname AS collation,
    CASE WHEN t.typtype = 'd' THEN (
        SELECT json_agg(json_build_object(
            'name', k.conname, 'expression', pg_get_expr(k.conbin, 0), 'valid', k.convalidated
        ) ORDER BY k.conname COLLATE "C")
        FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'
    ) END AS checks
FROM pg_catalog.pg_type t
JOIN own ON own.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
LEFT JOIN pg_catalog.pg_type b ON b.oid = coalesce(r.rngsubtype, nullif(t.typbasetype, 0))
LEFT JOIN pg_catalog.pg_type e ON e.oid = b.typelem AND e.typarray = b.oid
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = coalesce(e.typnamespace, b.typnamespace)
LEFT JOIN pg_catalog.pg_collation l ON l.oid = t.typcollation AND t.typcollation <> b.typcollation
WHERE t.typtype <> 'c'
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_type s WHERE s.oid = t.typelem AND s.typarray = t.oid)
ORDER BY own.name COLLATE "C", t.typname COLLATE "C"
