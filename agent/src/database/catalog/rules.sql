SELECT w.oid::bigint AS oid, w.ev_class::bigint AS relation, w.rulename AS name
FROM pg_catalog.pg_rewrite w
JOIN pg_catalog.pg_class c ON c.oid = w.ev_class
JOIN own ON own.oid = c.relnamespace
ORDER BY w.ev_class, w.rulename COLLATE "C"
