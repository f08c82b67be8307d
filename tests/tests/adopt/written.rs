//! Tools that cannot be had here: their tables, as their sources make and fill them.

use pgbelay_core::digest::Digest;

use crate::moving::{DATABASE, Move, world};

async fn moved(of: &Move<'_>, sql: &str) -> anyhow::Result<()> {
    let world = world().await?;
    of.write_before(&world)?;
    let client = world.connect(DATABASE).await?;
    client
        .batch_execute("CREATE TABLE t1 (id int); CREATE TABLE t2 (id int); CREATE TABLE t3 (id int)")
        .await?;
    client.batch_execute(sql).await?;
    of.adopt_and_go_on(&world).await
}

#[tokio::test]
async fn golang_migrate() -> anyhow::Result<()> {
    let files = [
        ("000001_one.up.sql", "CREATE TABLE t1 (id int);\n"),
        ("000001_one.down.sql", "DROP TABLE t1;\n"),
        ("000002_two.up.sql", "BEGIN;\nCREATE TABLE t2 (id int);\nCOMMIT;\n"),
        ("000002_two.down.sql", "DROP TABLE t2;\n"),
        ("000003_three.up.sql", "CREATE TABLE t3 (id int);\n"),
        ("000003_three.down.sql", "DROP TABLE t3;\n"),
        ("000004_four.up.sql", "CREATE TABLE t4 (id int);\n"),
        ("000004_four.down.sql", "DROP TABLE t4;\n"),
        ("000005_five.up.sql", "CREATE TABLE t5 (id int);\n"),
        ("000005_five.down.sql", "DROP TABLE t5;\n"),
    ];
    let of = Move {
        tool: "golang-migrate",
        layout: None,
        before: &files[..6],
        after: &files,
        how: "assumed",
        table: "schema_migrations",
        checksums: "",
        times: false,
    };
    let sql = "CREATE TABLE schema_migrations (version bigint not null primary key, dirty boolean not null); \
               INSERT INTO schema_migrations (version, dirty) VALUES (3, false)";
    moved(&of, sql).await
}

#[tokio::test]
async fn what_golang_migrate_left_half_done() -> anyhow::Result<()> {
    let files = [("1_one.up.sql", "CREATE TABLE t1 (id int);\n"), ("1_one.down.sql", "DROP TABLE t1;\n")];
    let of = Move {
        tool: "golang-migrate",
        layout: None,
        before: &files,
        after: &[],
        how: "assumed",
        table: "schema_migrations",
        checksums: "",
        times: false,
    };
    let world = world().await?;
    of.write_before(&world)?;
    let client = world.connect(DATABASE).await?;
    client
        .batch_execute(
            "CREATE TABLE schema_migrations (version bigint not null primary key, dirty boolean not null); \
             INSERT INTO schema_migrations VALUES (1, true)",
        )
        .await?;
    let why = of.refused(&world).await?;
    assert!(why.contains("1: golang-migrate failed half-way in it (dirty)"), "{why}");
    client.batch_execute("ALTER TABLE schema_migrations ADD inserted_at timestamp").await?;
    let why = of.refused(&world).await?;
    assert!(why.contains("has a shape that no known version of golang-migrate or dbmate writes"), "{why}");
    assert!(why.contains("inserted_at (timestamp)"), "{why}");
    client.batch_execute("DROP TABLE schema_migrations").await?;
    let why = of.refused(&world).await?;
    assert!(why.contains("there is no history table of golang-migrate; found: none"), "{why}");
    Ok(())
}

#[tokio::test]
async fn goose() -> anyhow::Result<()> {
    let files = [
        ("00001_one.sql", "-- +goose Up\nCREATE TABLE t1 (id int);\n\n-- +goose Down\nDROP TABLE t1;\n"),
        ("00002_two.sql", "-- +goose Up\nCREATE TABLE t2 (id int);\n\n-- +goose Down\nDROP TABLE t2;\n"),
        ("00003_three.sql", "-- +goose Up\nCREATE TABLE t3 (id int);\n\n-- +goose Down\nDROP TABLE t3;\n"),
        ("00004_four.sql", "-- +goose Up\nCREATE TABLE t4 (id int);\n\n-- +goose Down\nDROP TABLE t4;\n"),
        ("00005_five.sql", "-- +goose Up\nCREATE TABLE t5 (id int);\n\n-- +goose Down\nDROP TABLE t5;\n"),
    ];
    let of = Move {
        tool: "goose",
        layout: None,
        before: &files[..3],
        after: &files,
        how: "not-verifiable",
        table: "goose_db_version",
        checksums: "",
        times: true,
    };
    let sql = "CREATE TABLE goose_db_version (id serial NOT NULL, version_id bigint NOT NULL, \
                 is_applied boolean NOT NULL, tstamp timestamp NULL default now(), PRIMARY KEY(id)); \
               INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true), (1, true), (2, true), \
                 (2, false), (2, true), (3, true)";
    moved(&of, sql).await
}

