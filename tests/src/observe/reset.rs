//! Empties a database: much quicker than another one.

use tokio_postgres::Client;

/// What a case may leave behind, as the statements that remove it, in their order.
const LEFT: &str = "\
    SELECT 1, format('DROP EVENT TRIGGER %I', evtname) FROM pg_event_trigger \
    UNION ALL SELECT 2, format('DROP PUBLICATION %I', pubname) FROM pg_publication \
    UNION ALL SELECT 3, format('DROP FOREIGN DATA WRAPPER %I CASCADE', fdwname) FROM pg_foreign_data_wrapper \
    UNION ALL SELECT 4, format('DROP EXTENSION %I CASCADE', extname) FROM pg_extension WHERE extname <> 'plpgsql' \
    UNION ALL SELECT 5, format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace \
              WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema' \
    UNION ALL SELECT 6, format('DROP CAST (%s AS %s)', castsource::regtype, casttarget::regtype) FROM pg_cast c \
              WHERE oid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend d \
                    WHERE d.classid = 'pg_cast'::regclass AND d.objid = c.oid AND d.deptype = 'e') \
    UNION ALL SELECT 7, format('DROP ACCESS METHOD %I CASCADE', amname) FROM pg_am WHERE oid >= 16384 \
    UNION ALL SELECT 8, format('SELECT lo_unlink(%s)', oid) FROM pg_largeobject_metadata \
    UNION ALL SELECT 9, 'CREATE SCHEMA public' \
    ORDER BY 1";

/// Makes the session and its database as they were before the first case. What belongs to the whole server (roles,
/// tablespaces, databases) stays.
///
/// # Errors
/// The server is gone, or a case has left what is not known here.
pub async fn reset(client: &Client) -> anyhow::Result<()> {
    client.batch_execute("DISCARD ALL").await?;
    for row in client.query(LEFT, &[]).await? {
        client.batch_execute(row.try_get(1)?).await?;
    }
    Ok(())
}
