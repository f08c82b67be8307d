//! Tools that can be had: each applies its own migrations first.

use crate::moving::{Move, ends_well, tools, world};

#[tokio::test]
async fn dbmate() -> anyhow::Result<()> {
    let (one, two, three, four, five) = (
        (
            "20240101000001_one.sql",
            "-- migrate:up\nCREATE TABLE t1 (id int);\n\n-- migrate:down\nDROP TABLE t1;\n",
        ),
        (
            "20240101000002_two.sql",
            "-- migrate:up\nCREATE TABLE t2 (id int);\n\n-- migrate:down\nDROP TABLE t2;\n",
        ),
        (
            "20240101000003_three.sql",
            "-- migrate:up transaction:false\nCREATE TABLE t3 (id int);\n\n-- migrate:down\nDROP TABLE t3;\n",
        ),
        (
            "20240101000004_four.sql",
            "-- migrate:up\nCREATE TABLE t4 (id int);\n\n-- migrate:down\nDROP TABLE t4;\n",
        ),
        (
            "20240101000005_five.sql",
            "-- migrate:up\nCREATE TABLE t5 (id int);\n\n-- migrate:down\nDROP TABLE t5;\n",
        ),
    );
    let of = Move {
        tool: "dbmate",
        layout: None,
        before: &[one, two, three],
        after: &[one, two, three, four, five],
        how: "not-verifiable",
        table: "schema_migrations",
        checksums: "",
        times: false,
    };
    let world = world().await?;
    let dir = of.write_before(&world)?;
    ends_well(tools(&world, &dir).dbmate()).await?;
    of.adopt_and_go_on(&world).await
}

#[tokio::test]
async fn sqlx() -> anyhow::Result<()> {
    let (one, two, three, four, five) = (
        ("0001_one.up.sql", "CREATE TABLE t1 (id int);\n"),
        ("0001_one.down.sql", "DROP TABLE t1;\n"),
        ("0002_two.up.sql", "-- no-transaction\nCREATE TABLE t2 (id int);\n"),
        ("0002_two.down.sql", "DROP TABLE t2;\n"),
        ("0003_more_than_two.up.sql", "CREATE TABLE t3 (id int); -- täglich\r\n"),
    );
    let before = [one, two, three, four, five, ("0003_more_than_two.down.sql", "DROP TABLE t3;\n")];
    let new = [
        ("0004_four.up.sql", "CREATE TABLE t4 (id int);\n"),
        ("0004_four.down.sql", "DROP TABLE t4;\n"),
        ("0005_five.up.sql", "CREATE TABLE t5 (id int);\n"),
        ("0005_five.down.sql", "DROP TABLE t5;\n"),
    ];
    let after = [&before[..], &new].concat();
    let of = Move {
        tool: "sqlx",
        layout: None,
        before: &before,
        after: &after,
        how: "verified",
        table: "_sqlx_migrations",
        checksums: "SELECT encode(checksum, 'hex') FROM _sqlx_migrations ORDER BY version",
        times: true,
    };
    let world = world().await?;
    let dir = of.write_before(&world)?;
    ends_well(tools(&world, &dir).sqlx("run")).await?;
    of.adopt_and_go_on(&world).await
}

#[tokio::test]
async fn a_file_that_changed_after_sqlx_applied_it() -> anyhow::Result<()> {
    let before = [("1_one.sql", "CREATE TABLE t1 (id int);\n"), ("2_two.sql", "CREATE TABLE t2 (id int);\n")];
    let of = Move {
        tool: "sqlx",
        layout: None,
        before: &before,
        after: &[],
        how: "verified",
        table: "_sqlx_migrations",
        checksums: "",
        times: true,
    };
    let world = world().await?;
    let dir = of.write_before(&world)?;
    ends_well(tools(&world, &dir).sqlx("run")).await?;
    world.write_migrations(&[before[0], ("2_two.sql", "CREATE TABLE t2 (id bigint);\n")])?;
    let why = of.refused(&world).await?;
    assert!(why.contains("2: its file has changed since it was applied"), "{why}");
    world.write_migrations(&[before[0]])?;
    let why = of.refused(&world).await?;
    assert!(why.contains("2 (two): it is applied, and there is no file of it"), "{why}");
    Ok(())
}

