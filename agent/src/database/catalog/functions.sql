SELECT p.oid::bigint AS oid, own.name AS schema, p.proname AS name,
    (
        SELECT json_agg(json_build_object(
            'type_schema', CASE WHEN n.oid = pg_my_temp_schema() THEN 'pg_temp' ELSE n.nspname::text END,
            'type_name', coalesce(e.typname, t.typname), 'type_array', e.oid IS NOT NULL
        ) ORDER BY k.at)
        FROM unnest(p.proargtypes) WITH ORDINALITY k (type, at)
        JOIN pg_catalog.pg_type t ON t.oid = k.type
        LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
        JOIN pg_catalog.pg_namespace n ON n.oid = coalesce(e.typnamespace, t.typnamespace)
    ) AS arguments,
    p.pronargdefaults AS defaults, p.provariadic <> 0 AS variadic, p.provolatile AS volatility, l.lanname AS language,
    p.prokind = 'p' AS procedure,
    -- Then no call is replaced by what the body computes.
    p.prokind <> 'f' OR p.proisstrict OR p.proretset OR p.prosecdef OR p.proconfig IS NOT NULL AS kept,
    CASE WHEN n.oid = pg_my_temp_schema() THEN 'pg_temp' ELSE n.nspname::text END AS type_schema,
    coalesce(e.typname, t.typname) AS type_name, e.oid IS NOT NULL AS type_array,
    CASE WHEN l.lanname NOT IN ('c', 'internal') AND NOT ({parsed_body}) AND p.prokind <> 'a'
        THEN p.prosrc END AS body,
    -- To show one that reads a table would lock the table.
    CASE WHEN {parsed_body} AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass
    ) THEN {shown_body} END AS parsed
FROM pg_catalog.pg_proc p
JOIN own ON own.oid = p.pronamespace
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
JOIN pg_catalog.pg_type t ON t.oid = p.prorettype
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
JOIN pg_catalog.pg_namespace n ON n.oid = coalesce(e.typnamespace, t.typnamespace)
ORDER BY own.name COLLATE "C", p.proname COLLATE "C", p.oid
