//! Backups with the rows of some tables: what is in them, what makes them whole ones, and how they come back.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use pgbelay_agent::backup::verify;
use pgbelay_core::command::{Backup, BackupOrder};
use pgbelay_core::job::{Destination, JobEnd};
use pgbelay_core::plan::Touches;
use pgbelay_core::policy::{BackupMethod, Bytes, MethodRule, Outside, Thresholds};

use crate::backups::{Yard, backed_up, failure, manifest};
use crate::restoring::{into, restored};
use crate::world::World;

/// Orders refer to customers, who refer to regions; items go with their orders; the log has nothing to do with them.
const SHOP: &str = "CREATE SCHEMA shop; SET search_path = shop; \
    CREATE TABLE regions (id int PRIMARY KEY); CREATE TABLE customers (id int PRIMARY KEY, region int REFERENCES regions); \
    CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers, at date NOT NULL); \
    CREATE TABLE items (o int REFERENCES orders ON DELETE CASCADE); CREATE TABLE notes (o int REFERENCES orders); \
    CREATE TABLE \"Log (old)|x\" (id serial, \"a.b\" text); \
    CREATE TABLE days (at date) PARTITION BY RANGE (at); \
    CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM ('2026-01-01') TO ('2026-07-01'); \
    CREATE TABLE days_2 PARTITION OF days FOR VALUES FROM ('2026-07-01') TO ('2027-01-01'); \
    INSERT INTO regions VALUES (1); INSERT INTO customers VALUES (1, 1), (2, 1); \
    INSERT INTO orders VALUES (1, 1, '2026-01-01'), (2, 2, '2026-01-02'); INSERT INTO items VALUES (1), (2), (2); \
    INSERT INTO notes VALUES (1); INSERT INTO \"Log (old)|x\" (\"a.b\") SELECT 'x' FROM generate_series(1, 50); \
    INSERT INTO days VALUES ('2026-02-02'), ('2026-08-08'); \
    CREATE MATERIALIZED VIEW sums AS SELECT count(*) FROM notes; CREATE INDEX at ON orders (at)";

fn touches(names: &[&str], writes: bool) -> BackupOrder {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    BackupOrder {
        method: MethodRule::Touched,
        touches: Touches::Relations { names, writes },
        ..BackupOrder::default()
    }
}

async fn shop() -> anyhow::Result<Yard> {
    let yard = Yard::on(World::new().await?).await?;
    yard.world.client().await?.batch_execute(SHOP).await?;
    Ok(yard)
}

/// What the manifest says has rows, when these relations are touched; it is as the restored database has it.
async fn with_rows(yard: &mut Yard, names: &[&str], writes: bool) -> anyhow::Result<(Backup, Vec<String>)> {
    yard.order = touches(names, writes);
    let backup = backed_up(yard.back_up(None).await?);
    ensure!(backup.method == BackupMethod::Touched, "{:?}", backup.reason);
    let manifest = manifest(&backup);
    let named = manifest["with_rows"].as_array().context("no with_rows")?;
    assert_eq!((&manifest["method"], &manifest["tables"]), (&"touched".into(), &named.len().into()));
    let named = named.iter().map(|name| name.as_str().unwrap_or_default().to_owned()).collect();
    Ok((backup, named))
}

#[tokio::test]
async fn what_is_touched_comes_with_what_it_depends_on_and_nothing_else() -> anyhow::Result<()> {
    let mut yard = shop().await?;
    let (backup, named) = with_rows(&mut yard, &["shop.orders"], false).await?;
    assert_eq!(named, ["shop.customers", "shop.orders", "shop.regions"]);
    assert_eq!(
        verify(Path::new(&backup.path), backup.sha256, &yard.signer.ca_pem).await,
        Vec::<String>::new()
    );
    // All definitions, and the values of sequences, are there all the same.
    let new = Destination::New { name: "back".to_owned() };
    let end = restored(into(&yard, &yard.world.target, &backup, new).await?)?;
    assert_eq!((end.counted, end.rows, &end.schema_doubt), (3, 5, &None));
    ensure!(
        end.notes.iter().any(|note| note.contains("(shop.customers, shop.orders, shop.regions)")),
        "{end:?}"
    );
    let client = yard.world.cluster.connect("back").await?;
    let count = async |sql: &str| anyhow::Ok(client.query_one(sql, &[]).await?.get::<_, i64>(0));
    assert_eq!(count("SELECT count(*) FROM shop.orders").await?, 2);
    assert_eq!(count("SELECT count(*) FROM shop.\"Log (old)|x\"").await?, 0);
    assert_eq!(count("SELECT last_value FROM shop.\"Log (old)|x_id_seq\"").await?, 50);
    assert_eq!(count("SELECT count(*) FROM a").await?, 0);
    Ok(())
}

