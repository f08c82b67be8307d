//! The schema of a database as a catalog.

use pgbelay_agent::database::catalog::{CatalogError, read, read_in_transaction, read_target};
use pgbelay_analysis::{Catalog, Name, Relation, Size, differences};
use pgbelay_tests::wait;

use crate::world::{LONG, World};

const EVERYTHING: &str = include_str!("catalogs.sql");

fn relation<'a>(catalog: &'a Catalog, name: &str) -> &'a Relation {
    let id = catalog.by_name(&Name::new("public", name)).expect("the relation");
    catalog.get(id).expect("the relation")
}

#[tokio::test]
async fn a_catalog_holds_everything() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.client().await?.batch_execute(EVERYTHING).await?;
    let catalog = read_target(&world.target).await?;
    let facts: Vec<String> = catalog.facts().iter().map(|(name, fact)| format!("{name}: {fact}")).collect();
    insta::assert_snapshot!("everything", facts.join("\n"));

    assert!(catalog.is_whole() && catalog.extensions.contains("citext"));
    let Size { rows, bytes, index_bytes, writes, .. } =
        relation(&catalog, "customers").size.expect("its size");
    assert_eq!((rows, bytes > 0, index_bytes > 0, writes <= 100), (Some(100), true, true, true));
    assert_eq!(relation(&catalog, "orders").size.and_then(|size| size.rows), None);
    assert!(!relation(&catalog, "mat").populated);

    let steady = |name| catalog.functions.get(&Name::new("public", name)).unwrap()[0].steady_body;
    assert!(steady("twice") && !steady("touch") && !steady("sum2"));
    let members = &catalog.extension_members["citext"];
    assert!(
        members.contains("type public.citext")
            && members.contains("function public.strpos(public.citext, public.citext)")
    );
    assert_eq!(Catalog::read_json(&catalog.write_json())?, catalog);
    Ok(())
}

/// What only newer servers know, with the version that brought it.
#[tokio::test]
async fn what_newer_servers_know_is_read() -> anyhow::Result<()> {
    let world = World::new().await?;
    let client = world.client().await?;
    client.batch_execute("CREATE TABLE a (id int, b int)").await?;
    let major = read(&client, None).await?.server.expect("its version");
    let news = [
        (14, "CREATE FUNCTION parsed() RETURNS bigint LANGUAGE sql RETURN (SELECT count(id) FROM a)"),
        (15, "ALTER TABLE a ADD CONSTRAINT single UNIQUE NULLS NOT DISTINCT (b)"),
        (18, "ALTER TABLE a ADD c int GENERATED ALWAYS AS (b * 2) VIRTUAL"),
        (18, "ALTER TABLE a ADD CONSTRAINT lax CHECK (b > 0) NOT ENFORCED"),
        (18, "ALTER TABLE a ADD CONSTRAINT later NOT NULL id NOT VALID"),
    ];
    for (_, sql) in news.iter().filter(|(since, _)| *since <= major) {
        client.batch_execute(sql).await?;
    }
    let catalog = read(&client, None).await?;
    let facts = catalog.facts();
    let expected = [
        (14, "function public.parsed()", "function volatile in sql returns int8"),
        (15, "constraint public.a.single", "unique (b) nulls not distinct"),
        (15, "index public.single", "on public.a using btree (b) unique of a constraint nulls not distinct"),
        (18, "column public.a.c", "int4 generated (b * '2') virtual"),
        (18, "constraint public.a.lax", "check (b > '0') not valid not enforced"),
        (18, "constraint public.a.later", "not null id not valid"),
    ];
    for (since, name, fact) in expected {
        let expected = (since <= major).then_some(fact);
        assert_eq!(facts.get(name).map(String::as_str), expected, "{name}");
    }
    if major >= 14 {
        assert_eq!(catalog.functions.get(&Name::new("public", "parsed")).unwrap()[0].uses, ["public.a"]);
    }
    Ok(())
}

#[tokio::test]
async fn the_settings_are_those_of_a_new_session() -> anyhow::Result<()> {
    let world = World::new().await?;
    let client = world.client().await?;
    let user = world.cluster.user();
    let sql = format!(
        "CREATE SCHEMA \"{user}\"; CREATE SCHEMA app; \
         ALTER ROLE \"{user}\" SET search_path = \"$user\", app, later, pg_catalog, public; \
         ALTER DATABASE app SET lock_timeout = '3s'; ALTER DATABASE app SET timezone = 'Europe/Berlin'"
    );
    client.batch_execute(&sql).await?;
    let settings = read_target(&world.target).await?.settings;
    assert_eq!(settings.search_path, [user, "app", "later", "public"]);
    assert_eq!(settings.time_zone.as_deref(), Some("Europe/Berlin"));
    assert_eq!((settings.lock_timeout, settings.statement_timeout), (Some(3_000), Some(0)));
    assert_eq!(settings.table_access_method.as_deref(), Some("heap"));
    Ok(())
}

#[tokio::test]
async fn an_open_transaction_is_joined_and_goes_on() -> anyhow::Result<()> {
    let world = World::new().await?;
    let client = world.client().await?;
    client.batch_execute("CREATE TABLE a (id int); BEGIN; SET LOCAL search_path = app").await?;
    let before = read_in_transaction(&client, None).await?;
    let sql = "ALTER TABLE public.a ADD b text; CREATE TEMP TABLE pg_class (x int)";
    client.batch_execute(sql).await?;
    let after = read_in_transaction(&client, None).await?;
    assert_eq!(after.settings.search_path, ["app"]);
    let found: Vec<String> = differences(&before, &after).iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(found.join("\n"), @r"
    column pg_temp.pg_class.x is new: int4
    column public.a.b is new: text
    table pg_temp.pg_class is new: table temporary
    ");
    let path: String = client.query_one("SELECT current_setting('search_path')", &[]).await?.get(0);
    assert_eq!(path, "app");
    client.batch_execute("COMMIT").await?;
    Ok(())
}

#[tokio::test]
async fn a_table_that_somebody_has_locked_hinders_nothing_but_measuring() -> anyhow::Result<()> {
    let world = World::new().await?;
    let client = world.client().await?;
    client.batch_execute("CREATE TABLE a AS SELECT generate_series(1, 1000); ANALYZE a").await?;
    client.batch_execute("BEGIN; LOCK a").await?;
    let other = world.client().await?;
    let catalog = read(&other, None).await?;
    let size = relation(&catalog, "a").size.expect("its size");
    assert_eq!((size.rows, size.bytes > 0), (Some(1_000), true));
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_read_is_said() -> anyhow::Result<()> {
    let world = World::new().await?;
    let gone = pgbelay_agent::database::Target { port: 1, ..world.target.clone() };
    assert!(matches!(read_target(&gone).await, Err(CatalogError::Connect(_))));
    let client = world.client().await?;
    let ended = world.client().await?;
    let pid: i32 = ended.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
    client.query_one("SELECT pg_terminate_backend($1)", &[&pid]).await?;
    wait::until("the session to end", LONG, async || Ok(ended.is_closed().then_some(()))).await?;
    let error = read(&ended, None).await.expect_err("a lost session");
    assert!(error.to_string().starts_with("the schema could not be read (the transaction)"), "{error}");
    let outside = read_in_transaction(&client, None).await.expect_err("no transaction");
    assert!(outside.to_string().contains("25P01"), "{outside}");
    Ok(())
}
