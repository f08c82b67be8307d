SELECT s.stxrelid::bigint AS relation, s.stxname AS name,
    (
        SELECT json_agg(DISTINCT a.attname)
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_statistic_ext'::regclass AND d.objid = s.oid
            AND d.refclassid = 'pg_class'::regclass AND d.refobjid = s.stxrelid AND d.refobjsubid > 0
    ) AS columns
FROM pg_catalog.pg_statistic_ext s
JOIN pg_catalog.pg_class c ON c.oid = s.stxrelid
JOIN own ON own.oid = c.relnamespace
ORDER BY s.stxrelid, s.stxname COLLATE "C"
