//! Migrations are tried on a copy of the database before anything is done to the database.

use anyhow::ensure;
use pgbelay_tests::wait::{self, Look};
use pgbelay_tests::world::{PATIENCE, World};

const POLICY: &str = "
environments:
  - name: staging
    rehearsal: data
";

const STATE: (&str, &str) =
    ("001_state.sql", "ALTER TABLE orders ADD COLUMN state text; CREATE INDEX by_state ON orders (state);");

const MIGRATE: [&str; 4] = ["migrate", "--env", "staging", "--force"];

#[tokio::test]
async fn what_does_not_go_there_and_back_on_a_copy_changes_nothing() -> anyhow::Result<()> {
    let world = World::builder().databases(&[("one", "staging")]).policy(POLICY).start().await?;
    let client = world.connect("one").await?;
    client
        .batch_execute("CREATE TABLE orders (id int, state_of text); INSERT INTO orders VALUES (1)")
        .await?;
    let columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'orders'";
    let databases = "SELECT count(*) FROM pg_database";
    let before: i64 = client.query_one(databases, &[]).await?.get(0);

    // Rollback SQL that runs, and leaves something else than there was.
    let wrong = ("rollback/001_rollback.sql", "ALTER TABLE orders DROP COLUMN state, DROP COLUMN state_of;");
    world.write_migrations(&[STATE, wrong])?;
    world.cli(&MIGRATE).await?.ended(1, &["rehearsal", "state_of is missing"]);
    let failed = world.json(&["rollout", "show", "r1"]).await?;
    let target = &failed["targets"][0];
    ensure!(failed["state"] == "paused" && target["state"] == "failed", "{failed:#}");
    ensure!(target["error"]["kind"] == "rehearsal" && target["backup"].is_null(), "{failed:#}");
    ensure!(client.query_one(columns, &[]).await?.get::<_, i64>(0) == 2, "the database was changed");
    let status = world.json(&["status"]).await?;
    ensure!(status["databases"][0]["applied"] == 0, "{status:#}");

    // A row that only this database has: the copy has it, too.
    let unique = ("001_state.sql", "CREATE UNIQUE INDEX one_of_each ON orders (id);");
    let back = ("rollback/001_rollback.sql", "DROP INDEX one_of_each;");
    client.batch_execute("INSERT INTO orders VALUES (1)").await?;
    world.write_migrations(&[unique, back])?;
    world.cli(&MIGRATE).await?.ended(1, &["rehearsal", "one_of_each"]);

    // What it would do to the server it would do to the real one.
    let role = ("001_state.sql", "SELECT 1;\nCREATE ROLE of_the_server;");
    let back = ("rollback/001_rollback.sql", "DROP ROLE of_the_server;");
    world.write_migrations(&[role, back])?;
    world.cli(&MIGRATE).await?.ended(1, &["line 2: CREATE ROLE", "cannot be tried"]);
    let roles = "SELECT count(*) FROM pg_roles WHERE rolname = 'of_the_server'";
    ensure!(client.query_one(roles, &[]).await?.get::<_, i64>(0) == 0, "the role is there");

    let right = ("rollback/001_rollback.sql", "DROP INDEX by_state; ALTER TABLE orders DROP COLUMN state;");
    world.write_migrations(&[STATE, right])?;
    world.cli(&MIGRATE).await?.ended(0, &[]);
    let done = world.json(&["rollout", "show", "r4"]).await?;
    let shown = done["targets"][0]["rehearsal"].as_str().unwrap_or_default();
    ensure!(shown.starts_with("1 migration forward, back and forward again"), "{done:#}");
    ensure!(client.query_one(columns, &[]).await?.get::<_, i64>(0) == 3, "it was not run");
    let after: i64 = client.query_one(databases, &[]).await?.get(0);
    ensure!(after == before, "a copy is left over");
    Ok(())
}

const SLOW: [(&str, &str); 2] = [
    ("001_slow.sql", "CREATE TABLE slow (id int); SELECT pg_catalog.pg_sleep(3);"),
    ("rollback/001_rollback.sql", "DROP TABLE slow;"),
];

