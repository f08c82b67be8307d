//! Edges of the rules about rewrites, scans, locks and transactions that no example shows.

use std::sync::Arc;

use pgbelay_analysis::{Catalog, Options, Server, Severity, Size};

use crate::example::{Found, findings};

const TABLES: &str = "
    CREATE TABLE customers (id bigint PRIMARY KEY, name text);
    CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, note varchar(10), total numeric(10,2),
      placed timestamp, state text);
    CREATE TABLE events (id bigint NOT NULL, at date NOT NULL) PARTITION BY RANGE (at);
    CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
";

/// What is found in `run` after [`TABLES`] and `setup`.
fn found(setup: &str, run: &str) -> Vec<Found> {
    let mut catalog = Catalog::fresh();
    findings(&format!("{TABLES}{setup}"), &mut catalog, Options::default());
    findings(run, &mut catalog, Options::default())
}

/// The same, of the rules that this file is about: groups A to D of the list.
fn found_ad(setup: &str, run: &str) -> Vec<Found> {
    let list = include_str!("../../hazards/LIST.tsv");
    let is_ours = |id: &str| {
        list.lines().any(|line| {
            let mut fields = line.split('\t');
            fields.next() == Some(id) && fields.next().is_some_and(|group| "ABCD".contains(group))
        })
    };
    let mut found = found(setup, run);
    found.retain(|found| is_ours(&found.id));
    found
}

fn check(setup: &str, run: &str, id: &str, expected: Option<Severity>) {
    let found = found(setup, run);
    let severity = found.iter().find(|found| found.id == id).map(|found| found.severity);
    assert_eq!(severity, expected, "{id}: {setup} / {run}: {found:#?}");
}

fn silent(setup: &str, run: &str, id: &str) {
    check(setup, run, id, None);
}

#[test]
fn proven_facts_are_no_danger() {
    silent(
        "ALTER TABLE orders ADD CHECK (state IS NOT NULL);",
        "ALTER TABLE orders ALTER state SET NOT NULL",
        "set-not-null",
    );
    silent(
        "ALTER TABLE orders ADD CHECK (state <> '' AND state IS NOT NULL);",
        "ALTER TABLE orders ALTER state SET NOT NULL",
        "set-not-null",
    );
    silent("", "ALTER TABLE orders ALTER id SET NOT NULL", "set-not-null");
    check(
        "ALTER TABLE orders ADD CHECK (state IS NOT NULL) NOT VALID;",
        "ALTER TABLE orders ALTER state SET NOT NULL",
        "set-not-null",
        Some(Severity::High),
    );
    check(
        "ALTER TABLE orders ADD CHECK (state IS NOT NULL OR total > 0);",
        "ALTER TABLE orders ALTER state SET NOT NULL",
        "set-not-null",
        Some(Severity::High),
    );
}

#[test]
fn free_type_changes_are_no_rewrite() {
    for free in [
        "note TYPE varchar(20)",
        "note TYPE text",
        "total TYPE numeric(12,2)",
        "total TYPE numeric",
        "state TYPE varchar",
    ] {
        silent("", &format!("ALTER TABLE orders ALTER {free}"), "alter-column-type-rewrite");
        silent("", &format!("ALTER TABLE orders ALTER {free}"), "alter-column-type-rescan");
    }
    for costly in [
        "note TYPE varchar(5)",
        "customer_id TYPE numeric",
        "total TYPE numeric(12,3)",
        "state TYPE varchar(30)",
    ] {
        check(
            "",
            &format!("ALTER TABLE orders ALTER {costly}"),
            "alter-column-type-rewrite",
            Some(Severity::High),
        );
    }
    let zone = "ALTER TABLE orders ALTER placed TYPE timestamptz";
    check("", zone, "alter-column-type-rewrite", Some(Severity::Medium));
    silent("", &format!("SET LOCAL TimeZone = 'UTC'; {zone}"), "alter-column-type-rewrite");
    check(
        "",
        &format!("SET LOCAL TimeZone = 'Europe/Rome'; {zone}"),
        "alter-column-type-rewrite",
        Some(Severity::High),
    );
}

