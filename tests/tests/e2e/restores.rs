//! A backup comes back: into a new database, some tables beside, in place, or as a proof.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use pgbelay_tests::wait;
use pgbelay_tests::world::World;
use serde_json::Value;

const ROWS: &str = "\
CREATE TABLE a (id int PRIMARY KEY, name text);
CREATE TABLE \"B b\" (id int PRIMARY KEY, a int REFERENCES a);
CREATE INDEX ON a (name);
INSERT INTO a SELECT n, md5(n::text) FROM generate_series(1, 2000) n;
INSERT INTO \"B b\" SELECT n, n FROM generate_series(1, 30) n;
";

const MORE: &str = "ALTER TABLE a ADD COLUMN more int;\nDELETE FROM \"B b\" WHERE id > 10;\n";

/// A fleet of one database with rows, whose second run has made a backup with them: 2000 and 30.
async fn with_rows() -> anyhow::Result<World> {
    let world = World::start(&[("orders", "staging")]).await?;
    run(&world, &[("001_rows.sql", ROWS)]).await?;
    run(&world, &[("001_rows.sql", ROWS), ("002_more.sql", MORE)]).await?;
    Ok(world)
}

async fn run(world: &World, files: &[(&str, &str)]) -> anyhow::Result<()> {
    let dir = world.write_migrations(files)?;
    let args = ["migrate", "--env", "staging", "--migrations", &dir.to_string_lossy(), "--force"];
    let rollout = world.json(&args).await?;
    ensure!(rollout["state"] == "succeeded", "{rollout}");
    Ok(())
}

