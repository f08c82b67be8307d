SELECT i.indrelid::bigint AS relation, x.relname AS name, i.indisunique AS unique_keys,
    EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
            AND d.refclassid = 'pg_constraint'::regclass AND d.deptype = 'i'
    ) AS of_constraint,
    m.amname AS method,
    (
        SELECT json_agg(json_build_object(
            'column', a.attname,
            'expression', CASE WHEN i.indkey[n.at] = 0 THEN pg_get_indexdef(i.indexrelid, n.at + 1, true) END,
            'collation', l.collname, 'operator_class', o.opcname, 'option', i.indoption[n.at]
        ) ORDER BY n.at)
        FROM generate_series(0, i.indnkeyatts - 1) n (at)
        LEFT JOIN pg_catalog.pg_attribute a
            ON a.attrelid = i.indrelid AND a.attnum = i.indkey[n.at] AND i.indkey[n.at] <> 0
        LEFT JOIN pg_catalog.pg_collation l
            ON l.oid = i.indcollation[n.at] AND i.indcollation[n.at] <> a.attcollation
        LEFT JOIN pg_catalog.pg_opclass o ON o.oid = i.indclass[n.at] AND NOT o.opcdefault
    ) AS keys,
    (
        SELECT json_agg(a.attname ORDER BY n.at)
        FROM generate_series(i.indnkeyatts, i.indnatts - 1) n (at)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[n.at]
    ) AS include,
    pg_get_expr(i.indpred, i.indrelid) AS predicate, {nulls_not_distinct} AS nulls_not_distinct,
    i.indisvalid AS valid, h.indrelid::bigint AS part_of_relation, h.relname AS part_of_index,
    s.spcname AS tablespace, i.indisclustered AS clustered
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
JOIN own ON own.oid = c.relnamespace
JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
JOIN pg_catalog.pg_am m ON m.oid = x.relam
LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = x.reltablespace
LEFT JOIN LATERAL (
    SELECT p.indrelid, y.relname FROM pg_catalog.pg_inherits u
    JOIN pg_catalog.pg_index p ON p.indexrelid = u.inhparent
    JOIN pg_catalog.pg_class y ON y.oid = u.inhparent
    WHERE u.inhrelid = i.indexrelid
    LIMIT 1
) h ON true
WHERE i.indislive
ORDER BY i.indrelid, x.relname COLLATE "C"
