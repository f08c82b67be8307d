//! The history table of the tool that migrations come from: made with the first of them, and kept where it is asked for.

use std::collections::BTreeMap;

use pgbelay_core::history::Tool;
use pgbelay_core::origin::{Layout, Origin};
use pgbelay_core::plan::{Direction, OldTable};

use crate::world::{Order, World, failed, ran, sample, table};

/// Where a tool's rows are, and what identifies one.
const ROWS: [(Tool, &str, &str); 10] = [
    (Tool::GolangMigrate, "schema_migrations", "version::text || dirty::text"),
    (Tool::Sqlx, "_sqlx_migrations", "version::text || success::text || encode(checksum, 'hex')"),
    (Tool::Diesel, "__diesel_schema_migrations", "version"),
    (Tool::Dbmate, "schema_migrations", "version"),
    (Tool::Goose, "goose_db_version", "version_id::text || is_applied::text"),
    (Tool::Flyway, "flyway_schema_history", "installed_rank::text || version || type || checksum::text"),
    (Tool::SqlMigrate, "gorp_migrations", "id"),
    (Tool::Refinery, "refinery_schema_history", "version::text || name || checksum"),
    (Tool::Prisma, "_prisma_migrations", "migration_name || checksum || (rolled_back_at IS NOT NULL)::text"),
    (Tool::Liquibase, "databasechangelog", "orderexecuted::text || author || id || filename || md5sum"),
];

/// What stands in the table when 1 and 2 are applied, and after 2 was taken back.
const EXPECTED: [(&str, &str); 10] = [
    ("2false", "1false"),
    ("1true11, 2true22", "1true11"),
    ("1, 2", "1"),
    ("1, 2", "1"),
    ("0true, 1true, 2true", "0true, 1true"),
    ("11SQL11, 22SQL22", "11SQL11"),
    ("1, 2", "1"),
    ("1täg11, 2täg22", "1täg11"),
    ("111false, 222false", "111false, 222true"),
    ("1ann1a.sql11, 2ann2a.sql22", "1ann1a.sql11"),
];

fn with_origins(order: &mut Order, old: OldTable) {
    order.run.settings.old_table = Some(old);
    for step in &mut order.run.steps {
        let id = step.version.as_str().trim_start_matches('0').to_owned();
        let more = [("author", "ann"), ("filename", "a.sql")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        step.origin = Some(Origin {
            description: "täg".to_owned(),
            script: "täg.sql".to_owned(),
            checksum: Some(id.repeat(2)),
            more: BTreeMap::from(more),
            id,
        });
    }
}

async fn rows(world: &World, (table, what): (&str, &str)) -> anyhow::Result<String> {
    let sql =
        format!("SELECT coalesce(string_agg(x, ', ' ORDER BY x), '') FROM (SELECT {what} x FROM {table}) t");
    Ok(world.client().await?.query_one(&sql, &[]).await?.get(0))
}

#[tokio::test]
async fn rows_are_written_and_taken_out_as_the_tool_does() -> anyhow::Result<()> {
    for ((tool, name, what), (both, one)) in ROWS.into_iter().zip(EXPECTED) {
        let world = World::new().await?;
        let old = OldTable { tool, keep: true };
        let samples = [table("001", "a"), table("002", "b")];
        let mut order = world.up(&samples).await?;
        with_origins(&mut order, old);
        ran(world.run(&order).await);
        assert_eq!(rows(&world, (name, what)).await?, both, "{tool}");
        let mut order = world.order(&samples[1..], Direction::Down).await?;
        with_origins(&mut order, old);
        (order.command.fence, order.command.id) = (2, "c8".parse()?);
        ran(world.run(&order).await);
        assert_eq!(rows(&world, (name, what)).await?, one, "{tool}");
    }
    Ok(())
}

#[tokio::test]
async fn a_table_is_made_with_the_first_migration_only() -> anyhow::Result<()> {
    let tools = Layout::ALL.into_iter().filter_map(Tool::of).filter(|tool| *tool != Tool::Sqitch);
    for tool in tools {
        let world = World::new().await?;
        let old = OldTable { tool, keep: false };
        let (_, name, _) = ROWS.into_iter().find(|(known, ..)| *known == tool).expect("a table");
        let mut order = world.up(&[sample("001", "SELECT nonsense", "")]).await?;
        with_origins(&mut order, old);
        failed(world.run(&order).await);
        assert!(!world.has_table(name).await?, "{tool}: it is rolled back with the migration");

        let names_it = format!("GRANT SELECT ON {name} TO PUBLIC; CREATE TABLE a (id int)");
        let mut order = world.up(&[sample("001", &names_it, "DROP TABLE a")]).await?;
        with_origins(&mut order, old);
        (order.command.fence, order.command.id) = (2, "c8".parse()?);
        ran(world.run(&order).await);
        let expected = i64::from(tool == Tool::Goose);
        assert_eq!(world.number(&format!("SELECT count(*) FROM {name}")).await?, expected, "{tool}");

        world.client().await?.batch_execute(&format!("DROP TABLE {name}")).await?;
        let mut order = world.up(&[table("002", "b")]).await?;
        with_origins(&mut order, old);
        (order.command.fence, order.command.id) = (3, "c9".parse()?);
        ran(world.run(&order).await);
        assert!(!world.has_table(name).await?, "{tool}: the database is not a fresh one any more");
    }
    Ok(())
}

#[tokio::test]
async fn a_table_that_cannot_be_kept_stops_the_run_before_it_starts() -> anyhow::Result<()> {
    let world = World::new().await?;
    let old = OldTable { tool: Tool::Dbmate, keep: true };
    let client = world.client().await?;
    client.batch_execute("CREATE TABLE schema_migrations (version int, more int)").await?;
    let mut order = world.up(&[table("001", "a")]).await?;
    with_origins(&mut order, old);
    let (_, failure) = failed(world.run(&order).await);
    assert!(failure.message.contains("has not the columns of dbmate's table"), "{failure:?}");
    client.batch_execute("DROP TABLE schema_migrations").await?;
    let mut order = world.up(&[table("001", "a")]).await?;
    order.command.id = "c8".parse()?;
    ran(world.run(&order).await);
    let mut order = world.up(&[table("002", "b")]).await?;
    with_origins(&mut order, old);
    (order.command.fence, order.command.id) = (2, "c9".parse()?);
    let (_, failure) = failed(world.run(&order).await);
    assert!(failure.message.contains("migrations were applied without it"), "{failure:?}");
    assert_eq!(world.applied().await?, ["001"]);
    Ok(())
}