/// The checksums are those of Flyway's own documentation (-722651034) and of zlib's CRC-32.
#[tokio::test]
async fn flyway() -> anyhow::Result<()> {
    let couple = "create table COUPLE (\n    ID int not null,\n    PERSON1 int not null references PERSON(ID), \n    \
                  PERSON2 int not null references PERSON(ID) \n);";
    let files = [
        ("V1__one.sql", "CREATE TABLE t1 (id int);\r\n"),
        ("V1.1__two_tables.sql", "CREATE TABLE t2 (id int);\nCREATE TABLE t3 (id int);\n"),
        ("V3__Couple.sql", couple),
        ("V4__four.sql", "CREATE TABLE t4 (id int);\n"),
        ("V4_1__five.sql", "CREATE TABLE t5 (id int);\n"),
    ];
    let of = Move {
        tool: "flyway",
        layout: Some("flyway"),
        before: &files[..3],
        after: &files,
        how: "verified",
        table: "flyway_schema_history",
        checksums: "SELECT checksum::text FROM flyway_schema_history ORDER BY installed_rank",
        times: true,
    };
    let sql = "CREATE TABLE person (id int PRIMARY KEY); CREATE TABLE couple (id int); \
               CREATE TABLE flyway_schema_history (installed_rank INT NOT NULL, version VARCHAR(50), \
                 description VARCHAR(200) NOT NULL, type VARCHAR(20) NOT NULL, script VARCHAR(1000) NOT NULL, \
                 checksum INTEGER, installed_by VARCHAR(100) NOT NULL, installed_on TIMESTAMP NOT NULL DEFAULT now(), \
                 execution_time INTEGER NOT NULL, success BOOLEAN NOT NULL); \
               INSERT INTO flyway_schema_history VALUES \
                 (1, '1', 'one', 'SQL', 'V1__one.sql', FIRST, 'me', now(), 1, true), \
                 (2, '1.1', 'two tables', 'SQL', 'V1.1__two_tables.sql', SECOND, 'me', now(), 1, true), \
                 (3, '3', 'Couple', 'SQL', 'V3__Couple.sql', -722651034, 'me', now(), 1, true)";
    let sql = sql.replace("FIRST", FIRST).replace("SECOND", SECOND);
    moved(&of, &sql).await
}

/// `python3 -c 'import zlib; print(zlib.crc32(b"…"))'` of the lines without their ends, as a signed number.
const FIRST: &str = "-1030005526";
const SECOND: &str = "-777613953";

#[tokio::test]
async fn sql_migrate() -> anyhow::Result<()> {
    let files = [
        ("1_one.sql", "-- +migrate Up\nCREATE TABLE t1 (id int);\n\n-- +migrate Down\nDROP TABLE t1;\n"),
        ("1_two.sql", "-- +migrate Up\nCREATE TABLE t2 (id int);\n\n-- +migrate Down\nDROP TABLE t2;\n"),
        ("2_three.sql", "-- +migrate Up\nCREATE TABLE t3 (id int);\n\n-- +migrate Down\nDROP TABLE t3;\n"),
        ("10_four.sql", "-- +migrate Up\nCREATE TABLE t4 (id int);\n\n-- +migrate Down\nDROP TABLE t4;\n"),
        ("11_five.sql", "-- +migrate Up\nCREATE TABLE t5 (id int);\n\n-- +migrate Down\nDROP TABLE t5;\n"),
    ];
    let of = Move {
        tool: "sql-migrate",
        layout: None,
        before: &files[..3],
        after: &files,
        how: "not-verifiable",
        table: "gorp_migrations",
        checksums: "",
        times: true,
    };
    let sql = "create table if not exists \"gorp_migrations\" (\"id\" text not null primary key, \
                 \"applied_at\" timestamp with time zone); \
               INSERT INTO gorp_migrations VALUES ('1_one.sql', now()), ('1_two.sql', now()), ('2_three.sql', now())";
    moved(&of, sql).await
}

#[tokio::test]
async fn prisma() -> anyhow::Result<()> {
    let files = [
        ("20240101000001_one/migration.sql", "CREATE TABLE t1 (id int);\n"),
        ("20240101000002_two/migration.sql", "CREATE TABLE t2 (id int);\n"),
        ("20240101000003_three/migration.sql", "CREATE TABLE t3 (id int);\n"),
        ("20240101000004_four/migration.sql", "CREATE TABLE t4 (id int);\n"),
        ("20240101000005_five/migration.sql", "CREATE TABLE t5 (id int);\n"),
        ("migration_lock.toml", "provider = \"postgresql\"\n"),
    ];
    let before = [files[0], files[1], files[2], files[5]];
    let of = Move {
        tool: "prisma",
        layout: None,
        before: &before,
        after: &files,
        how: "verified",
        table: "_prisma_migrations",
        checksums: "SELECT checksum FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY started_at",
        times: true,
    };
    let row = |at: usize, state: &str| {
        let (path, text) = files[at];
        let (name, checksum) = (path.trim_end_matches("/migration.sql"), Digest::of(text));
        format!(
            "INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, {state}) \
             VALUES (gen_random_uuid(), '{checksum}', '{name}', clock_timestamp(), clock_timestamp()); "
        )
    };
    let sql = format!(
        "CREATE TABLE _prisma_migrations (id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, \
           finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ, \
           started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0); {}{}{}{}",
        row(0, "finished_at"),
        row(1, "rolled_back_at"),
        row(1, "finished_at"),
        row(2, "finished_at"),
    );
    moved(&of, &sql).await
}
