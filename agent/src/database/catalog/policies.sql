SELECT p.oid::bigint AS oid, p.polrelid::bigint AS relation, p.polname AS name
FROM pg_catalog.pg_policy p
JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
JOIN own ON own.oid = c.relnamespace
ORDER BY p.polrelid, p.polname COLLATE "C"