#[tokio::test]
async fn what_hangs_on_a_table_is_found_by_the_catalogue() -> anyhow::Result<()> {
    let mut yard = shop().await?;
    let check = async |yard: &mut Yard, names: &[&str], writes, expected: &[&str]| {
        let (_, named) = with_rows(yard, names, writes).await?;
        assert_eq!(named, expected, "{names:?}");
        anyhow::Ok(())
    };
    // Who deletes orders deletes their items.
    let with_items = ["shop.customers", "shop.items", "shop.orders", "shop.regions"];
    check(&mut yard, &["shop.orders"], true, &with_items).await?;
    check(&mut yard, &["shop.days"], false, &["shop.days_1", "shop.days_2"]).await?;
    check(&mut yard, &["shop.days_2"], false, &["shop.days_2"]).await?;
    check(&mut yard, &["shop.at"], false, &["shop.customers", "shop.orders", "shop.regions"]).await?;
    check(&mut yard, &["shop.\"Log (old)|x\""], false, &["shop.\"Log (old)|x\""]).await?;
    check(&mut yard, &["public.a", "shop.sums"], false, &["public.a"]).await?;
    check(&mut yard, &[], false, &[]).await
}

#[tokio::test]
async fn what_cannot_be_told_makes_it_a_whole_one() -> anyhow::Result<()> {
    let mut yard = shop().await?;
    let client = yard.world.client().await?;
    let whole = async |yard: &mut Yard, order: BackupOrder, why: &str| {
        yard.order = order;
        let backup = backed_up(yard.back_up(None).await?);
        let reason = backup.reason.clone().unwrap_or_default();
        assert!(backup.method == BackupMethod::Full && reason.contains(why), "{reason}");
        let manifest = manifest(&backup);
        assert_eq!(manifest["method_reason"], reason);
        assert!(manifest["with_rows"].is_null() && manifest["tables"].as_u64() > Some(10), "{manifest}");
        anyhow::Ok(())
    };
    let untold = Touches::Untold { why: "002: line 1: what DO touches cannot be told".to_owned() };
    let untold = BackupOrder { touches: untold, ..touches(&[], false) };
    whole(&mut yard, untold, "full in place of touched, because it cannot be told what is touched: 002")
        .await?;
    for name in ["shop.gone", "gone.orders", "orders"] {
        whole(&mut yard, touches(&[name], false), &format!("{name}, which the plan touches, is not there"))
            .await?;
    }
    // Functions run with what is written, and only then.
    let trigger = "CREATE FUNCTION shop.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
        CREATE TRIGGER spread BEFORE INSERT ON shop.items FOR EACH ROW EXECUTE FUNCTION shop.f()";
    client.batch_execute(trigger).await?;
    whole(&mut yard, touches(&["shop.orders"], true), "trigger spread of shop.items").await?;
    with_rows(&mut yard, &["shop.items"], false).await?;
    client.batch_execute("ALTER TABLE shop.items DISABLE TRIGGER spread").await?;
    with_rows(&mut yard, &["shop.items"], true).await?;
    let rule = "CREATE RULE also AS ON INSERT TO shop.notes DO ALSO DELETE FROM a";
    client.batch_execute(rule).await?;
    whole(&mut yard, touches(&["shop.notes"], true), "rule also of shop.notes").await?;
    let default = "CREATE FUNCTION shop.next() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'; \
        ALTER TABLE shop.days ALTER at SET DEFAULT date '2026-01-01' + shop.next()";
    client.batch_execute(default).await?;
    whole(&mut yard, touches(&["shop.days"], true), "function shop.next(), which shop.days uses,").await?;
    let event = "CREATE FUNCTION shop.ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; \
        CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION shop.ddl()";
    client.batch_execute(event).await?;
    whole(&mut yard, touches(&["public.a"], false), "event trigger watch").await
}

