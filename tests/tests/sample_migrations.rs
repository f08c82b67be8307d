//! The sample migrations: each applies in one transaction, and each rollback file takes the schema back exactly.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use pgbelay_tests::postgres::Cluster;
use tokio_postgres::Client;

/// The one migration that says itself that there is no way back.
const NO_WAY_BACK: &str = "003";

/// Contents by version, the digits that a file name starts with.
fn files(directory: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations").join(directory);
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            let name = path.file_stem().and_then(|stem| stem.to_str()).context("an odd file name")?;
            let (version, _) = name.split_once('_').context("a file name without a version")?;
            files.insert(version.to_owned(), fs::read_to_string(&path)?);
        }
    }
    Ok(files)
}

async fn in_transaction(client: &Client, version: &str, sql: &str) -> anyhow::Result<()> {
    client.batch_execute("BEGIN").await?;
    let applied = client.batch_execute(sql).await;
    applied.map_err(|error| anyhow::anyhow!("{version}: {error:?}"))?;
    Ok(client.batch_execute("COMMIT").await?)
}

/// The lines that only one of two dumps has; where both have the same lines, the first that is in another place.
fn differences(before: &str, after: &str) -> Vec<String> {
    let missing = |mark: &str, from: &str, other: &str| -> Vec<String> {
        let other: Vec<_> = other.lines().collect();
        let only = from.lines().filter(|line| !other.contains(line));
        only.map(|line| format!("{mark} {line}")).collect()
    };
    let mut lines = missing("-", before, after);
    lines.extend(missing("+", after, before));
    let moved = before.lines().zip(after.lines()).find(|(one, other)| one != other);
    if let (true, Some((line, _))) = (lines.is_empty(), moved) {
        lines.push(format!("moved: {line}"));
    }
    lines
}

/// What the service would do between two migrations, so that backfills and rollbacks have rows to move.
const WORK: [(&str, &str); 3] = [
    (
        "002",
        "INSERT INTO projects (key, name) VALUES ('OPS', 'Operations');
             INSERT INTO tasks (title, project_id) SELECT E' ship \\t it ', id FROM projects;",
    ),
    ("008", "UPDATE tasks SET assigned_to = 'ada'"),
    ("010", "INSERT INTO task_assignees VALUES (1, 'grace', now() + interval '1 hour')"),
];

#[tokio::test]
async fn every_rollback_restores_the_schema() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    cluster.create_database("sample").await?;
    let client = cluster.connect("sample").await?;
    let (ups, downs) = (files(".")?, files("rollback")?);
    let mut before = BTreeMap::new();
    for (version, sql) in &ups {
        before.insert(version.as_str(), cluster.dump_schema("sample").await?);
        in_transaction(&client, version, sql).await?;
        for (_, work) in WORK.iter().filter(|(after, _)| after == version) {
            client.batch_execute(work).await?;
        }
    }
    for version in ups.keys().rev().take_while(|version| *version != NO_WAY_BACK) {
        let down = downs.get(version).with_context(|| format!("{version} has no rollback file"))?;
        in_transaction(&client, version, down).await?;
        let after = cluster.dump_schema("sample").await?;
        let different = differences(&before[version.as_str()], &after);
        assert!(different.is_empty(), "rollback of {version}:\n{}", different.join("\n"));
        if version == "011" {
            let row =
                client.query_one("SELECT assigned_to, (SELECT count(*) FROM task_audit) FROM tasks", &[]);
            let row = row.await?;
            assert_eq!((row.get(0), row.get::<_, i64>(1)), ("ada", 1), "the data comes back, unaudited");
        }
    }
    let title: String = client.query_one("SELECT title FROM tasks", &[]).await?.get(0);
    assert_eq!(title, "ship it");
    Ok(())
}

#[tokio::test]
async fn the_first_two_roll_back_too() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    cluster.create_database("sample").await?;
    let client = cluster.connect("sample").await?;
    let (ups, downs) = (files(".")?, files("rollback")?);
    assert!(!downs.contains_key(NO_WAY_BACK) && downs.len() == ups.len() - 1);
    let empty = cluster.dump_schema("sample").await?;
    for version in ["001", "002"] {
        in_transaction(&client, version, &ups[version]).await?;
    }
    for version in ["002", "001"] {
        in_transaction(&client, version, &downs[version]).await?;
    }
    assert_eq!(differences(&empty, &cluster.dump_schema("sample").await?), Vec::<String>::new());
    Ok(())
}
