-- What decides beside the schema what SQL does here: what a new session finds set, where and how tables are stored, and
-- NOT NULL constraints that are not valid (18). One text. Runs with search_path = pg_catalog, so names are qualified.
SELECT string_agg(fact, E'\n' ORDER BY fact COLLATE "C") FROM (
    SELECT 'setting ' || name || ' ' || reset_val AS fact FROM pg_settings
    WHERE name IN ('search_path', 'TimeZone', 'default_table_access_method', 'default_tablespace')
    UNION ALL
    SELECT 'relation ' || c.oid::regclass || ' ' || coalesce(a.amname, '') || ' ' || coalesce(t.spcname, '')
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_am a ON a.oid = c.relam
    LEFT JOIN pg_tablespace t ON t.oid = c.reltablespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        AND (t.oid IS NOT NULL OR c.relkind IN ('r', 'p', 'm') AND a.amname <> 'heap')
    UNION ALL
    SELECT 'not valid ' || c.conrelid::regclass || ' ' || quote_ident(c.conname)
    FROM pg_constraint c WHERE c.contype = 'n' AND NOT c.convalidated
) facts