#[tokio::test]
async fn refinery() -> anyhow::Result<()> {
    let (one, two, three) = (
        ("V1__one.sql", "CREATE TABLE t1 (id int);\n"),
        ("V2__two_tables.sql", "CREATE TABLE t2 (id int);"),
        ("V20240103__three.sql", "CREATE TABLE t3 (id int);\n"),
    );
    let (four, five) = (
        ("V20240104__four.sql", "CREATE TABLE t4 (id int);\n"),
        ("V20240105__five.sql", "CREATE TABLE t5 (id int);\n"),
    );
    let of = Move {
        tool: "refinery",
        layout: Some("refinery"),
        before: &[one, two, three],
        after: &[one, two, three, four, five],
        how: "verified",
        table: "refinery_schema_history",
        checksums: "SELECT checksum FROM refinery_schema_history ORDER BY version",
        times: true,
    };
    let world = world().await?;
    let dir = of.write_before(&world)?;
    ends_well(tools(&world, &dir).refinery()?).await?;
    of.adopt_and_go_on(&world).await
}

#[tokio::test]
async fn diesel() -> anyhow::Result<()> {
    let before = [
        ("2024-01-01-000001_one/up.sql", "CREATE TABLE t1 (id int PRIMARY KEY);\n"),
        ("2024-01-01-000001_one/down.sql", "DROP TABLE t1;\n"),
        ("2024-01-01-000002_two/up.sql", "CREATE TABLE t2 (id int PRIMARY KEY);\n"),
        ("2024-01-01-000002_two/down.sql", "DROP TABLE t2;\n"),
        ("2024-01-01-000003_three/up.sql", "CREATE TABLE t3 (id int PRIMARY KEY);\n"),
        ("2024-01-01-000003_three/metadata.toml", "run_in_transaction = false\n"),
        ("2024-01-01-000003_three/down.sql", "DROP TABLE t3;\n"),
    ];
    let new = [
        ("2024-01-01-000004_four/up.sql", "CREATE TABLE t4 (id int PRIMARY KEY);\n"),
        ("2024-01-01-000004_four/down.sql", "DROP TABLE t4;\n"),
        ("2024-01-01-000005_five/up.sql", "CREATE TABLE t5 (id int PRIMARY KEY);\n"),
        ("2024-01-01-000005_five/down.sql", "DROP TABLE t5;\n"),
    ];
    let after = [&before[..], &new].concat();
    let of = Move {
        tool: "diesel",
        layout: None,
        before: &before,
        after: &after,
        how: "not-verifiable",
        table: "__diesel_schema_migrations",
        checksums: "",
        times: true,
    };
    let world = world().await?;
    let dir = of.write_before(&world)?;
    ends_well(tools(&world, &dir).diesel()?).await?;
    of.adopt_and_go_on(&world).await
}

#[tokio::test]
async fn liquibase() -> anyhow::Result<()> {
    let root = (
        "root.yaml",
        "databaseChangeLog:\n  - include:\n      file: one.sql\n  - include:\n      file: two.sql\n",
    );
    let one = (
        "one.sql",
        "--liquibase formatted sql\n\n--changeset ann:1\nCREATE TABLE t1 (\n\tid int\n);\n--rollback DROP TABLE t1;\n\n\
         --changeset ann:2 splitStatements:false\nCREATE TABLE t2 (id int);\n--rollback DROP TABLE t2;\n",
    );
    let two = (
        "two.sql",
        "--liquibase formatted sql\n\n--changeset bob:1\nCREATE TABLE t3 (id int);\nINSERT INTO t3 VALUES (1);\n\
         --rollback DROP TABLE t3;\n",
    );
    let more = format!(
        "{}\n--changeset bob:2\nCREATE TABLE t4 (id int);\n--rollback DROP TABLE t4;\n\n\
         --changeset bob:3\nCREATE TABLE t5 (id int);\n--rollback DROP TABLE t5;\n",
        two.1
    );
    let of = Move {
        tool: "liquibase",
        layout: None,
        before: &[root, one, two],
        after: &[root, one, ("two.sql", &more)],
        how: "verified",
        table: "databasechangelog",
        checksums: "SELECT md5sum FROM databasechangelog ORDER BY orderexecuted",
        times: true,
    };
    let world = world().await?;
    let dir = of.write_before(&world)?;
    ends_well(tools(&world, &dir).liquibase("root.yaml")).await?;
    of.adopt_and_go_on(&world).await
}

const SQITCH: &str = "%syntax-version=1.0.0\n%project=shop\n%uri=https://example.org/shop\n\n\
    one 2024-01-01T00:00:01Z Ann <ann@example.org> # the first\n\
    two [one] 2024-01-01T00:00:02Z Ann <ann@example.org> # täglich\n\
    @v1 2024-01-01T00:00:03Z Ann <ann@example.org> # tagged\n\n\
    three [one two] 2024-01-01T00:00:04Z Ann <ann@example.org> # the third\n";

