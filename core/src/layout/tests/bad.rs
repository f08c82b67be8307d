//! What does not fit, and what is said of it.

use super::*;

fn check_detect(directory: &[(&str, &str)], expected: &str) {
    let found = detect(&files(directory)).map_err(|error| error.to_string());
    let found = found.map_or_else(|error| error, |layout| layout.to_string());
    assert_eq!(found, expected, "{:?}", directory.iter().map(|(path, _)| path).collect::<Vec<_>>());
}

#[test]
fn what_can_be_two_layouts_is_told_apart_by_what_is_there() {
    const S: &str = "SELECT 1;\n";
    let between =
        |names: &str| format!("the files fit more than one layout: {names}; say which one with --layout");
    let neither = "the files fit no layout; say which one with --layout";
    for (directory, expected) in [
        (&[("001_a.sql", S)][..], "plain".to_owned()),
        (&[("001_a.sql", S), ("x.sql", S)], "plain".to_owned()),
        (&[("20240131120000_a.sql", S)], "plain".to_owned()),
        (&[("20240131120000_a.sql", "-- no-transaction\nSELECT 1;")], "sqlx".to_owned()),
        (&[("20240131120000_a.sql", S), ("sqlx.toml", "")], "sqlx".to_owned()),
        (&[("20240131120000_a.up.sql", S)], between("golang-migrate, sqlx")),
        (&[("000001_a.up.sql", S)], "golang-migrate".to_owned()),
        (&[("1706702400_a.up.sql", S)], "golang-migrate".to_owned()),
        (&[("0001_a.up.sql", S)], "sqlx".to_owned()),
        (&[("000001_a.up.sql", S), ("0002_b.up.sql", S)], between("golang-migrate, sqlx")),
        (&[("V1__a.sql", S)], between("flyway, refinery")),
        (&[("V1.2__a.sql", S)], "flyway".to_owned()),
        (&[("V1__a.sql", S), ("U1__a.sql", S)], "flyway".to_owned()),
        (&[("V1__a.sql", S), ("U2__a.sql", S)], "refinery".to_owned()),
        (&[("V1__a.sql", S), ("V2__b.rs", "")], "refinery".to_owned()),
        (&[("V1__a.sql", S), ("beforeMigrate.sql", S)], "flyway".to_owned()),
        (&[("20240131120000_a/up.sql", S)], between("diesel, hasura")),
        (&[("2024-01-31-120000_a/up.sql", S)], "diesel".to_owned()),
        (&[("20240131120000_a/up.sql", S), ("20240131120000_a/metadata.toml", "")], "diesel".to_owned()),
        (&[("1612345678901_a/up.sql", S)], "hasura".to_owned()),
        (&[("001_a.sql", "-- +goose Up\n"), ("rollback/001_a.sql", S)], between("plain, goose")),
        (&[("001_a.sql", "-- +goose Up\n"), ("002_b.sql", "-- migrate:up\n")], between("dbmate, goose")),
        (&[("users.sql", S)], neither.to_owned()),
        (&[("sub/users.sql", S)], neither.to_owned()),
        (
            &[("1_a.rb", "")],
            "the files fit no layout (migrations in Ruby cannot be run); say which one with --layout"
                .to_owned(),
        ),
        (
            &[("versions/a.py", "")],
            "the files fit no layout (migrations in Python cannot be run); say which one with --layout"
                .to_owned(),
        ),
        (&[("README.md", "")], "there is no migration: no file is called like 001_name.sql".to_owned()),
        (&[], "there is no migration: no file is called like 001_name.sql".to_owned()),
    ] {
        check_detect(directory, &expected);
    }
}

