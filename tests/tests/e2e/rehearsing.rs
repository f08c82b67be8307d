//! Migrations are tried on a copy of the database before anything is done to the database.

use anyhow::ensure;
use pgbelay_tests::world::World;

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

    let right = ("rollback/001_rollback.sql", "DROP INDEX by_state; ALTER TABLE orders DROP COLUMN state;");
    world.write_migrations(&[STATE, right])?;
    world.cli(&MIGRATE).await?.ended(0, &[]);
    let done = world.json(&["rollout", "show", "r3"]).await?;
    let shown = done["targets"][0]["rehearsal"].as_str().unwrap_or_default();
    ensure!(shown.starts_with("1 migration forward, back and forward again"), "{done:#}");
    ensure!(client.query_one(columns, &[]).await?.get::<_, i64>(0) == 3, "it was not run");
    let after: i64 = client.query_one(databases, &[]).await?.get(0);
    ensure!(after == before, "a copy is left over");
    Ok(())
}