#[test]
fn what_the_script_made_is_no_danger() {
    let new = "CREATE TABLE made (id bigint, a text, b bigint);";
    for statement in [
        "ALTER TABLE made ADD COLUMN c bigserial",
        "ALTER TABLE made ADD COLUMN c uuid DEFAULT gen_random_uuid()",
        "ALTER TABLE made ADD CHECK (b > 0)",
        "ALTER TABLE made ALTER b TYPE numeric",
        "ALTER TABLE made ALTER b SET NOT NULL",
        "ALTER TABLE made ADD PRIMARY KEY (id)",
        "CREATE INDEX ON made (b)",
        "CREATE POLICY p ON made USING (true)",
        "LOCK TABLE made",
        "ALTER TABLE made ADD COLUMN c int; ALTER TABLE made ADD COLUMN d int",
        "UPDATE made SET b = 1",
    ] {
        assert_eq!(found_ad("", &format!("{new}{statement}")), [], "{statement}");
    }
    let temporary = "CREATE TEMPORARY TABLE scratch (id bigint); CREATE INDEX ON scratch (id)";
    assert_eq!(found_ad("", temporary), []);
}

#[test]
fn what_does_nothing_is_no_danger() {
    for statement in [
        "DROP INDEX IF EXISTS nothing_idx",
        "DROP TRIGGER IF EXISTS nothing ON orders",
        "ALTER TABLE IF EXISTS nothing ADD COLUMN c bigserial",
        "ALTER TABLE orders SET LOGGED",
        "ALTER TABLE orders SET ACCESS METHOD heap",
        "SELECT 1",
        "VACUUM orders",
    ] {
        let strong = found_ad("", statement).into_iter().filter(|found| found.severity > Severity::Low);
        assert_eq!(strong.collect::<Vec<_>>(), [], "{statement}");
    }
}

#[test]
fn known_sizes_count() {
    let run = "ALTER TABLE orders ADD CHECK (total > 0)";
    for (rows, expected) in [(0, None), (20, Some(Severity::Medium)), (50_000, Some(Severity::High))] {
        let mut catalog = Catalog::fresh();
        findings(TABLES, &mut catalog, Options::default());
        let size = Size { rows: Some(rows), bytes: 8192, index_bytes: 0, writes: 0, seconds: None };
        for relation in catalog.relations.values_mut() {
            Arc::make_mut(relation).size = Some(size);
        }
        let found = findings(run, &mut catalog, Options::default());
        let severity =
            found.iter().find(|found| found.id == "add-check-validated").map(|found| found.severity);
        assert_eq!(severity, expected, "{rows}: {found:#?}");
    }
}

#[test]
fn partitions_are_one_finding() {
    for (statement, id) in [
        ("ALTER TABLE events ADD COLUMN n bigserial", "add-column-serial"),
        ("CREATE INDEX ON events (id)", "create-index-non-concurrent"),
        ("ALTER TABLE events ADD CHECK (id > 0)", "add-check-validated"),
    ] {
        let mut found = found("", statement);
        found.retain(|found| found.id == id);
        assert_eq!(found.len(), 1, "{statement}: {found:#?}");
        assert!(found[0].message.starts_with("public.events with its 2 partitions"), "{}", found[0].message);
    }
    silent(
        "",
        "ALTER TABLE events ADD COLUMN a int; ALTER TABLE events_1 ALTER id SET DEFAULT 1",
        "wide-lock-window",
    );
    silent("", "CREATE INDEX ON ONLY events (id)", "create-index-non-concurrent");
}

#[test]
fn timeouts_are_spoken_of_once() {
    let two = "ALTER TABLE orders ADD COLUMN a int; ALTER TABLE customers ADD COLUMN a int";
    let times = |run: &str| found("", run).iter().filter(|found| found.id == "require-lock-timeout").count();
    assert_eq!(times(two), 1);
    assert_eq!(times(&format!("SET lock_timeout = '1s'; {two}")), 0);
    assert_eq!(times("COMMENT ON TABLE orders IS 'x'"), 0);
    assert_eq!(times("CREATE POLICY p ON orders USING (true)"), 0, "policy-change says it");
    check("", &format!("SET lock_timeout = 0; {two}"), "require-lock-timeout", Some(Severity::Medium));
    check("", two, "require-lock-timeout", Some(Severity::Low));
    check("", "SET lock_timeout = 0; LOCK TABLE orders", "explicit-lock", Some(Severity::Medium));
    silent("", "SET lock_timeout = 0; LOCK TABLE orders NOWAIT", "explicit-lock");
    silent("", "LOCK TABLE orders IN ACCESS SHARE MODE", "explicit-lock");
}