#[test]
fn plain() {
    check_bad(
        Layout::Plain,
        &[
            ("001_a.sql", "select 1"),
            ("1_b.sql", "select 1"),
            ("x.sql", "select 1"),
            ("v1.2_y.sql", "select 1"),
            ("002_c.sql", " \n"),
            ("rollback/003_rollback.sql", "select 1"),
            ("rollback/01_x.sql", "select 1"),
            ("rollback/1_y.sql", "select 1"),
        ],
        &[
            "x.sql: the name must be a version, an underscore and a name, for example 001_create_users.sql",
            "v1.2_y.sql: the name must be a version, an underscore and a name, for example 001_create_users.sql",
            "002_c.sql: the file is empty; delete it, or write the SQL that it was meant to have",
            "1_b.sql: 001_a.sql has the same version: give one of them another number",
            "rollback/003_rollback.sql: there is no migration with version 003",
            "rollback/1_y.sql: rollback/01_x.sql has the same version: give one of them another number",
        ],
    );
    check_bad(Layout::Plain, &[], &["there is no migration: no file is called like 001_name.sql"]);
}

#[test]
fn bytes_that_are_not_text_are_named_with_their_place() {
    let file = SourceFile { path: "001_a.sql".into(), bytes: vec![b'-', b'-', 0xff] };
    let large = SourceFile { path: "002_a.sql".into(), bytes: vec![b' '; MAX_FILE_BYTES + 1] };
    let errors: Vec<_> = read(Layout::Plain, &[file, large]).errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "001_a.sql: not UTF-8 at byte 2; save the file as UTF-8",
            "002_a.sql: 1048577 bytes; at most 1048576 are taken",
        ]
    );
}

#[test]
fn golang_migrate_and_sqlx() {
    let directory = &[
        ("000001_a.up.sql", "SELECT 1;"),
        ("1_b.up.sql", "SELECT 1;"),
        ("000002_c.down.sql", "SELECT 1;"),
        ("99999999999999999999_d.up.sql", "SELECT 1;"),
        ("a.sql", ""),
    ];
    let golang = "the name must be a number, an underscore, a name and the direction, for example \
                  000001_create_users.up.sql";
    check_bad(
        Layout::GolangMigrate,
        directory,
        &[
            &format!("99999999999999999999_d.up.sql: {golang}"),
            &format!("a.sql: {golang}"),
            "1_b.up.sql: 000001_a.up.sql has the same version: give one of them another number",
            "000002_c.down.sql: there is no migration with version 000002",
        ],
    );
    let sqlx = "the name must be a number, an underscore and a name, for example 20240131120000_create_users.sql or \
                0001_users.up.sql";
    check_bad(
        Layout::Sqlx,
        directory,
        &[
            &format!("99999999999999999999_d.up.sql: {sqlx}"),
            &format!("a.sql: {sqlx}"),
            "1_b.up.sql: 000001_a.up.sql has the same version: give one of them another number",
            "000002_c.down.sql: there is no migration with version 000002",
        ],
    );
    check_bad(
        Layout::Sqlx,
        &[("1_a.sql", "SELECT 1;"), ("1_a.up.sql", "SELECT 1;")],
        &["1_a.up.sql: 1_a.sql has the same version: give one of them another number"],
    );
}

#[test]
fn diesel_and_hasura() {
    check_bad(
        Layout::Diesel,
        &[
            ("2024-01-31-120000_a/up.sql", "SELECT 1;"),
            ("20240131120000_b/up.sql", "SELECT 1;"),
            ("2024-02-01-120000_c/down.sql", "SELECT 1;"),
            ("2024-02-02-120000_d/up.sql", ""),
            ("name/up.sql", "SELECT 1;"),
        ],
        &[
            "2024-02-02-120000_d/up.sql: the file is empty; delete it, or write the SQL that it was meant to have",
            "name/up.sql: the name must be a version, an underscore and a name, for example \
             2024-01-31-120000_create_users",
            "2024-02-01-120000_c/down.sql: 2024-02-01-120000_c/up.sql is not there; write it, or remove the folder",
            "20240131120000_b/up.sql: 2024-01-31-120000_a/up.sql has the same version: give one of them another version",
        ],
    );
    check_bad(
        Layout::Hasura,
        &[("one/1612345678901_a/up.sql", "SELECT 1;"), ("two/x/up.sql", "SELECT 1;")],
        &[
            "two/x/up.sql: the name must be a number, an underscore and a name, for example \
             1612345678901_create_users",
            "the migrations of several databases (one, two) cannot be run; name the folder of one of them",
        ],
    );
}

