//! Restores against a real server: what comes back is what was backed up, whatever is in it.

use std::path::Path;

use anyhow::{Context as _, ensure};
use pgbelay_agent::backup::{RestoreRequest, restore};
use pgbelay_agent::database::{Control, Secret, Target};
use pgbelay_core::command::Backup;
use pgbelay_core::job::{Destination, JobEnd, Restored};
use pgbelay_proto::convert::WireJob;

use crate::backups::{Yard, backed_up};
use crate::world::APP;

const EVERYTHING: &str = include_str!("catalogs.sql");

/// What a database has after a life of changes, and a dump writes in another way.
const A_LIFE: &str = "CREATE SCHEMA life; SET search_path = life, public; \
    CREATE TABLE worn (a int, b text, c int, d date); INSERT INTO worn SELECT n, n, n, now() FROM generate_series(1, 50) n; \
    ALTER TABLE worn DROP COLUMN b; ALTER TABLE worn ADD COLUMN e text DEFAULT 'x'; ALTER TABLE worn DROP COLUMN a; \
    ALTER TABLE worn ALTER COLUMN c TYPE bigint; ALTER TABLE worn ADD CONSTRAINT old CHECK (c > 100) NOT VALID; \
    CREATE TABLE parts (id int, at date, x text) PARTITION BY RANGE (at); \
    CREATE TABLE parts_b (x text, gone int, at date, id int); ALTER TABLE parts_b DROP COLUMN gone; \
    ALTER TABLE parts ATTACH PARTITION parts_b FOR VALUES FROM ('2026-01-01') TO ('2027-01-01'); \
    CREATE TABLE parts_rest PARTITION OF parts DEFAULT; CREATE INDEX ON parts (at); \
    INSERT INTO parts VALUES (1, '2026-05-05', 'y'), (2, '2020-01-01', NULL); \
    CREATE TABLE child (z int) INHERITS (worn); INSERT INTO child (c, z) VALUES (101, 1); \
    CREATE VIEW v AS SELECT * FROM worn; CREATE MATERIALIZED VIEW m AS SELECT count(*) AS n FROM worn; \
    CREATE UNIQUE INDEX ON m (n); COMMENT ON COLUMN worn.c IS 'it''s'; \
    CREATE TABLE \"we\"\"ird\" (\"a b\" text); INSERT INTO \"we\"\"ird\" VALUES (E'tab\\tnew\\nline\\\\.'), (NULL), ('\\.'); \
    ALTER TABLE worn ALTER COLUMN e SET STATISTICS 200; ALTER TABLE worn SET (fillfactor = 70); \
    ALTER DEFAULT PRIVILEGES IN SCHEMA life GRANT SELECT ON TABLES TO PUBLIC; GRANT SELECT ON worn TO PUBLIC; \
    SELECT lo_from_bytea(0, '\\x00ff'); CREATE SEQUENCE s START 7; SELECT nextval('s'); RESET search_path";

pub(crate) async fn into(
    yard: &Yard,
    target: &Target,
    backup: &Backup,
    into: Destination,
) -> anyhow::Result<JobEnd> {
    by(yard, target, backup, (into, yard.world.cluster.programs(), None)).await
}

/// The same with what opens the backup.
pub(crate) async fn with_key(
    yard: &Yard,
    backup: &Backup,
    (into, key): (Destination, &str),
) -> anyhow::Result<JobEnd> {
    let programs = yard.world.cluster.programs();
    by(yard, &yard.world.target, backup, (into, programs, Some(key))).await
}