#[test]
fn the_specific_rule_speaks() {
    let added = "ALTER TABLE orders ADD CONSTRAINT c CHECK (total > 0) NOT VALID;";
    let both = format!("{added} ALTER TABLE orders VALIDATE CONSTRAINT c");
    check("", &both, "validate-in-same-transaction", Some(Severity::High));
    silent("", &both, "validate-constraint");
    silent("", &both, "statement-after-access-exclusive");
    silent("", &both, "multiple-alter-table");
    silent(
        "",
        "ALTER TABLE orders ADD COLUMN c int; ALTER TABLE orders ALTER c SET DEFAULT 1",
        "multiple-alter-table",
    );
    silent(
        "",
        "ALTER TABLE orders ADD COLUMN c int; ALTER TABLE customers ADD COLUMN c int",
        "multiple-alter-table",
    );
}

#[test]
fn foreign_keys_to_others_only() {
    let key = "ALTER TABLE orders ADD CONSTRAINT k FOREIGN KEY (customer_id) REFERENCES customers;";
    check(key, "DROP TABLE orders", "drop-fk-locks-parent", Some(Severity::Medium));
    check(key, "ALTER TABLE orders DROP COLUMN customer_id", "drop-fk-locks-parent", Some(Severity::Medium));
    silent(key, "DROP TABLE orders, customers", "drop-fk-locks-parent");
    check(
        key,
        "ALTER TABLE customers ALTER id TYPE numeric",
        "alter-column-type-locks-fk-peer",
        Some(Severity::High),
    );
    silent(
        key,
        "ALTER TABLE orders DROP CONSTRAINT k; ALTER TABLE orders ALTER customer_id TYPE numeric",
        "alter-column-type-locks-fk-peer",
    );
    let own = "ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES orders;";
    silent(own, "DROP TABLE orders", "drop-fk-locks-parent");
    silent("", "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (a int REFERENCES a)", "create-table-fk");
}

#[test]
fn partitions_come_and_go() {
    silent("", "DROP TABLE events", "drop-partition");
    silent("", "ALTER TABLE events DETACH PARTITION events_1; DROP TABLE events_1", "drop-partition");
    silent(
        "",
        "CREATE TABLE p (id int) PARTITION BY LIST (id); CREATE TABLE q PARTITION OF p FOR VALUES IN (1)",
        "create-partition-of",
    );
    let limited = "SET LOCAL lock_timeout = '1s'; CREATE TABLE events_3 PARTITION OF events DEFAULT";
    check("", limited, "create-partition-of", Some(Severity::Low));
    silent("", limited, "default-partition-scan");
}

#[test]
fn statements_that_run_alone() {
    let index = "CREATE INDEX CONCURRENTLY i ON orders (note)";
    silent("", index, "concurrently-in-transaction");
    silent("", &format!("SET lock_timeout = '1s'; {index}"), "concurrently-in-transaction");
    silent(
        "",
        &format!("{index}; CREATE INDEX CONCURRENTLY j ON orders (total)"),
        "concurrently-in-transaction",
    );
    check(
        "",
        &format!("{index}; ALTER TABLE orders ADD COLUMN c int"),
        "concurrently-in-transaction",
        Some(Severity::Info),
    );
    silent("", "VACUUM orders; VACUUM customers", "non-transactional-statement");
    silent(
        "",
        &format!("DROP INDEX IF EXISTS i; {index}").replace("CONCURRENTLY i", "CONCURRENTLY IF NOT EXISTS i"),
        "invalid-index-retry",
    );
}

#[test]
fn enum_values_in_use() {
    let setup = "CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE people (id int, mood mood, note text);";
    let id = "enum-value-used-in-transaction";
    for used in [
        "UPDATE people SET mood = 'new'",
        "INSERT INTO people VALUES (1, 'new')",
        "INSERT INTO people (mood) VALUES ('new')",
        "SELECT 'new'::mood",
        "CREATE TABLE more (m mood DEFAULT 'new')",
    ] {
        check(setup, &format!("ALTER TYPE mood ADD VALUE 'new'; {used}"), id, Some(Severity::Info));
    }
    for unused in [
        "INSERT INTO people (note) VALUES ('new')",
        "UPDATE people SET mood = 'ok' -- 'new'",
        "ALTER TYPE mood ADD VALUE 'newer' AFTER 'new'",
        "COMMENT ON TYPE mood IS 'new'",
    ] {
        silent(setup, &format!("ALTER TYPE mood ADD VALUE 'new'; {unused}"), id);
    }
    silent(
        "",
        "CREATE TYPE t AS ENUM ('a'); ALTER TYPE t ADD VALUE 'b'; CREATE TABLE x (t t DEFAULT 'b')",
        id,
    );
}

