//! Tables as the tools write them, beside releases: what is recorded, and what does not fit.

use super::shape::{Part, TABLES};
use super::{Column, HistoryFault, Shape, Table, Tool, adoption, baseline, past, shape_of};
use crate::digest::Digest;
use crate::migration::{Migration, MigrationSource};
use crate::origin::{Layout, Origin};
use crate::release::Release;

fn columns(text: &str) -> Vec<Column> {
    let column = |word: &str| {
        let (name, kind) = word.split_once(':').unwrap();
        Column { name: name.to_owned(), kind: kind.to_owned() }
    };
    text.split_whitespace().map(column).collect()
}

/// The columns of a shape, with a type of each family.
fn columns_of(shape: &Shape) -> Vec<Column> {
    let words: Vec<String> = shape
        .fields
        .iter()
        .map(|field| {
            let kind = match field.kind {
                super::Type::Text => "varchar",
                super::Type::Integer => "int4",
                super::Type::Boolean => "bool",
                super::Type::Moment => "timestamptz",
                super::Type::Bytes => "bytea",
            };
            format!("{}:{kind}", field.name)
        })
        .collect();
    columns(&words.join(" "))
}

/// A table of a tool; cells as the agent reads them, `-` for NULL, one row a line.
fn table(tool: Tool, part: Part, rows: &str) -> Table {
    let whose = if tool == Tool::Rails && part == Part::History { Tool::Dbmate } else { tool };
    let shape = TABLES.iter().find(|shape| shape.tool == whose && shape.part == part).unwrap();
    let cell = |text: &str| (text != "-").then(|| text.to_owned());
    let row = |line: &str| line.split('|').map(|text| cell(text.trim())).collect();
    Table {
        schema: "public".to_owned(),
        name: shape.names[0].to_owned(),
        columns: columns_of(shape),
        rows: rows.lines().filter(|line| !line.trim().is_empty()).map(row).collect(),
    }
}

fn history(tool: Tool, rows: &str) -> Table {
    table(tool, Part::History, rows)
}

/// One word a migration: `version=id`, with `#checksum` if the tool keeps one; `R:name` runs again.
fn release(layout: Layout, words: &str) -> Release {
    let migrations: Vec<Migration> = words.split_whitespace().map(|word| migration(layout, word)).collect();
    Release { id: Digest::of(words), layout, migrations }
}

