SELECT k.conrelid::bigint AS relation, k.conname AS name, k.contype AS kind, k.convalidated AS valid,
    {enforced} AS enforced, k.condeferrable AS deferrable, k.condeferred AS initially_deferred,
    k.conparentid <> 0 OR (k.coninhcount > 0 AND NOT k.conislocal) AS inherited, k.connoinherit AS no_inherit,
    (
        SELECT json_agg(a.attname ORDER BY n.at)
        FROM unnest(k.conkey) WITH ORDINALITY n (number, at)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n.number
    ) AS columns,
    k.confrelid::bigint AS to_relation,
    (
        SELECT json_agg(a.attname ORDER BY n.at)
        FROM unnest(k.confkey) WITH ORDINALITY n (number, at)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = n.number
    ) AS to_columns,
    k.confdeltype AS on_delete, k.confupdtype AS on_update,
    CASE WHEN k.contype = 'c' THEN pg_get_expr(k.conbin, k.conrelid) END AS expression,
    -- What the expressions of EXCLUDE refer to is noted with its index.
    CASE WHEN k.contype = 'x' THEN (
        SELECT json_agg(DISTINCT a.attname)
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_class'::regclass AND d.objid = k.conindid
            AND d.refclassid = 'pg_class'::regclass AND d.refobjid = k.conrelid AND d.refobjsubid > 0
    ) END AS index_columns,
    coalesce(
        (SELECT {nulls_not_distinct} FROM pg_catalog.pg_index i WHERE i.indexrelid = k.conindid), false
    ) AS nulls_not_distinct
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN own ON own.oid = c.relnamespace
WHERE k.contype IN ('c', 'f', 'p', 'u', 'x', 'n')
ORDER BY k.conrelid, k.conname COLLATE "C"
