//! The other way round: pgbelay applies migrations and keeps the tool's table; the tool then applies what is left.

use anyhow::ensure;
use pgbelay_tests::world::World;

use crate::moving::{DATABASE, ENVIRONMENT, ends_well, tools};

const POLICY: &str = "environments:\n  - name: staging\n    keep_history_table: true\n    backup: off\n";

async fn world() -> anyhow::Result<World> {
    World::builder().databases(&[(DATABASE, ENVIRONMENT)]).policy(POLICY).start().await
}

/// pgbelay runs the first files, and takes the last of them back and forth.
async fn by_pgbelay(world: &World, layout: &str, files: &[(&str, &str)]) -> anyhow::Result<()> {
    let dir = world.write_migrations(files)?.to_string_lossy().into_owned();
    let args = ["migrate", "--env", ENVIRONMENT, "--migrations", &dir, "--layout", layout, "--force"];
    ensure!(world.json(&args).await?["state"] == "succeeded");
    Ok(())
}

async fn back_and_forth(
    world: &World,
    layout: &str,
    files: &[(&str, &str)],
    stays: &str,
) -> anyhow::Result<()> {
    let args = ["rollback", "--env", ENVIRONMENT, "--target", stays, "--force"];
    ensure!(world.json(&args).await?["state"] == "succeeded");
    by_pgbelay(world, layout, files).await
}

async fn has_tables(world: &World, count: i64) -> anyhow::Result<()> {
    let sql = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '^t[0-9]$'";
    let found: i64 = world.connect(DATABASE).await?.query_one(sql, &[]).await?.get(0);
    ensure!(found == count, "{found} tables in place of {count}");
    Ok(())
}

#[tokio::test]
async fn dbmate_goes_on() -> anyhow::Result<()> {
    let world = world().await?;
    let files = [
        ("1_one.sql", "-- migrate:up\nCREATE TABLE t1 (id int);\n\n-- migrate:down\nDROP TABLE t1;\n"),
        (
            "2_two.sql",
            "-- migrate:up\nCREATE TABLE t2 (id int);\nGRANT SELECT ON schema_migrations TO PUBLIC;\n\n\
             -- migrate:down\nDROP TABLE t2;\n",
        ),
        ("3_three.sql", "-- migrate:up\nCREATE TABLE t3 (id int);\n\n-- migrate:down\nDROP TABLE t3;\n"),
    ];
    by_pgbelay(&world, "dbmate", &files[..2]).await?;
    back_and_forth(&world, "dbmate", &files[..2], "1").await?;
    let dir = world.write_migrations(&files)?;
    ends_well(tools(&world, &dir).dbmate()).await?;
    has_tables(&world, 3).await
}

#[tokio::test]
async fn sqlx_goes_on() -> anyhow::Result<()> {
    let world = world().await?;
    let files = [
        ("1_one.up.sql", "CREATE TABLE t1 (id int);\n"),
        ("1_one.down.sql", "DROP TABLE t1;\n"),
        ("2_two_things.up.sql", "CREATE TABLE t2 (id int);\n"),
        ("2_two_things.down.sql", "DROP TABLE t2;\n"),
        ("3_three.up.sql", "CREATE TABLE t3 (id int);\n"),
        ("3_three.down.sql", "DROP TABLE t3;\n"),
    ];
    by_pgbelay(&world, "sqlx", &files[..4]).await?;
    back_and_forth(&world, "sqlx", &files[..4], "1").await?;
    let dir = world.write_migrations(&files)?;
    ends_well(tools(&world, &dir).sqlx("run")).await?;
    ends_well(tools(&world, &dir).sqlx("revert")).await?;
    has_tables(&world, 2).await
}

#[tokio::test]
async fn diesel_goes_on() -> anyhow::Result<()> {
    let world = world().await?;
    let files = [
        ("2024-01-01-000001_one/up.sql", "CREATE TABLE t1 (id int PRIMARY KEY);\n"),
        ("2024-01-01-000001_one/down.sql", "DROP TABLE t1;\n"),
        ("2024-01-01-000002_two/up.sql", "CREATE TABLE t2 (id int PRIMARY KEY);\n"),
        ("2024-01-01-000002_two/down.sql", "DROP TABLE t2;\n"),
    ];
    by_pgbelay(&world, "diesel", &files[..2]).await?;
    let dir = world.write_migrations(&files)?;
    ends_well(tools(&world, &dir).diesel()?).await?;
    has_tables(&world, 2).await
}

#[tokio::test]
async fn refinery_goes_on() -> anyhow::Result<()> {
    let world = world().await?;
    let files = [
        ("V1__one.sql", "CREATE TABLE t1 (id int);\n"),
        ("V2__two.sql", "CREATE TABLE t2 (id int);\n"),
        ("V3__three.sql", "CREATE TABLE t3 (id int);\n"),
    ];
    by_pgbelay(&world, "refinery", &files[..2]).await?;
    let dir = world.write_migrations(&files)?;
    ends_well(tools(&world, &dir).refinery()?).await?;
    has_tables(&world, 3).await
}

#[tokio::test]
async fn liquibase_goes_on() -> anyhow::Result<()> {
    let world = world().await?;
    let one = "--liquibase formatted sql\n\n--changeset ann:1\nCREATE TABLE t1 (id int);\n--rollback DROP TABLE t1;\n\n\
               --changeset ann:2\nCREATE TABLE t2 (id int);\n--rollback DROP TABLE t2;\n";
    by_pgbelay(&world, "liquibase", &[("one.sql", one)]).await?;
    back_and_forth(&world, "liquibase", &[("one.sql", one)], "ann:1@one.sql").await?;
    let more = format!("{one}\n--changeset ann:3\nCREATE TABLE t3 (id int);\n--rollback DROP TABLE t3;\n");
    let dir = world.write_migrations(&[("one.sql", &more)])?;
    ends_well(tools(&world, &dir).liquibase("one.sql")).await?;
    has_tables(&world, 3).await
}
