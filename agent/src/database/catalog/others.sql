SELECT o.kind, o.schema, o.name FROM (
    SELECT 'pg_collation'::regclass::oid AS class, l.oid, 'collation' AS kind, own.name AS schema, l.collname AS name
    FROM pg_catalog.pg_collation l JOIN own ON own.oid = l.collnamespace
    UNION ALL
    SELECT 'pg_conversion'::regclass::oid AS class, c.oid, 'conversion', own.name, c.conname
    FROM pg_catalog.pg_conversion c JOIN own ON own.oid = c.connamespace
    UNION ALL
    SELECT 'pg_operator'::regclass::oid AS class, o.oid, 'operator', own.name, o.oprname
    FROM pg_catalog.pg_operator o JOIN own ON own.oid = o.oprnamespace
    UNION ALL
    -- Those of extensions too: of no class, so that they are not left out below.
    SELECT 0::oid AS class, o.oid, 'volatile operator', n.nspname, o.oprname
    FROM pg_catalog.pg_operator o
    JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
    JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode
    WHERE o.oid >= 16384 AND p.provolatile = 'v'
    UNION ALL
    SELECT 'pg_opclass'::regclass::oid AS class, o.oid, 'operator class', own.name, o.opcname
    FROM pg_catalog.pg_opclass o JOIN own ON own.oid = o.opcnamespace
    UNION ALL
    SELECT 'pg_opfamily'::regclass::oid AS class, o.oid, 'operator family', own.name, o.opfname
    FROM pg_catalog.pg_opfamily o JOIN own ON own.oid = o.opfnamespace
    UNION ALL
    SELECT 'pg_ts_config'::regclass::oid AS class, c.oid, 'text search configuration', own.name, c.cfgname
    FROM pg_catalog.pg_ts_config c JOIN own ON own.oid = c.cfgnamespace
    UNION ALL
    SELECT 'pg_ts_dict'::regclass::oid AS class, d.oid, 'text search dictionary', own.name, d.dictname
    FROM pg_catalog.pg_ts_dict d JOIN own ON own.oid = d.dictnamespace
    UNION ALL
    SELECT 'pg_ts_parser'::regclass::oid AS class, p.oid, 'text search parser', own.name, p.prsname
    FROM pg_catalog.pg_ts_parser p JOIN own ON own.oid = p.prsnamespace
    UNION ALL
    SELECT 'pg_ts_template'::regclass::oid AS class, t.oid, 'text search template', own.name, t.tmplname
    FROM pg_catalog.pg_ts_template t JOIN own ON own.oid = t.tmplnamespace
    UNION ALL
    SELECT 'pg_publication'::regclass::oid AS class, p.oid, 'publication', NULL, p.pubname FROM pg_catalog.pg_publication p
    UNION ALL
    SELECT 'pg_subscription'::regclass::oid AS class, s.oid, 'subscription', NULL, s.subname FROM pg_catalog.pg_subscription s
    WHERE s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
    UNION ALL
    SELECT 'pg_event_trigger'::regclass::oid AS class, e.oid, 'event trigger', NULL, e.evtname FROM pg_catalog.pg_event_trigger e
    UNION ALL
    SELECT 'pg_foreign_data_wrapper'::regclass::oid AS class, w.oid, 'foreign data wrapper', NULL, w.fdwname FROM pg_catalog.pg_foreign_data_wrapper w
    UNION ALL
    SELECT 'pg_foreign_server'::regclass::oid AS class, s.oid, 'server', NULL, s.srvname FROM pg_catalog.pg_foreign_server s
    UNION ALL
    -- What initdb made has lower oids than anything made later.
    SELECT 'pg_language'::regclass::oid AS class, l.oid, 'language', NULL, l.lanname FROM pg_catalog.pg_language l WHERE l.oid >= 16384
    UNION ALL
    SELECT 'pg_am'::regclass::oid AS class, m.oid, 'access method', NULL, m.amname FROM pg_catalog.pg_am m WHERE m.oid >= 16384
    UNION ALL
    SELECT 'pg_cast'::regclass::oid AS class, c.oid, 'cast', NULL, format_type(c.castsource, NULL) || ' AS ' || format_type(c.casttarget, NULL)
    FROM pg_catalog.pg_cast c WHERE c.oid >= 16384
) o (class, oid, kind, schema, name)
WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype IN ('e', 'i')
)