#[test]
fn dbmate() {
    check_bad(
        Layout::Dbmate,
        &[
            ("1_a.sql", "-- migrate:up\nSELECT 1;\n"),
            ("2_b.sql", "SELECT 1;\n-- migrate:up\n-- migrate:up\n-- migrate:down\n-- migrate:sideways\n"),
            ("3_c.sql", "-- migrate:up transactions:false\n-- migrate:down\n"),
            ("4_d.sql", "SELECT 1;\n"),
            ("5_e.sql", "-- migrate:up\n-- migrate:down\n"),
            ("5_f.sql", "-- migrate:up\n-- migrate:down\n"),
            ("x.sql", ""),
        ],
        &[
            "1_a.sql: there is no line \"-- migrate:down\"; dbmate asks for it; leave it blank if nothing can be taken \
             back",
            "2_b.sql:2: what stands before the first \"-- migrate:up\" cannot be run; dbmate does not take it either; \
             move it below",
            "2_b.sql:3: a second \"-- migrate:up\"; the first is in line 2",
            "2_b.sql:5: unknown directive \"migrate:sideways\"; known are migrate:up and migrate:down, each with or \
             without transaction:false",
            "3_c.sql:1: unknown directive \"transactions:false\"; known are migrate:up and migrate:down, each with or \
             without transaction:false",
            "4_d.sql: there is no line \"-- migrate:up\"; dbmate runs what stands below it",
            "4_d.sql: there is no line \"-- migrate:down\"; dbmate asks for it; leave it blank if nothing can be taken \
             back",
            "x.sql: the name must be digits and a name, for example 20240131120000_create_users.sql",
            "5_f.sql: 5_e.sql has the same version: give one of them another number",
        ],
    );
}

#[test]
fn goose_and_sql_migrate() {
    check_bad(
        Layout::Goose,
        &[
            ("1_a.sql", "SELECT 1;\n-- +goose ENVSUB ON\n"),
            ("2_b.sql", "-- +goose Up\n-- +goose Up\n-- +goose Sideways\n"),
            ("3_c.go", "package migrations"),
            ("3_c_test.go", "package migrations"),
            ("4_d.sql", "-- +goose Up\nSELECT 1;\n"),
            ("04_e.sql", "-- +goose Up\nSELECT 1;\n"),
            ("x.sql", ""),
        ],
        &[
            "1_a.sql:2: SQL with variables of the environment (ENVSUB ON) cannot be run; what runs must not depend on \
             who runs it; write the values into the file",
            "1_a.sql: there is no line \"-- +goose Up\"; goose runs what stands below it",
            "2_b.sql:2: a second \"-- +goose Up\"; the first is in line 1",
            "2_b.sql:3: unknown directive \"+goose Sideways\"; known are Up, Down, StatementBegin, StatementEnd, NO \
             TRANSACTION and ENVSUB OFF",
            "3_c.go: a migration in Go cannot be run; write it as SQL, or run it with goose before its turn",
            "x.sql: the name must be a number, an underscore and a name, for example 20240131120000_create_users.sql",
            "4_d.sql: 04_e.sql has the same version: give one of them another number",
        ],
    );
    check_bad(
        Layout::SqlMigrate,
        &[
            ("1-a.sql", "-- +migrate Down\nSELECT 1;\n"),
            ("2-b.sql", "-- +migrate Up fast\n-- +migrate Sideways\n-- +migrate Up\n"),
            ("a b.sql", ""),
        ],
        &[
            "1-a.sql: there is no line \"-- +migrate Up\"; sql-migrate runs what stands below it",
            "2-b.sql:1: unknown directive \"+migrate fast\"; known are Up and Down, each with or without notransaction, \
             StatementBegin and StatementEnd",
            "2-b.sql:2: unknown directive \"+migrate Sideways\"; known are Up and Down, each with or without \
             notransaction, StatementBegin and StatementEnd",
            "2-b.sql:3: a second \"-- +migrate Up\"; the first is in line 1",
            "a b.sql: the name must be a name without spaces, for example 20240131120000-create_users.sql",
        ],
    );
}

