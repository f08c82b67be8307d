SELECT c.oid::bigint AS relation, c.reltuples::float8 AS tuples, c.relpages AS pages,
    {bytes} AS bytes, {index_bytes} AS index_bytes,
    pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid)
        AS writes,
    floor(extract(epoch FROM now() - r.since))::bigint AS seconds
FROM pg_catalog.pg_class c
JOIN own ON own.oid = c.relnamespace
CROSS JOIN (
    SELECT pg_stat_get_db_stat_reset_time(d.oid) AS since
    FROM pg_catalog.pg_database d WHERE d.datname = current_database()
) r
WHERE c.relkind IN ('r', 'm')