/// The same with other programs.
pub(crate) async fn by(
    yard: &Yard,
    target: &Target,
    backup: &Backup,
    (into, programs, key): (Destination, &Path, Option<&str>),
) -> anyhow::Result<JobEnd> {
    let job = WireJob {
        id: "j1".parse()?,
        backup: backup.path.rsplit('/').next().unwrap_or_default().to_owned(),
        path: backup.path.clone(),
        sha256: backup.sha256,
        into,
        key: key.map(Secret::new),
    };
    let name = APP.parse()?;
    let dir = yard.path();
    let request = RestoreRequest {
        job: &job,
        name: &name,
        ca_pem: &yard.signer.ca_pem,
        programs: Some(programs),
        stores: &yard.stores,
        dir: &dir,
    };
    let world = &yard.world;
    let control = Control { progress: &world.progress, cancel: &world.cancel, lease: &|| true, may_end: &[] };
    Ok(restore(target, &request, &control).await)
}

pub(crate) fn restored(end: JobEnd) -> anyhow::Result<Restored> {
    match end {
        JobEnd::Restored(restored) => Ok(restored),
        other @ (JobEnd::Failed { .. } | JobEnd::Cancelled | JobEnd::Interrupted { .. }) => {
            anyhow::bail!("{other:?}")
        }
    }
}

#[tokio::test]
async fn a_schema_with_something_of_everything_comes_back_as_it_was() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let client = yard.world.client().await?;
    client.batch_execute(EVERYTHING).await?;
    client.batch_execute(A_LIFE).await?;
    let backup = backed_up(yard.back_up(None).await?);
    let end = restored(into(&yard, &yard.world.target, &backup, Destination::Scratch).await?)?;
    // It has definitions that PostgreSQL itself writes in other words when they were restored.
    let doubt = end.schema_doubt.as_deref().context("no doubt")?;
    ensure!(doubt.starts_with("all of its objects are there"), "{doubt}");
    ensure!(end.counted > 10 && end.notes.is_empty(), "{end:?}");

    // What it writes in the same words is compared to the letter: nothing is new to what was restored once.
    let yard = Yard::new().await?;
    let plain = A_LIFE.replace("ALTER TABLE worn ADD CONSTRAINT old CHECK (c > 100) NOT VALID;", "");
    ensure!(plain != A_LIFE);
    yard.world.client().await?.batch_execute(&plain).await?;
    let backup = backed_up(yard.back_up(None).await?);
    let end = restored(into(&yard, &yard.world.target, &backup, Destination::Scratch).await?)?;
    ensure!(end.schema_doubt.is_none() && end.counted >= 5, "{end:?}");
    Ok(())
}

#[tokio::test]
async fn what_is_not_what_was_backed_up_is_told_and_goes_again() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let backup = backed_up(yard.back_up(None).await?);
    // A pg_restore that loses a row of each table, and nothing else.
    let psql = yard.world.cluster.programs().join("psql");
    let script = format!(
        "case \"$*\" in *--jobs=*) \"$REAL\" \"$@\" && {} -qX -d \"$5\" -c 'DELETE FROM a WHERE id = 1';; \
         *) exec \"$REAL\" \"$@\";; esac",
        psql.display()
    );
    let programs = yard.programs_with("pg_restore", &script)?;
    let new = Destination::New { name: "back".to_owned() };
    let end = by(&yard, &yard.world.target, &backup, (new, &programs, None)).await?;
    let JobEnd::Failed { problems, .. } = &end else { anyhow::bail!("{end:?}") };
    ensure!(problems == &["public.a has 4999 rows in place of 5000"], "{problems:?}");
    let world = &yard.world;
    let sql = "SELECT count(*) FROM pg_database WHERE datname = 'back' OR datname LIKE 'pgbelay_job_%'";
    let left: i64 = world.client().await?.query_one(sql, &[]).await?.get(0);
    ensure!(left == 0, "{left} databases are left");
    Ok(())
}