#[tokio::test]
async fn sqitch() -> anyhow::Result<()> {
    let more = format!(
        "{SQITCH}four [three] 2024-01-01T00:00:05Z Ann <ann@example.org> # the fourth\n\
         five 2024-01-01T00:00:06Z Ann <ann@example.org> # the fifth\n"
    );
    let scripts = |number: u32, name: &str| {
        [
            (format!("deploy/{name}.sql"), format!("BEGIN;\nCREATE TABLE t{number} (id int);\nCOMMIT;\n")),
            (format!("revert/{name}.sql"), format!("BEGIN;\nDROP TABLE t{number};\nCOMMIT;\n")),
        ]
    };
    let names = ["one", "two", "three", "four", "five"];
    let files: Vec<(String, String)> =
        (1..).zip(names).flat_map(|(number, name)| scripts(number, name)).collect();
    let conf = ("sqitch.conf".to_owned(), "[core]\n\tengine = pg\n".to_owned());
    let with = |plan: &str, count: usize| -> Vec<(String, String)> {
        let plan = ("sqitch.plan".to_owned(), plan.to_owned());
        [plan, conf.clone()].into_iter().chain(files.iter().take(2 * count).cloned()).collect()
    };
    let (before, after) = (with(SQITCH, 3), with(&more, 5));
    let [before, after] = [&before, &after]
        .map(|files| files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>());
    let of = Move {
        tool: "sqitch",
        layout: None,
        before: &before,
        after: &after,
        how: "verified",
        table: "sqitch.changes",
        checksums: "SELECT script_hash FROM sqitch.changes ORDER BY committed_at",
        times: true,
    };
    let world = world().await?;
    let dir = of.write_before(&world)?;
    ends_well(tools(&world, &dir).sqitch()).await?;
    of.adopt_and_go_on(&world).await
}

const ENVIRONMENT_PY: &str = "from alembic import context\nfrom sqlalchemy import create_engine\n\n\
    engine = create_engine(context.config.get_main_option('sqlalchemy.url'))\n\
    with engine.connect() as connection:\n    context.configure(connection=connection, target_metadata=None)\n    \
    with context.begin_transaction():\n        context.run_migrations()\n";

/// Its migrations are Python: the SQL of each, for pgbelay, has the revision in its name.
#[tokio::test]
async fn alembic() -> anyhow::Result<()> {
    let revisions = ["1a01", "1b02", "1c03"];
    let world = world().await?;
    let dir = world.path().join("migrations");
    let url = tools(&world, &dir).url().replace("postgres://", "postgresql+psycopg2://");
    let ini = format!("[alembic]\nscript_location = .\nsqlalchemy.url = {}\n", url.replace('%', "%%"));
    let mut files = vec![("alembic.ini".to_owned(), ini), ("env.py".to_owned(), ENVIRONMENT_PY.to_owned())];
    for (at, revision) in revisions.iter().enumerate() {
        let down = at.checked_sub(1).map_or_else(|| "None".to_owned(), |at| format!("'{}'", revisions[at]));
        let text = format!(
            "from alembic import op\nrevision = '{revision}'\ndown_revision = {down}\n\n\
             def upgrade():\n    op.execute('CREATE TABLE t{} (id int)')\n\ndef downgrade():\n    pass\n",
            at + 1
        );
        files.push((format!("versions/{revision}_table.py"), text));
    }
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    world.write_migrations(&files)?;
    ends_well(tools(&world, &dir).tool("alembic", &["upgrade", "head"])).await?;

    let sql = |number: usize, name: &str| {
        let text = format!("CREATE TABLE t{number} (id int);\n");
        let back = (format!("rollback/00{number}_rollback.sql"), format!("DROP TABLE t{number};\n"));
        [(format!("00{number}_{name}.sql"), text), back]
    };
    let names = ["1a01_table", "1b02_table", "1c03_table", "four", "five"];
    let files: Vec<_> = (1..).zip(names).flat_map(|(number, name)| sql(number, name)).collect();
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let of = Move {
        tool: "alembic",
        layout: None,
        before: &files[..6],
        after: &files,
        how: "assumed",
        table: "alembic_version",
        checksums: "",
        times: false,
    };
    of.write_before(&world)?;
    of.adopt_and_go_on(&world).await
}