#[test]
fn events_that_wait_for_the_end() {
    let key = "ALTER TABLE orders ADD CONSTRAINT k FOREIGN KEY (customer_id) REFERENCES customers";
    let id = "pending-trigger-events";
    let deferred = format!("{key} DEFERRABLE INITIALLY DEFERRED;");
    check(
        &deferred,
        "INSERT INTO orders VALUES (1); CREATE INDEX ON orders (note)",
        id,
        Some(Severity::Medium),
    );
    check(
        &deferred,
        "DELETE FROM customers WHERE id = 1; ALTER TABLE customers ADD COLUMN c int",
        id,
        Some(Severity::Medium),
    );
    silent(&deferred, "UPDATE orders SET note = 'x' WHERE id = 1; ALTER TABLE orders ADD COLUMN c int", id);
    silent(
        &deferred,
        "INSERT INTO orders VALUES (1); SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE orders ADD COLUMN c int",
        id,
    );
    silent(&format!("{key};"), "INSERT INTO orders VALUES (1); ALTER TABLE orders ADD COLUMN c int", id);
    check(
        &format!("{key} DEFERRABLE;"),
        "SET CONSTRAINTS ALL DEFERRED; INSERT INTO orders VALUES (1); ALTER TABLE orders ADD COLUMN c int",
        id,
        Some(Severity::Medium),
    );
}

#[test]
fn refusals_depend_on_the_server() {
    let key = "ALTER TABLE events ADD FOREIGN KEY (id) REFERENCES customers NOT VALID";
    for (major, refused) in [(17, true), (18, false)] {
        let mut catalog = Catalog::fresh();
        let options = Options { server: Server::major(major), ..Options::default() };
        findings(TABLES, &mut catalog, options);
        let found = findings(key, &mut catalog, options);
        assert_eq!(
            found.iter().any(|f| f.id == "unsupported-on-partitioned"),
            refused,
            "{major}: {found:#?}"
        );
    }
    check("", "ALTER TABLE events ADD UNIQUE (id)", "unsupported-on-partitioned", Some(Severity::Medium));
    silent("", "ALTER TABLE events ADD UNIQUE (id, at)", "unsupported-on-partitioned");
    silent("", "CREATE INDEX CONCURRENTLY ON events_1 (id)", "unsupported-on-partitioned");
}

#[test]
fn what_no_catalog_knows_is_there() {
    let run = |sql: &str| findings(sql, &mut Catalog::nothing(), Options::default());
    let has = |sql: &str, id: &str| run(sql).iter().any(|found| found.id == id);
    assert!(has("CREATE INDEX ON orders (note)", "create-index-non-concurrent"));
    assert!(has("DROP INDEX some_idx", "drop-index-non-concurrent"));
    assert!(has("ALTER TABLE orders ADD COLUMN a bigserial", "add-column-serial"));
    assert!(has("REINDEX DATABASE", "reindex-non-concurrent"));
    assert!(has("VACUUM FULL", "vacuum-full"));
    assert!(has("DROP INDEX CONCURRENTLY some_idx", "concurrently-waits-for-old-transactions"));
}

#[test]
fn the_other_side_is_named() {
    let key = "ALTER TABLE orders ADD CONSTRAINT k FOREIGN KEY (customer_id) REFERENCES customers;";
    let found = found(key, "ALTER TABLE customers DROP COLUMN id CASCADE");
    let peer = found.iter().find(|found| found.id == "drop-fk-locks-parent");
    assert!(peer.is_some_and(|peer| peer.message.contains("public.orders")), "{found:#?}");
    check("", "ALTER TABLE ALL IN TABLESPACE a SET TABLESPACE b", "set-tablespace", Some(Severity::High));
    let keyed = "ALTER TABLE events ADD PRIMARY KEY (id, at);
      CREATE TABLE notes (id bigint, at date, FOREIGN KEY (id, at) REFERENCES events);";
    check(keyed, "ALTER TABLE events DETACH PARTITION events_1", "detach-partition", Some(Severity::High));
    check("", "ALTER TABLE events DETACH PARTITION events_1", "detach-partition", Some(Severity::Medium));
}