/// The session in which a copy sleeps, another one than `before`.
async fn asleep(world: &World, before: i32) -> anyhow::Result<i32> {
    let sql = "SELECT pid FROM pg_stat_activity
               WHERE datname LIKE 'pgbelay\\_rehearsal\\_%' AND wait_event = 'PgSleep' AND pid <> $1";
    wait::until("the migration runs on a copy", PATIENCE, async || {
        let row = world.connect("one").await?.query_opt(sql, &[&before]).await?;
        Ok(row.map_or_else(|| Look::not_yet("nobody sleeps"), |row| Look::Done(row.get(0))))
    })
    .await
}

async fn copies(world: &World) -> anyhow::Result<i64> {
    let sql = "SELECT count(*) FROM pg_database WHERE datname LIKE 'pgbelay\\_rehearsal\\_%'";
    Ok(world.connect("one").await?.query_one(sql, &[]).await?.get(0))
}

#[tokio::test]
async fn it_is_done_again_when_the_agent_is_killed_and_goes_on_without_the_controller() -> anyhow::Result<()>
{
    let mut world = World::builder().databases(&[("one", "staging")]).policy(POLICY).start().await?;
    world.write_migrations(&SLOW)?;
    let mut watching = world.spawn_cli(&MIGRATE, "migrate")?;
    let first = asleep(&world, 0).await?;
    world.kill_agent("one")?;
    world.start_agent("one")?;
    let second = asleep(&world, first).await?;
    world.kill_controller()?;
    world.start_controller().await?;
    let done = world.rollout_until("r1", "the end", |view| view["state"] == "succeeded").await?;
    let shown = done["targets"][0]["rehearsal"].as_str().unwrap_or_default();
    ensure!(shown.starts_with("1 migration forward"), "{done:#}");
    ensure!(first != second && world.applied("one").await? == ["001"], "{done:#}");
    ensure!(copies(&world).await? == 0, "a copy is left over");
    ensure!(watching.wait(PATIENCE).await?.success(), "watching goes on over the controller's end");
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_killed_meanwhile_changes_nothing_and_keeps_no_copy() -> anyhow::Result<()> {
    let mut world = World::builder().databases(&[("one", "staging")]).policy(POLICY).start().await?;
    world.write_migrations(&SLOW)?;
    let mut watching = world.spawn_cli(&MIGRATE, "migrate")?;
    asleep(&world, 0).await?;
    world.cluster.stop_immediate()?;
    world.cluster.start_again().await?;
    let stands = world.rollout_until("r1", "that it stands", |view| view["state"] != "running").await?;
    ensure!(stands["state"] == "paused" && stands["targets"][0]["state"] == "failed", "{stands:#}");
    ensure!(world.applied("one").await?.is_empty(), "{stands:#}");
    ensure!(!watching.wait(PATIENCE).await?.success(), "a failure is told");
    world.cli(&["rollout", "retry", "r1"]).await?.ended(0, &[]);
    world.rollout_until("r1", "the end", |view| view["state"] == "succeeded").await?;
    ensure!(world.applied("one").await? == ["001"] && copies(&world).await? == 0);
    Ok(())
}

#[tokio::test]
async fn an_agent_that_has_forgotten_its_rehearsal_drops_the_copy_all_the_same() -> anyhow::Result<()> {
    let mut world = World::builder().databases(&[("one", "staging")]).policy(POLICY).start().await?;
    world.write_migrations(&[("001_slow.sql", "SELECT pg_catalog.pg_sleep(1000);")])?;
    let _watching = world.spawn_cli(&MIGRATE, "migrate")?;
    asleep(&world, 0).await?;
    world.kill_agent("one")?;
    world.cli(&["rollout", "abort", "r1"]).await?.ended(0, &[]);
    world.rollout_until("r1", "the end", |view| view["state"] == "aborted").await?;
    ensure!(copies(&world).await? == 1);
    std::fs::remove_dir_all(world.member("one").home.join("state/journal"))?;
    world.start_agent("one")?;
    wait::until("the copy is gone", PATIENCE, async || {
        Ok(if copies(&world).await? == 0 { Look::Done(()) } else { Look::not_yet("it is there") })
    })
    .await
}
