SELECT c.oid::bigint AS oid, own.name AS schema, c.relname AS name, c.relkind AS kind,
    c.relpersistence AS persistence, c.relrowsecurity AS row_security, c.relforcerowsecurity AS forced_row_security,
    c.relreplident AS replica_identity,
    CASE WHEN c.relreplident = 'i' THEN (
        SELECT x.relname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
        WHERE i.indrelid = c.oid AND i.indisreplident
    ) END AS identity_index,
    m.amname AS access_method, s.spcname AS tablespace,
    (SELECT y.typrelid::bigint FROM pg_catalog.pg_type y WHERE y.oid = c.reloftype) AS of_type,
    pg_get_expr(c.relpartbound, c.oid) AS bound, p.partstrat AS strategy,
    pg_get_expr(p.partexprs, p.partrelid) AS key_expressions,
    (
        SELECT json_agg(a.attname ORDER BY k.at)
        FROM unnest(p.partattrs) WITH ORDINALITY k (number, at)
        LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number AND k.number <> 0
    ) AS key_columns,
    c.relispopulated AS populated, c.relispartition AS partition,
    (
        SELECT json_agg(h.inhparent::bigint ORDER BY h.inhseqno)
        FROM pg_catalog.pg_inherits h WHERE h.inhrelid = c.oid
    ) AS parents,
    o.refobjid::bigint AS owner, o.attname AS owner_column
FROM pg_catalog.pg_class c
JOIN own ON own.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam AND m.amname <> 'heap' AND c.relkind IN ('r', 'p', 'm')
LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = c.reltablespace
LEFT JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = c.oid
LEFT JOIN LATERAL (
    SELECT d.refobjid, a.attname FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE c.relkind = 'S' AND d.classid = 'pg_class'::regclass AND d.objid = c.oid
        AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
    LIMIT 1
) o ON true
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')
ORDER BY c.oid