#[tokio::test]
async fn it_does_not_take_the_place_of_the_database_or_of_rows_that_it_lacks() -> anyhow::Result<()> {
    let mut yard = shop().await?;
    let (backup, _) = with_rows(&mut yard, &["public.a"], false).await?;
    let refused = async |destination: Destination, why: &str| {
        let end = into(&yard, &yard.world.target, &backup, destination).await?;
        let JobEnd::Failed { message, .. } = &end else { anyhow::bail!("{end:?}") };
        ensure!(message.contains(why), "{message}");
        Ok(())
    };
    refused(Destination::InPlace { cut_off: Vec::new() }, "it cannot take the database's place").await?;
    let tables =
        |table: &str| Destination::Tables { tables: vec![table.to_owned()], schema: "back".to_owned() };
    refused(tables("orders"), "the backup has no rows of shop.orders").await?;
    restored(into(&yard, &yard.world.target, &backup, tables("a")).await?)?;
    assert_eq!(yard.world.number("SELECT count(*) FROM back.a").await?, 5_000);
    Ok(())
}

#[tokio::test]
async fn a_thousand_tables_are_left_out_by_few_patterns() -> anyhow::Result<()> {
    let mut yard = shop().await?;
    let many = "DO $$ BEGIN FOR n IN 1..40 LOOP \
        EXECUTE (SELECT string_agg(format('CREATE TABLE \"a rather long name of a table %s %s\" (x int)', n, m), ';') \
          FROM generate_series(1, 25) m); END LOOP; END $$";
    let client = yard.world.client().await?;
    client.batch_execute(many).await?;
    let log = yard.dir.path().join("arguments");
    let programs = yard.programs(&format!("printf '%s\\n' \"$@\" >{}; exec $REAL \"$@\"", log.display()))?;
    yard.order = touches(&["shop.orders"], false);
    let backup = backed_up(yard.back_up(Some(&programs)).await?);
    assert_eq!(manifest(&backup)["tables"], 3);
    let arguments = fs::read_to_string(log)?;
    let longest = arguments.lines().map(str::len).max().unwrap_or_default();
    let patterns = arguments.lines().filter(|line| line.starts_with("--exclude-table-data=")).count();
    ensure!(longest < 5_000 && patterns > 8, "{patterns} patterns, {longest} bytes the longest");
    let list = std::process::Command::new(yard.world.cluster.programs().join("pg_restore"))
        .arg("--list")
        .arg(Path::new(&backup.path).join("dump"))
        .output()?;
    let list = String::from_utf8(list.stdout)?;
    assert_eq!(list.lines().filter(|line| line.contains(" TABLE DATA ")).count(), 3, "{list}");
    Ok(())
}

#[tokio::test]
async fn sizes_choose_the_kind_and_it_is_said_why() -> anyhow::Result<()> {
    let mut yard = shop().await?;
    let auto = |touched_from, outside_from, outside| BackupOrder {
        method: MethodRule::Auto,
        thresholds: Thresholds {
            touched_from: Bytes(touched_from),
            outside_from: Bytes(outside_from),
            outside,
        },
        ..touches(&["shop.orders"], false)
    };
    let made = async |yard: &mut Yard, order: BackupOrder| {
        yard.order = order;
        let backup = backed_up(yard.back_up(None).await?);
        anyhow::Ok((backup.method, backup.reason.unwrap_or_default()))
    };
    let (method, why) = made(&mut yard, auto(1_000_000_000, 2_000_000_000, None)).await?;
    ensure!(method == BackupMethod::Full && why.contains("policy says touched only from 1GB on"), "{why}");
    let (method, why) = made(&mut yard, auto(1, 2_000_000_000, Some(Outside::Command))).await?;
    ensure!(method == BackupMethod::Touched && why.contains("and policy says touched from 1B on"), "{why}");
    let untold = BackupOrder { touches: Touches::default(), ..auto(1, 2, None) };
    let (method, why) = made(&mut yard, untold).await?;
    ensure!(method == BackupMethod::Full && why.contains("from 1B on; full in place of touched"), "{why}");
    yard.order = auto(1, 2, Some(Outside::RestorePoint));
    let failed = failure(yard.back_up(None).await?);
    ensure!(failed.message.contains("archive_mode is off"), "{failed:?}");
    Ok(())
}