#[test]
fn flyway_and_refinery() {
    check_bad(
        Layout::Flyway,
        &[
            ("V1__a.sql", "SELECT 1;\nSELECT '${schema}';\n"),
            ("V2__b.sql", "SELECT 1;"),
            ("V2__b.sql.conf", "executeInTransaction=false\nmixed=true\n"),
            ("V3.0__c.sql", "SELECT 1;"),
            ("V3__d.sql", "SELECT 1;"),
            ("U4__x.sql", "SELECT 1;"),
            ("U3__y.sql", "SELECT 1;"),
            ("U3.0__z.sql", "SELECT 1;"),
            ("B5__base.sql", "SELECT 1;"),
            ("afterMigrate__grants.sql", "SELECT 1;"),
            ("V6__java.java", ""),
            ("V7_wrong.sql", "SELECT 1;"),
        ],
        &[
            "V1__a.sql:2: the placeholder ${schema} cannot be run; write its value into the file, or say \
             placeholderReplacement=false in its .conf",
            "V2__b.sql.conf:2: unknown directive \"mixed=true\"; known are executeInTransaction, placeholderReplacement \
             and encoding=UTF-8",
            "B5__base.sql: a baseline migration cannot be run; keep the versioned migrations that it stands for, and \
             remove it",
            "afterMigrate__grants.sql: a callback cannot be run; put what it does into a repeatable migration \
             (R__name.sql), or run it beside pgbelay",
            "V6__java.java: a migration in Java cannot be run; write it as SQL",
            "V7_wrong.sql: the name must be V, a version, two underscores and a name, for example \
             V1.2__create_users.sql, or R__views.sql",
            "U4__x.sql: there is no migration with version 4",
            "U3.0__z.sql: U3__y.sql has the same version: give one of them another version",
            "V3__d.sql: V3.0__c.sql has the same version: give one of them another version",
        ],
    );
    check_bad(
        Layout::Refinery,
        &[
            ("V1__a.sql", "SELECT 1;"),
            ("U1__b.sql", "SELECT 1;"),
            ("V2__c.rs", ""),
            ("V1.2__d.sql", "SELECT 1;"),
        ],
        &[
            "V2__c.rs: a migration in Rust cannot be run; write it as SQL",
            "V1.2__d.sql: the name must be V or U, a number, two underscores and a name, for example \
             V1__create_users.sql",
            "U1__b.sql: V1__a.sql has the same version: give one of them another number",
        ],
    );
}

#[test]
fn prisma() {
    check_bad(
        Layout::Prisma,
        &[("a b/migration.sql", "SELECT 1;"), ("migration_lock.toml", "# lock\nprovider = \"mysql\"\n")],
        &[
            "a b/migration.sql: the name must be a folder's name without spaces, for example 20240131120000_init",
            "migration_lock.toml:2: migrations for \"mysql\" cannot be run; only those for \"postgresql\" can",
        ],
    );
}

#[test]
fn liquibase() {
    check_bad(
        Layout::Liquibase,
        &[("a.sql", "--liquibase formatted sql\nSELECT 0;\n")],
        &["a.sql:2: SQL outside of a changeset cannot be run; write --changeset author:id above it"],
    );
    check_bad(
        Layout::Liquibase,
        &[(
            "a.sql",
            "--liquibase formatted sql\n--changeset a:1 runAlways:true context:test\nSELECT 1;\n\
             --changeset a:2 colour:red\n--preconditions onFail:MARK_RAN\n--precondition-sql-check expectedResult:0 x\n\
             SELECT '${schema}';\n--rollbackSqlFile path:x.sql\n--rollback changesetId:1 changesetAuthor:a\n\
             --changeset a:3\nSELECT 1;\n--changeset a:3\nSELECT 1;\n",
        )],
        &[
            "a.sql:2: a changeset with runAlways:true cannot be run; say runOnChange:true, so that it runs when it \
             changes",
            "a.sql:2: a changeset with context:test cannot be run; there are no contexts; put it into a directory of \
             its own, or remove the attribute",
            "a.sql:4: unknown directive \"colour:red\"; known are splitStatements, endDelimiter, \
             rollbackSplitStatements, rollbackEndDelimiter, stripComments, runInTransaction, runOnChange, dbms, \
             failOnError, ignore, logicalFilePath and created",
            "a.sql:6: --precondition-sql-check cannot be run; what runs is decided by the plan; write SQL that needs no \
             precondition",
            "a.sql:8: --rollbackSqlFile path:x.sql cannot be run; write the SQL behind --rollback, in the changeset",
            "a.sql:9: --rollback changesetId:1 changesetAuthor:a cannot be run; write the SQL of that changeset behind \
             --rollback",
            "a.sql:7: the parameter ${schema} cannot be run; write its value into the file",
            "a.sql: a.sql has the same version: give one of them another id",
        ],
    );
    check_bad(
        Layout::Liquibase,
        &[
            ("a.sql", "--liquibase formatted sql\n--changeset a\n"),
            (
                "log.xml",
                "<databaseChangeLog>\n<include file=\"none.sql\"/>\n<include file=\"a.sql\"/>\n<changeSet id=\"1\"/>",
            ),
        ],
        &[
            "log.xml:4: a changeset in this format cannot be run; write it as formatted SQL, in a file that the \
             changelog includes",
            "log.xml:2: none.sql is not there; name the folder that holds the changelog and what it includes",
            "a.sql:2: unknown directive \"changeset a\"; known are --changeset author:id",
        ],
    );
}

