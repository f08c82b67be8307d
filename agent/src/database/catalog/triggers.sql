-- Those of foreign keys and deferrable constraints have a constraint that is no trigger's. The servers' own mark for
-- them is not the same in all versions for the copies that partitions get.
SELECT g.tgrelid::bigint AS relation, g.tgname AS name, p.proname AS function, g.tgtype AS bits,
    g.tgenabled AS enabled,
    (
        SELECT json_agg(DISTINCT a.attname)
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_trigger'::regclass AND d.objid = g.oid
            AND d.refclassid = 'pg_class'::regclass AND d.refobjid = g.tgrelid AND d.refobjsubid > 0
    ) AS columns
FROM pg_catalog.pg_trigger g
JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
JOIN own ON own.oid = c.relnamespace
JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid
LEFT JOIN pg_catalog.pg_constraint k ON k.oid = g.tgconstraint
WHERE g.tgconstraint = 0 OR k.contype = 't'
ORDER BY g.tgrelid, g.tgname COLLATE "C"