#[tokio::test]
async fn a_schema_that_lacks_an_object_is_not_the_same() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let backup = backed_up(yard.back_up(None).await?);
    let script = format!(
        "case \"$*\" in *--jobs=*) \"$REAL\" \"$@\" && {} -qX -d \"$5\" -c 'ALTER TABLE a DROP CONSTRAINT a_pkey';; \
         *) exec \"$REAL\" \"$@\";; esac",
        yard.world.cluster.programs().join("psql").display()
    );
    let programs = yard.programs_with("pg_restore", &script)?;
    let end = by(&yard, &yard.world.target, &backup, (Destination::Scratch, &programs, None)).await?;
    let JobEnd::Failed { message, .. } = &end else { anyhow::bail!("{end:?}") };
    ensure!(message.contains("it has other objects"), "{message}");
    Ok(())
}

#[tokio::test]
async fn a_database_keeps_its_settings_its_owner_and_its_privileges() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let client = yard.world.client().await?;
    let sql = format!(
        "CREATE ROLE boss; CREATE ROLE reader; ALTER DATABASE {APP} OWNER TO boss; \
         REVOKE ALL ON DATABASE {APP} FROM PUBLIC; GRANT CONNECT, TEMPORARY ON DATABASE {APP} TO reader; \
         ALTER DATABASE {APP} SET work_mem = '7MB'; ALTER DATABASE {APP} SET search_path = \"$user\", s, public; \
         ALTER DATABASE {APP} SET \"my.own\" = 'it''s'"
    );
    client.batch_execute(&sql).await?;
    let backup = backed_up(yard.back_up(None).await?);
    let name = "back".to_owned();
    let end = restored(into(&yard, &yard.world.target, &backup, Destination::New { name }).await?)?;
    ensure!(end.notes.is_empty(), "{end:?}");
    let facts = "SELECT pg_get_userbyid(datdba)::text, \
        (SELECT string_agg(a.grantee::regrole || ' ' || a.privilege_type, ', ' ORDER BY 1) FROM aclexplode(datacl) a), \
        (SELECT string_agg(c, '; ' ORDER BY c) FROM pg_db_role_setting r, unnest(r.setconfig) c WHERE r.setdatabase = d.oid), \
        datcollate::text, encoding::text FROM pg_database d WHERE datname = $1";
    let of = async |name: &str| {
        let row = client.query_one(facts, &[&name]).await?;
        anyhow::Ok((0..5).map(|at| row.get::<_, Option<String>>(at)).collect::<Vec<_>>())
    };
    let (was, is) = (of(APP).await?, of("back").await?);
    ensure!(was == is && was.iter().all(Option::is_some), "{was:?}\n{is:?}");
    Ok(())
}

#[tokio::test]
async fn whoever_is_not_named_is_not_cut_off_also_where_little_may_be_seen() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let other = yard.world.client().await?;
    let sql = format!(
        "CREATE ROLE limited LOGIN CREATEDB PASSWORD 'p'; ALTER DATABASE {APP} OWNER TO limited; \
         ALTER SCHEMA public OWNER TO limited; ALTER SCHEMA s OWNER TO limited; ALTER TABLE a OWNER TO limited; \
         ALTER TABLE u OWNER TO limited; ALTER TABLE s.\"B b\" OWNER TO limited; ALTER TABLE s.empty OWNER TO limited"
    );
    other.batch_execute(&sql).await?;
    let backup = backed_up(yard.back_up(None).await?);
    let target = Target {
        user: "limited".to_owned(),
        password: Some(Secret::new("p".to_owned())),
        ..yard.world.target.clone()
    };
    let end = into(&yard, &target, &backup, Destination::InPlace { cut_off: Vec::new() }).await?;
    let JobEnd::Failed { message, hint, .. } = &end else { anyhow::bail!("{end:?}") };
    let user = &yard.world.target.user;
    ensure!(message.contains("sessions would be cut off") && message.contains(user), "{end:?}");
    ensure!(hint.contains(&format!("--cut-off {user}")), "{end:?}");
    let here: i64 = other.query_one("SELECT count(*) FROM a", &[]).await.context("it was cut off")?.get(0);
    ensure!(here == 5000, "{here}");
    Ok(())
}