fn migration(layout: Layout, word: &str) -> Migration {
    let (word, checksum) =
        word.split_once('#').map_or((word, None), |(word, checksum)| (word, Some(checksum)));
    let (version, id) = word.split_once('=').unwrap_or((word, word));
    let repeatable = version.starts_with("R__");
    let up = format!("CREATE TABLE \"t{version}\" (id int)");
    // What is no number yet stands for one.
    let source = MigrationSource::plain("1".parse().unwrap(), format!("name_{id}"), up, None);
    let mut migration = source.analyse().unwrap();
    migration.version = serde_json::from_value(version.replace("R__", "9").into()).unwrap();
    migration.repeatable = repeatable;
    migration.origin = (!layout.is_plain()).then(|| Origin {
        id: if repeatable { String::new() } else { id.to_owned() },
        description: version.to_owned(),
        script: format!("{version}.sql"),
        checksum: checksum.map(str::to_owned),
        more: [("author", "ann"), ("project", "shop")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
    });
    migration
}

/// What comes of tables and a release: `version how [@time]` for what is recorded, `! …` for what does not fit.
fn told(tables: &[Table], wanted: Option<Tool>, release: &Release) -> Vec<String> {
    let past = match past(tables, wanted, release.layout) {
        Ok(past) => past,
        Err(fault) => return vec![format!("fault: {fault}")],
    };
    let found = adoption(release, &past);
    let recorded = found.recorded.iter().map(|adopted| {
        let at = adopted.applied_at.map_or_else(String::new, |at| format!(" @{}", at.0));
        format!("{} {}{at}", adopted.migration.version, adopted.how.as_str())
    });
    let misfits =
        found.misfits.iter().map(|misfit| format!("{} {misfit}", if misfit.blocks() { "!" } else { "-" }));
    recorded.chain(misfits).collect()
}

#[track_caller]
fn check(layout: Layout, files: &str, tables: &[Table], expected: &[&str]) {
    assert_eq!(told(tables, None, &release(layout, files)), expected, "{layout}: {files}");
}

#[test]
fn a_name_reads_as_it_is_written() {
    for tool in Tool::ALL {
        assert_eq!(tool.as_str().parse(), Ok(tool));
        assert_eq!(serde_json::to_value(tool).unwrap(), tool.as_str());
    }
    assert!("atlas".parse::<Tool>().unwrap_err().to_string().contains("golang-migrate, sqlx"));
}

#[test]
fn every_layout_with_a_tool_has_a_shape() {
    for tool in Layout::ALL.into_iter().filter_map(Tool::of) {
        assert!(TABLES.iter().any(|shape| shape.tool == tool && shape.part == Part::History), "{tool}");
    }
}

#[test]
fn a_shape_is_told_by_name_columns_and_types() {
    for (name, found, tool) in [
        ("schema_migrations", "version:int8 dirty:bool", Some(Tool::GolangMigrate)),
        ("schema_migrations", "version:varchar", Some(Tool::Dbmate)),
        ("schema_migrations", "version:text", Some(Tool::Dbmate)),
        // Ecto's.
        ("schema_migrations", "version:int8 inserted_at:timestamp", None),
        ("schema_migrations", "version:int8", None),
        ("gorp_migrations", "id:text applied_at:timestamptz", Some(Tool::SqlMigrate)),
        ("gorp_migrations", "id:text applied_at:timestamptz checksum:text", Some(Tool::SqlMigrate)),
        ("gorp_migrations", "id:text", None),
        ("schema_version", "version:int4", None),
        ("changes", "id:int8 what:text", None),
        (
            "_sqlx_migrations",
            "version:int8 description:text installed_on:timestamptz success:bool checksum:bytea",
            Some(Tool::Sqlx),
        ),
        (
            "_sqlx_migrations",
            "version:int8 description:text installed_on:timestamptz success:bool checksum:text",
            None,
        ),
    ] {
        assert_eq!(shape_of(name, &columns(found)).map(|shape| shape.tool), tool, "{name} {found}");
    }
}

#[test]
fn one_number_stands_for_all_below_it() {
    let at = |rows| [history(Tool::GolangMigrate, rows)];
    let files = "1 2 3";
    check(Layout::GolangMigrate, files, &at("2 | false"), &["1 assumed", "2 assumed"]);
    check(Layout::GolangMigrate, files, &at(""), &[]);
    check(Layout::GolangMigrate, files, &at("-1 | false"), &[]);
    check(
        Layout::GolangMigrate,
        files,
        &at("7 | false"),
        &["! 7: it is applied, and there is no file of it: add the file to the directory"],
    );
    check(
        Layout::GolangMigrate,
        files,
        &at("2 | true"),
        &[
            "1 assumed",
            "2 assumed",
            "! 2: golang-migrate failed half-way in it (dirty): see what of it is in the database, then run migrate force",
        ],
    );
    check(
        Layout::GolangMigrate,
        files,
        &at("1 | false\n2 | false"),
        &["fault: public.schema_migrations: it has 2 rows, and golang-migrate keeps one"],
    );
}

#[test]
fn checksums_are_compared_where_the_tool_keeps_them() {
    let files = "1#aa 2#bb 3#cc";
    let sqlx = |rows| [history(Tool::Sqlx, rows)];
    check(
        Layout::Sqlx,
        files,
        &sqlx("1 | one | 5 | true | aa\n2 | two | 6 | true | bb"),
        &["1 verified @5", "2 verified @6"],
    );
    check(
        Layout::Sqlx,
        files,
        &sqlx("1 | one | 5 | true | aa\n2 | two | 6 | true | ff"),
        &[
            "1 verified @5",
            "! 2: its file has changed since it was applied (the tool's checksum is ff, the file's bb): put the file back as it was applied",
        ],
    );
    check(
        Layout::Sqlx,
        files,
        &sqlx("1 | one | 5 | false | aa\n3 | three | 6 | true | cc"),
        &[
            "3 verified @6",
            "! 1: sqlx did not finish it (success is false): finish or undo it by hand, then correct its row",
            "- 1 name_1: it comes before 3, which is applied, and is not: it stays to be run",
            "- 2 name_2: it comes before 3, which is applied, and is not: it stays to be run",
        ],
    );
    check(
        Layout::Refinery,
        files,
        &[history(Tool::Refinery, "1 | one | 1970-01-01T00:00:01Z | aa")],
        &["1 verified @1000"],
    );
}

#[test]
fn gaps_and_rows_without_a_file_are_told() {
    let rows = |tool, rows| [history(tool, rows)];
    check(
        Layout::Dbmate,
        "1 2 3",
        &rows(Tool::Dbmate, "1\n3\n4"),
        &[
            "1 not-verifiable",
            "3 not-verifiable",
            "! 4: it is applied, and there is no file of it: add the file to the directory",
            "- 2 name_2: it comes before 3, which is applied, and is not: it stays to be run",
        ],
    );
    check(
        Layout::Diesel,
        "1=20240101 2=20240102",
        &rows(Tool::Diesel, "20240101 | 7"),
        &["1 not-verifiable @7"],
    );
    let sql_migrate = rows(Tool::SqlMigrate, "1.sql | 7 | -");
    check(Layout::SqlMigrate, "1=1.sql 2=2.sql", &sql_migrate, &["1 not-verifiable @7"]);
}

#[test]
fn the_newest_row_counts_where_the_table_is_a_log() {
    let goose = "1 | 0 | true | 1\n2 | 1 | true | 2\n3 | 2 | true | 3\n4 | 2 | false | 4\n5 | 3 | true | 5";
    check(
        Layout::Goose,
        "1 2 3",
        &[history(Tool::Goose, goose)],
        &[
            "1 not-verifiable @2",
            "3 not-verifiable @5",
            "- 2 name_2: it comes before 3, which is applied, and is not: it stays to be run",
        ],
    );
    let prisma = "aa | - | 1 | 2 | 1\naa | 5 | 1 | - | 4\nbb | - | 2 | - | 6";
    check(
        Layout::Prisma,
        "1#aa 2#bb",
        &[history(Tool::Prisma, prisma)],
        &[
            "1 verified @5",
            "! 2: Prisma did not finish it: see what of it is in the database, then run prisma migrate resolve",
        ],
    );
}

#[test]
fn prisma_once_wrote_bytes_with_one_digit() {
    let row = "a1 | 5 | 1 | - | 4";
    check(Layout::Prisma, "1#0a01", &[history(Tool::Prisma, row)], &["1 verified @5"]);
}

#[test]
fn other_checksums_of_a_file_count_as_well() {
    for (layout, tool, rows) in [
        (Layout::Prisma, Tool::Prisma, "bb | 5 | 1 | - | 4"),
        (Layout::Refinery, Tool::Refinery, "1 | one | - | bb"),
    ] {
        let mut release = release(layout, "1#aa");
        let told_of = |release: &Release| told(&[history(tool, rows)], None, release)[0].clone();
        assert!(told_of(&release).starts_with("! 1: its file has changed"), "{tool}");
        let more = &mut release.migrations[0].origin.as_mut().unwrap().more;
        more.insert("checksum_other".to_owned(), "bb".to_owned());
        assert!(told_of(&release).starts_with("1 verified"), "{tool}");
    }
}

#[test]
fn flyway_has_baselines_undone_versions_and_repeatable_ones() {
    let rows = "0 | - | s | SCHEMA | s | - | 1 | true\n\
                1 | 2 | << | BASELINE | << | - | 2 | true\n\
                2 | 3.0 | c | SQL | c | -5 | 3 | true\n\
                3 | 4 | d | SQL | d | 7 | 4 | true\n\
                4 | 4 | d | UNDO_SQL | d | - | 5 | true\n\
                5 | - | R__9 | SQL | r | 8 | 6 | true\n\
                6 | - | R__8 | SQL | r | 9 | 7 | true";
    let files = "1 2 3#-5 4#7 R__9#8 R__8#1";
    check(
        Layout::Flyway,
        files,
        &[history(Tool::Flyway, rows)],
        &[
            "1 assumed @2",
            "2 assumed @2",
            "3 verified @3",
            "99 verified @6",
            "- 98: its file has changed since it was applied: it stays to be run again",
        ],
    );
    let failed = history(Tool::Flyway, "1 | 1 | a | SQL | a | 1 | 1 | false");
    check(
        Layout::Flyway,
        "1#1",
        &[failed],
        &[
            "! 1: Flyway failed in it (success is false): see what of it is in the database, then run flyway repair",
        ],
    );
    let strange = history(Tool::Flyway, "1 | 1 | a | TELEPATHY | a | 1 | 1 | true");
    check(
        Layout::Flyway,
        "1#1",
        &[strange],
        &["fault: public.flyway_schema_history: the row of 1 has the type TELEPATHY, which is not known"],
    );
}

#[test]
fn liquibase_is_not_taken_over_while_it_is_locked() {
    let log = || {
        history(
            Tool::Liquibase,
            "1 | ann | x/1.sql | 3 | 1 | EXECUTED | 9:aa\n2 | ann | x/2.sql | 4 | 2 | EXECUTED | 8:bb",
        )
    };
    let lock = |held: &str| table(Tool::Liquibase, Part::Lock, held);
    let files = "1#9:aa 2#9:bb 3#9:cc";
    check(Layout::Liquibase, files, &[log(), lock("false | -")], &["1 verified @3", "2 not-verifiable @4"]);
    check(
        Layout::Liquibase,
        files,
        &[log(), lock("true | ann")],
        &["fault: public.databasechangeloglock is locked by ann: let liquibase finish, or release its lock"],
    );
    let other = history(Tool::Liquibase, "1 | bob | x/1.sql | 3 | 1 | MARK_RAN | -");
    check(
        Layout::Liquibase,
        files,
        &[other],
        &["! 1: it is applied, and there is no file of it: add the file to the directory"],
    );
}

#[test]
fn sqitch_keeps_other_projects_beside_ours() {
    let rows = "c1 | h1 | users | shop | 1\nd1 | h9 | other | blog | 2\nc2 | hX | roles | shop | 3";
    check(
        Layout::Sqitch,
        "1=c1#h1 2=c2#h2",
        &[history(Tool::Sqitch, rows)],
        &[
            "1 verified @1",
            "! 2: its file has changed since it was applied (the tool's checksum is hX, the file's h2): put the file back as it was applied",
        ],
    );
}

#[test]
fn rails_is_told_by_the_table_beside_it() {
    let tables = [history(Tool::Rails, "20240101\n20240102"), table(Tool::Rails, Part::Mark, "")];
    check(
        Layout::Plain,
        "20240101 20240102 20240103",
        &tables,
        &["20240101 not-verifiable", "20240102 not-verifiable"],
    );
    let asked = told(&tables, Some(Tool::Dbmate), &release(Layout::Dbmate, "1"));
    assert_eq!(
        asked,
        ["fault: there is no history table of dbmate; found: public.schema_migrations (rails)"]
    );
}

#[test]
fn a_head_of_alembic_is_a_migration_by_name_or_version() {
    let head = |head: &str| [history(Tool::Alembic, head)];
    check(Layout::Plain, "1 2 3", &head("name_2"), &["1 assumed", "2 assumed"]);
    check(Layout::Plain, "1 2 3", &head("0003"), &["1 assumed", "2 assumed", "3 assumed"]);
    check(
        Layout::Plain,
        "1",
        &head("a\nb"),
        &["fault: public.alembic_version: it has several heads (a, b): merge them with alembic merge first"],
    );
}

#[test]
fn files_that_were_converted_are_found_by_number_or_name() {
    let sqlx = history(Tool::Sqlx, "1 | one | 5 | true | aa\n2 | two | 6 | true | bb");
    const OTHER: &str = "- the directory is read as one of plain: with --layout sqlx its files can be compared with \
                         the checksums that sqlx keeps";
    check(Layout::Plain, "001 002", &[sqlx], &["001 not-verifiable @5", "002 not-verifiable @6", OTHER]);
    let prisma = history(Tool::Prisma, "aa | 5 | 1 | - | 4").rows[0].clone();
    let mut table = history(Tool::Prisma, "");
    let mut row = prisma;
    row[2] = Some("001_name_001".to_owned());
    table.rows.push(row);
    check(Layout::Plain, "001", &[table], &["001 not-verifiable @5", &OTHER.replace("sqlx", "prisma")]);
}

#[test]
fn which_table_counts_is_never_guessed() {
    let (dbmate, goose) = (history(Tool::Dbmate, "1"), history(Tool::Goose, "1 | 1 | true | 2"));
    let both = [dbmate.clone(), goose];
    check(Layout::Goose, "1", &both, &["1 not-verifiable @2"]);
    check(
        Layout::Plain,
        "1",
        &both,
        &[
            "fault: several history tables were found, and which counts is not clear: public.schema_migrations (dbmate), public.goose_db_version (goose)",
        ],
    );
    let elsewhere = Table { schema: "tenant".to_owned(), ..dbmate.clone() };
    check(
        Layout::Dbmate,
        "1",
        &[dbmate.clone(), elsewhere.clone()],
        &[
            "fault: several history tables were found, and which counts is not clear: public.schema_migrations, tenant.schema_migrations",
        ],
    );
    let empty = Table { rows: Vec::new(), ..elsewhere };
    check(Layout::Dbmate, "1", &[dbmate.clone(), empty], &["1 not-verifiable"]);
    let hasura = Table { schema: "hdb_catalog".to_owned(), ..dbmate };
    check(
        Layout::Dbmate,
        "1",
        &[hasura],
        &["fault: no history table of a known tool was found that the agent's user may read"],
    );
}

#[test]
fn a_table_of_an_unknown_shape_is_a_fault() {
    let strange = Table {
        schema: "public".to_owned(),
        name: "_sqlx_migrations".to_owned(),
        columns: columns("version:int8 hash:text"),
        rows: Vec::new(),
    };
    for (wanted, layout) in [(None, Layout::Plain), (None, Layout::Sqlx), (Some(Tool::Sqlx), Layout::Plain)] {
        let fault = past(std::slice::from_ref(&strange), wanted, layout).unwrap_err();
        let HistoryFault::UnknownShape { found, expected, .. } = fault else { panic!("{fault}") };
        assert_eq!(found, "version (int8), hash (text)");
        assert!(expected.starts_with("version (integer), description (text)"), "{expected}");
    }
}

#[test]
fn a_digest_changes_with_every_cell() {
    let digest = |rows| history(Tool::Dbmate, rows).digest();
    assert_eq!(digest("1\n2"), digest("1\n2"));
    assert_ne!(digest("1\n2"), digest("1"));
    assert_ne!(digest("-"), digest(""));
}

#[test]
fn a_baseline_has_everything_up_to_its_version() {
    let release = release(Layout::Plain, "001 002 003");
    let versions = |version: &str| {
        let found = baseline(&release, &version.parse().unwrap())?;
        Some(found.recorded.iter().map(|adopted| adopted.migration.version.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(versions("2"), Some(vec!["001".to_owned(), "002".to_owned()]));
    assert_eq!(versions("4"), None);
}