async fn databases(world: &World) -> anyhow::Result<Vec<String>> {
    let client = world.connect("orders").await?;
    let sql = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY 1";
    Ok(client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}

/// A number from a database of the server of `orders`.
async fn number(world: &World, database: &str, sql: &str) -> anyhow::Result<i64> {
    let client = world.cluster.connect(database).await?;
    Ok(client.query_one(sql, &[]).await?.get(0))
}

async fn newest(world: &World) -> anyhow::Result<Value> {
    Ok(world.json(&["backup", "list"]).await?["backups"][0].clone())
}

#[tokio::test]
async fn a_backup_comes_back_as_a_new_database() -> anyhow::Result<()> {
    let world = with_rows().await?;
    let name = world.member("orders").pg_name.clone();
    let client = world.connect("orders").await?;
    client
        .batch_execute(&format!("ALTER DATABASE \"{name}\" SET search_path TO \"$user\", public, x"))
        .await?;
    let job = world.json(&["restore", "orders", "--backup", "before:002", "--into", "looked at"]).await?;
    ensure!(job["state"] == "restored" && job["kind"] == "restore", "{job}");
    let restored = &job["restored"];
    ensure!(restored["location"] == "looked at" && restored["schema_doubt"].is_null(), "{job}");
    ensure!(restored["notes"] == Value::Array(Vec::new()), "{job}");
    ensure!(restored["rows"].as_u64() >= Some(2030) && restored["counted"].as_u64() >= Some(2), "{job}");
    ensure!(number(&world, "looked at", "SELECT count(*) FROM a").await? == 2000);
    ensure!(number(&world, "looked at", "SELECT count(*) FROM \"B b\"").await? == 30);
    ensure!(
        number(&world, "looked at", "SELECT count(*) FROM pg_index WHERE indrelid = 'a'::regclass").await?
            == 2
    );
    ensure!(number(&world, &name, "SELECT count(*) FROM \"B b\"").await? == 10, "the live one is as it was");

    // What is there is left alone, and nothing is left over.
    let again = world.cli(&["restore", "orders", "--backup", "latest", "--into", "looked at"]).await?;
    let again = again.ended(1, &[]);
    ensure!(again.stdout.contains("there is a database called looked at already"), "{again:?}");
    let mut all = vec![name.clone(), "looked at".to_owned()];
    all.sort();
    ensure!(databases(&world).await? == all, "{:?}", databases(&world).await?);

    let list = world.json(&["job", "list"]).await?;
    ensure!(list["jobs"][0]["state"] == "failed" && list["jobs"][1]["state"] == "restored", "{list}");
    ensure!(list["jobs"][0]["by"].as_str().is_some_and(|by| !by.is_empty()), "{list}");
    let id = list["jobs"][0]["id"].as_str().context("no id")?;
    world.cli(&["job", "cancel", id]).await?.ended(3, &[&format!("{id} is over")]);
    world.cli(&["restore", "orders", "--backup", "no-such"]).await?.ended(2, &["no backup"]);
    world.cli(&["restore", "nowhere", "--backup", "latest"]).await?.ended(2, &["nowhere"]);
    Ok(())
}

#[tokio::test]
async fn a_backup_is_proven() -> anyhow::Result<()> {
    let mut world = with_rows().await?;
    let before = databases(&world).await?;
    let entry = newest(&world).await?;
    ensure!(entry["restored_at"].is_null(), "{entry}");
    let id = entry["id"].as_str().context("no id")?.to_owned();
    world.cli(&["backup", "verify", &id, "--restore"]).await?.ended(0, &[]);
    let proven = newest(&world).await?;
    ensure!(proven["restored_at"].is_string() && proven["verified_at"].is_string(), "{proven}");
    let drill = world.cli(&["backup", "drill", "--env", "staging"]).await?.ended(0, &[]);
    ensure!(drill.stdout.contains("the schema is the one that was backed up"), "{drill:?}");
    ensure!(databases(&world).await? == before, "nothing is left over");

    // It is remembered, and a backup that is broken is told, and stays so.
    world.kill_controller()?;
    world.start_controller().await?;
    world.all_connected().await?;
    ensure!(newest(&world).await?["restored_at"].is_string());
    let dump = Path::new(entry["location"].as_str().context("no place")?).join("dump");
    let rows =
        fs::read_dir(&dump)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    let rows = rows.iter().find(|path| path.to_string_lossy().contains(".dat.")).context("no rows")?;
    let mut changed = fs::read(rows)?;
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    fs::write(rows, changed)?;
    let name = rows.file_name().context("no name")?.to_string_lossy().into_owned();
    let told = world.cli(&["restore", "orders", "--backup", "latest"]).await?.ended(1, &[]);
    ensure!(told.stdout.contains(&format!("dump/{name} was changed")), "{told:?}");
    ensure!(newest(&world).await?["complete"] == false);
    world.cli(&["restore", "orders", "--backup", "latest"]).await?.ended(3, &["it is not whole"]);
    ensure!(databases(&world).await? == before, "nothing is left over");
    Ok(())
}

#[tokio::test]
async fn some_tables_come_back_beside_the_others() -> anyhow::Result<()> {
    let world = with_rows().await?;
    let name = world.member("orders").pg_name.clone();
    let args = ["restore", "orders", "--backup", "latest", "--tables", "B b,public.a", "--schema", "back"];
    let job = world.json(&args).await?;
    ensure!(job["state"] == "restored", "{job}");
    ensure!(number(&world, &name, "SELECT count(*) FROM back.\"B b\"").await? == 30);
    ensure!(number(&world, &name, "SELECT count(*) FROM back.a").await? == 2000);
    ensure!(
        number(&world, &name, "SELECT count(*) FROM public.\"B b\"").await? == 10,
        "the live one is as it was"
    );
    let again = world.cli(&args).await?.ended(1, &[]);
    ensure!(again.stdout.contains("there is a schema called back already"), "{again:?}");
    let none =
        world.cli(&["restore", "orders", "--backup", "latest", "--tables", "nope"]).await?.ended(1, &[]);
    ensure!(none.stdout.contains("the backup has no ordinary table nope"), "{none:?}");
    ensure!(databases(&world).await?.len() == 1, "nothing is left over");
    Ok(())
}

#[tokio::test]
async fn a_backup_takes_the_place_of_the_database() -> anyhow::Result<()> {
    let mut world = with_rows().await?;
    let name = world.member("orders").pg_name.clone();
    world.cli(&["restore", "orders", "--backup", "latest", "--in-place"]).await?.ended(3, &["not confirmed"]);

    // Somebody is connected, and nobody said that this may be ended.
    let client = world.connect("orders").await?;
    let password = world.cluster.password();
    client.batch_execute(&format!("CREATE ROLE app LOGIN SUPERUSER PASSWORD '{password}'")).await?;
    let mut config = world.cluster.config(&name);
    config.user("app");
    let (app, link) = config.connect(tokio_postgres::NoTls).await?;
    let link = tokio::spawn(link);
    let args = ["restore", "orders", "--backup", "latest", "--in-place", "--force"];
    let told = world.cli(&args).await?.ended(1, &[]);
    ensure!(
        told.stdout.contains("sessions would be cut off") && told.stdout.contains("--cut-off app"),
        "{told:?}"
    );
    ensure!(app.query_one("SELECT count(*) FROM a", &[]).await?.get::<_, i64>(0) == 2000);
    drop(client);

    let mut args = args.to_vec();
    args.extend(["--cut-off", "app", "--cut-off", "belay"]);
    let job = world.json(&args).await?;
    ensure!(job["state"] == "restored", "{job}");
    let kept = job["restored"]["kept"].as_str().context("nothing is kept")?.to_owned();
    ensure!(kept.starts_with(&format!("{name}_before_restore_")), "{job}");
    ensure!(link.await?.is_err(), "the session of app was ended");
    ensure!(number(&world, &name, "SELECT count(*) FROM \"B b\"").await? == 30);
    ensure!(number(&world, &kept, "SELECT count(*) FROM \"B b\"").await? == 10);
    ensure!(world.applied("orders").await? == ["001"], "{:?}", world.applied("orders").await?);

    // It is managed as before: by this controller and agent, and by those that are started anew.
    world.kill_agent("orders")?;
    world.start_agent("orders")?;
    world.all_connected().await?;
    run(&world, &[("001_rows.sql", ROWS), ("002_more.sql", MORE)]).await?;
    ensure!(number(&world, &name, "SELECT count(*) FROM \"B b\"").await? == 10);
    world.kill_controller()?;
    world.start_controller().await?;
    world.all_connected().await?;
    ensure!(world.status_of("orders").await?["version"] == "002", "{}", world.status_of("orders").await?);
    Ok(())
}

#[tokio::test]
async fn a_restore_whose_agent_dies_leaves_nothing() -> anyhow::Result<()> {
    let mut world = with_rows().await?;
    let before = databases(&world).await?;
    // The restore waits for this lock when it has made its temporary database.
    let holder = world.cluster.connect("postgres").await?;
    let looks = world.cluster.connect("postgres").await?;
    holder.batch_execute("BEGIN; LOCK TABLE pg_shdescription IN ACCESS EXCLUSIVE MODE").await?;
    let started = world.json(&["restore", "orders", "--backup", "latest", "--detach"]).await?;
    let id = started["id"].as_str().context("no id")?.to_owned();
    wait::until("the restore has begun", Duration::from_secs(30), async || {
        let rows = looks.query("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COMMENT ON DATABASE%' AND wait_event_type = 'Lock'", &[]).await?;
        Ok(!rows.is_empty())
    })
    .await?;
    world.kill_agent("orders")?;
    holder.batch_execute("ROLLBACK").await?;
    world.start_agent("orders")?;
    world.cli(&["job", "watch", &id]).await?.ended(1, &[]);
    let job = world.json(&["job", "show", &id]).await?;
    ensure!(job["state"] == "interrupted", "{job}");
    ensure!(databases(&world).await? == before, "{:?}", databases(&world).await?);
    let again = world.json(&["restore", "orders", "--backup", "latest"]).await?;
    ensure!(again["state"] == "restored", "{again}");
    Ok(())
}

#[tokio::test]
async fn policy_proves_backups_by_itself() -> anyhow::Result<()> {
    let world = with_rows().await?;
    let policy = world.path().join("policy.yaml");
    fs::write(&policy, "environments:\n  - name: staging\n    drill_every: 30m\n")?;
    let file = policy.to_string_lossy().into_owned();
    world.cli(&["policy", "apply", &file]).await?.ended(2, &["drill_every", "an hour or more"]);
    fs::write(&policy, "environments:\n  - name: staging\n    drill_every: 7d\n")?;
    world.cli(&["policy", "apply", &file]).await?.ended(0, &[]);
    wait::until("the backup is proven", Duration::from_secs(60), async || {
        Ok(newest(&world).await?["restored_at"].is_string())
    })
    .await?;
    let list = world.json(&["job", "list"]).await?;
    ensure!(list["jobs"].as_array().map(Vec::len) == Some(1), "{list}");
    ensure!(list["jobs"][0]["by"] == "" && list["jobs"][0]["kind"] == "proof", "{list}");
    Ok(())
}