#[test]
fn sqitch() {
    const WHO: &str = "2013-12-30T23:19:45Z Ann <ann@example.com>";
    let plan = format!(
        "%project=p\na {WHO}\nb [none !other] {WHO} # why\n-a {WHO}\nc what\nd {WHO}\nd {WHO}\ne {WHO}\n@t {WHO}\ne {WHO}\n"
    );
    check_bad(
        Layout::Sqitch,
        &[
            ("sqitch.plan", &plan),
            ("sqitch.conf", "[core]\n\tengine = mysql\n\tdeploy_dir = x\n"),
            ("deploy/a.sql", "\\i b.sql\nSELECT :'x', a::int;\n"),
            ("deploy/b.sql", "SELECT 1;"),
            ("deploy/d.sql", "SELECT 1;"),
            ("deploy/e.sql", "SELECT 1;"),
        ],
        &[
            "sqitch.conf:2: a project with engine = mysql cannot be run; it has to be for pg, with the scripts in \
             deploy/ and revert/",
            "sqitch.conf:3: a project with deploy_dir = x cannot be run; it has to be for pg, with the scripts in \
             deploy/ and revert/",
            "sqitch.plan:4: a change that is reverted by the plan cannot be run; remove both lines of it",
            "sqitch.plan:5: unknown directive \"c what\"; known are a change, its dependencies in brackets, a moment, a \
             name and <address>, perhaps # and a note",
            "deploy/a.sql:1: the psql command \\i cannot be run; only SQL can; write what it stands for",
            "deploy/a.sql:2: the psql variable :'x' cannot be run; only SQL can; write what it stands for",
            "sqitch.plan:3: the required change none is not there; it has to stand above in the plan",
            "sqitch.plan:6: the change d twice without a tag between the two cannot be run; add a tag, or give the \
             second one another name",
            "sqitch.plan:8: deploy/e@TAG.sql, the script from before it was reworked, is not there; put it back under \
             the name of a tag between the two",
        ],
    );
    check_bad(Layout::Sqitch, &[], &["there is no migration: no file is called like sqitch.plan"]);
    check_bad(
        Layout::Sqitch,
        &[("sqitch.plan", "%project=p\n")],
        &["there is no migration: no file is called like deploy/name.sql, and in sqitch.plan"],
    );
}

#[test]
fn another_layout_is_another_order() {
    let directory = [
        ("9_a.sql", "-- migrate:up\nSELECT 1;\n-- migrate:down\n"),
        ("10_b.sql", "-- migrate:up\nSELECT 1;\n-- migrate:down\n"),
    ];
    let versions = |layout| {
        let migrations = read(layout, &files(&directory)).whole().unwrap();
        migrations.into_iter().map(|m| m.version.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(versions(Layout::Dbmate), ["10", "9"], "dbmate sorts names as text");
    assert_eq!(versions(Layout::Plain), ["9", "10"]);
}
