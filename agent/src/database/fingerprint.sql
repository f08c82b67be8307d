-- The canonical facts of a schema: kind, name, definition. No oids, no owners, no rights, no comments, no data.
-- {schema} is pgbelay's own schema, as a string constant. Runs with search_path = pg_catalog, so names are qualified.
WITH own AS MATERIALIZED (
    SELECT oid, quote_ident(nspname) AS name FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND nspname <> {schema}
), ext AS MATERIALIZED (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), rel AS MATERIALIZED (
    SELECT c.*, own.name || '.' || quote_ident(c.relname) AS name
    FROM pg_class c JOIN own ON own.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c', 'S')
        AND (1259, c.oid) NOT IN (SELECT classid, objid FROM ext)
        AND NOT (c.relkind = 'c' AND (1247, c.reltype) IN (SELECT classid, objid FROM ext))
), parent AS MATERIALIZED (
    SELECT inhrelid, string_agg(inhparent::regclass::text, ',' ORDER BY inhseqno) AS names
    FROM pg_inherits GROUP BY inhrelid
), typ AS MATERIALIZED (
    SELECT t.*, own.name || '.' || quote_ident(t.typname) AS name
    FROM pg_type t JOIN own ON own.oid = t.typnamespace
    WHERE t.typtype IN ('e', 'd', 'r', 'b') AND t.typcategory <> 'A'
        AND (1247, t.oid) NOT IN (SELECT classid, objid FROM ext)
), routine AS MATERIALIZED (
    SELECT p.*, own.name || '.' || quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')' AS name
    FROM pg_proc p JOIN own ON own.oid = p.pronamespace
    WHERE (1255, p.oid) NOT IN (SELECT classid, objid FROM ext)
), facts (kind, name, definition) AS (
    SELECT 'schema', name, '' FROM own WHERE (2615, oid) NOT IN (SELECT classid, objid FROM ext)
    UNION ALL
    SELECT 'relation', r.name, jsonb_build_array(
        r.relkind, r.relpersistence, r.relrowsecurity, r.relforcerowsecurity, r.relreplident,
        CASE WHEN r.reloptions IS NOT NULL
            THEN (SELECT string_agg(o, ',' ORDER BY o COLLATE "C") FROM unnest(r.reloptions) o) END,
        CASE WHEN r.relkind = 'p' THEN pg_get_partkeydef(r.oid) END,
        pg_get_expr(r.relpartbound, r.oid),
        CASE WHEN r.reloftype <> 0 THEN r.reloftype::regtype::text END,
        parent.names)::text
    FROM rel r LEFT JOIN parent ON parent.inhrelid = r.oid
    UNION ALL
    SELECT 'column', r.name || '.' || quote_ident(a.attname), jsonb_build_array(
        row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum),
        format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, a.attstorage,
        CASE WHEN a.attcollation NOT IN (0, t.typcollation)
            THEN (SELECT quote_ident(n.nspname) || '.' || quote_ident(c.collname)
                FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = a.attcollation) END,
        pg_get_expr(d.adbin, d.adrelid))::text
    FROM rel r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE r.relkind <> 'S'
    UNION ALL
    SELECT 'constraint', coalesce(r.name, t.name) || '.' || quote_ident(c.conname), pg_get_constraintdef(c.oid)
    FROM pg_constraint c LEFT JOIN rel r ON r.oid = c.conrelid LEFT JOIN typ t ON t.oid = c.contypid
    WHERE c.contype NOT IN ('n', 't') AND (r.oid IS NOT NULL OR t.oid IS NOT NULL)
    UNION ALL
    SELECT 'index', r.name || '.' || quote_ident(x.relname), jsonb_build_array(
        pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisclustered, i.indisreplident)::text
    FROM pg_index i JOIN rel r ON r.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
    UNION ALL
    SELECT 'view', name, pg_get_viewdef(oid) FROM rel WHERE relkind IN ('v', 'm')
    UNION ALL
    SELECT 'rule', r.name || '.' || quote_ident(w.rulename), pg_get_ruledef(w.oid) || w.ev_enabled::text
    FROM pg_rewrite w JOIN rel r ON r.oid = w.ev_class WHERE w.rulename <> '_RETURN'
    UNION ALL
    SELECT 'trigger', r.name || '.' || quote_ident(t.tgname), pg_get_triggerdef(t.oid) || t.tgenabled::text
    FROM pg_trigger t JOIN rel r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'policy', r.name || '.' || quote_ident(p.polname), jsonb_build_array(
        p.polcmd, p.polpermissive,
        (SELECT string_agg(CASE WHEN o = 0 THEN 'public' ELSE quote_ident(pg_get_userbyid(o)) END, ','
            ORDER BY pg_get_userbyid(o) COLLATE "C") FROM unnest(p.polroles) o),
        pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))::text
    FROM pg_policy p JOIN rel r ON r.oid = p.polrelid
    UNION ALL
    SELECT 'sequence', r.name, jsonb_build_array(
        format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcache, s.seqcycle,
        (SELECT d.refobjid::regclass::text || '.' || quote_ident(a.attname)
            FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
            WHERE d.classid = 1259 AND d.objid = r.oid AND d.refclassid = 1259
                AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')))::text
    FROM pg_sequence s JOIN rel r ON r.oid = s.seqrelid
    UNION ALL
    SELECT 'function', name, pg_get_functiondef(oid) FROM routine WHERE prokind IN ('f', 'p', 'w')
    UNION ALL
    SELECT 'aggregate', p.name, jsonb_build_array(
        format_type(p.prorettype, NULL), p.proparallel, a.aggkind, a.aggtransfn::regprocedure::text,
        a.aggfinalfn::regproc::text, a.aggcombinefn::regproc::text, a.aggmtransfn::regproc::text,
        a.aggminvtransfn::regproc::text, a.aggsortop::regoperator::text,
        format_type(a.aggtranstype, NULL), a.agginitval)::text
    FROM pg_aggregate a JOIN routine p ON p.oid = a.aggfnoid
    UNION ALL
    SELECT 'enum', t.name, (SELECT jsonb_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid)::text
    FROM typ t WHERE t.typtype = 'e'
    UNION ALL
    SELECT 'domain', t.name, jsonb_build_array(
        format_type(t.typbasetype, t.typtypmod), t.typnotnull, t.typdefault,
        (SELECT quote_ident(n.nspname) || '.' || quote_ident(c.collname)
            FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = t.typcollation))::text
    FROM typ t WHERE t.typtype = 'd'
    UNION ALL
    SELECT 'range', t.name, jsonb_build_array(
        format_type(r.rngsubtype, NULL), r.rngcanonical::regproc::text, r.rngsubdiff::regproc::text,
        (SELECT opcname FROM pg_opclass WHERE oid = r.rngsubopc),
        (SELECT collname FROM pg_collation WHERE oid = r.rngcollation))::text
    FROM typ t JOIN pg_range r ON r.rngtypid = t.oid
    UNION ALL
    SELECT 'type', t.name, jsonb_build_array(t.typlen, t.typinput::text, t.typoutput::text)::text
    FROM typ t WHERE t.typtype = 'b'
    UNION ALL
    SELECT 'statistics', own.name || '.' || quote_ident(s.stxname), pg_get_statisticsobjdef(s.oid)
    FROM pg_statistic_ext s JOIN own ON own.oid = s.stxnamespace
    UNION ALL
    SELECT 'operator', o.oid::regoperator::text, jsonb_build_array(
        o.oprcode::regprocedure::text, o.oprcom::regoperator::text, o.oprnegate::regoperator::text,
        o.oprrest::regproc::text, o.oprjoin::regproc::text, o.oprcanhash, o.oprcanmerge)::text
    FROM pg_operator o JOIN own ON own.oid = o.oprnamespace WHERE (2617, o.oid) NOT IN (SELECT classid, objid FROM ext)
    UNION ALL
    SELECT 'cast', format_type(c.castsource, NULL) || ' AS ' || format_type(c.casttarget, NULL), jsonb_build_array(
        CASE WHEN c.castfunc <> 0 THEN c.castfunc::regprocedure::text END, c.castcontext, c.castmethod)::text
    -- Those of initdb have lower oids than anything made later.
    FROM pg_cast c WHERE c.oid >= 16384 AND (2605, c.oid) NOT IN (SELECT classid, objid FROM ext)
    UNION ALL
    -- Whole rows: the columns differ between versions of the server.
    SELECT 'collation', own.name || '.' || quote_ident(c.collname),
        (to_jsonb(c) - '{oid,collname,collnamespace,collowner,collversion}'::text[])::text
    FROM pg_collation c JOIN own ON own.oid = c.collnamespace WHERE (3456, c.oid) NOT IN (SELECT classid, objid FROM ext)
    UNION ALL
    SELECT 'foreign table', r.name, jsonb_build_array(s.srvname, f.ftoptions)::text
    FROM pg_foreign_table f JOIN rel r ON r.oid = f.ftrelid JOIN pg_foreign_server s ON s.oid = f.ftserver
    UNION ALL
    SELECT 'foreign server', quote_ident(s.srvname), jsonb_build_array(w.fdwname, s.srvtype, s.srvversion, s.srvoptions)::text
    FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
    UNION ALL
    SELECT 'publication', quote_ident(p.pubname), jsonb_build_array(
        p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate,
        (SELECT string_agg(r.prrelid::regclass::text, ',' ORDER BY r.prrelid::regclass::text COLLATE "C")
            FROM pg_publication_rel r WHERE r.prpubid = p.oid))::text
    FROM pg_publication p
    UNION ALL
    SELECT 'event trigger', quote_ident(evtname), jsonb_build_array(
        evtevent, evtfoid::regprocedure::text, evtenabled, evttags)::text
    FROM pg_event_trigger e WHERE (3466, e.oid) NOT IN (SELECT classid, objid FROM ext)
    UNION ALL
    SELECT 'extension', quote_ident(e.extname), jsonb_build_array(e.extversion, n.nspname)::text
    FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
)
SELECT kind, name, definition FROM facts
ORDER BY kind COLLATE "C", name COLLATE "C", definition COLLATE "C"
