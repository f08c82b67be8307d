//! Directories as the tools make them: what is read, and that each is known as its own.

use super::*;

type Directory = &'static [(&'static str, &'static str)];

const T: &str = "CREATE TABLE t (id int);\n";
const D: &str = "DROP TABLE t;\n";

const PLAIN: Directory = &[
    ("10_c.sql", T),
    ("9_b.sql", "-- pgbelay:no-transaction\nCREATE INDEX CONCURRENTLY i ON t (id);\n"),
    ("rollback/009_rollback.sql", D),
    ("README.md", "not ours"),
    ("archive/001_old.sql", "not ours either"),
];

const GOLANG_MIGRATE: Directory = &[
    ("000010_c.up.sql", T),
    ("000010_c.down.sql", D),
    ("000002_b.up.sql", "BEGIN;\nCREATE TABLE b (id int);\nCOMMIT;\n"),
    ("000001_a.up.sql", ""),
    ("000001_a.down.sql", "-- nothing\n"),
];

const SQLX: Directory = &[
    ("20240131120000_add_users.sql", T),
    ("20240201120000_index.up.sql", "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON t (id);\n"),
    ("20240201120000_index.down.sql", "DROP INDEX i;\n"),
];

const DIESEL: Directory = &[
    ("00000000000000_diesel_initial_setup/up.sql", "-- the set-up of diesel\n"),
    ("00000000000000_diesel_initial_setup/down.sql", "-- nothing\n"),
    ("2024-01-31-120000_users/up.sql", T),
    ("2024-01-31-120000_users/down.sql", D),
    ("2024-02-01-120000_index/up.sql", "CREATE INDEX CONCURRENTLY i ON t (id);\n"),
    ("2024-02-01-120000_index/down.sql", "DROP INDEX CONCURRENTLY i;\n"),
    ("2024-02-01-120000_index/metadata.toml", "run_in_transaction = false # because\n"),
    ("2024-02-02-120000_pitfall/up.sql", "SELECT 1;\n"),
    ("2024-02-02-120000_pitfall/metadata.toml", "# says nothing\n"),
    ("2024-02-03-120000_plain/up.sql", "SELECT 1;\n"),
    ("2024-02-03-120000_plain/metadata.toml", "run_in_transaction = true\n"),
    ("2024-02-03-120000-0000_newer/up.sql", "SELECT 1;\n"),
];

const DBMATE: Directory = &[
    (
        "20240201120000_index.sql",
        "-- migrate:up transaction:false\nCREATE INDEX CONCURRENTLY i ON t (id);\n\n-- migrate:down\nDROP INDEX i;\n",
    ),
    ("20240131120000_users.sql", "-- migrate:up\nCREATE TABLE t (id int);\n-- migrate:down\n"),
];

const GOOSE: Directory = &[
    ("00010_c.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE INDEX CONCURRENTLY i ON t (id);\n"),
    (
        "00009_b.sql",
        "-- +goose Up\n-- +goose StatementBegin\nCREATE TABLE t (id int);\n-- +goose StatementEnd\n\n-- +goose Down\nDROP TABLE t;\n",
    ),
    ("00011_d.sql", "-- +goose no transaction\n-- +goose up\nSELECT 1;\n-- +goose down\nSELECT 2;\n"),
];

const FLYWAY: Directory = &[
    ("V1.10__c.sql", T),
    ("sub/V1_9__add_users.sql", "-- ${not} replaced\nCREATE TABLE u (id int);\n"),
    (
        "sub/V1_9__add_users.sql.conf",
        "# a comment\nexecuteInTransaction=false\nplaceholderReplacement = false\n",
    ),
    ("U1.9.0__back.sql", "DROP TABLE u;\n"),
    ("R__views.sql", "CREATE OR REPLACE VIEW v AS SELECT 1;\n"),
    ("R__a_first.sql", "SELECT 1;\n"),
];

const SQL_MIGRATE: Directory = &[
    ("20241108160105-b.sql", "-- +migrate Up\nSELECT 1;\n-- +migrate Down\nSELECT 2;\n"),
    (
        "20241108160105-a.sql",
        "-- +migrate Up notransaction\nCREATE INDEX CONCURRENTLY i ON t (id);\n-- +migrate Down notransaction\nDROP INDEX CONCURRENTLY i;\n",
    ),
    ("9_early.sql", "-- +migrate Up\nSELECT 1;\n"),
    ("zz.sql", "-- +migrate Up\nSELECT 1;\n"),
];

const REFINERY: Directory = &[
    ("V1__initial.sql", "CREATE TABLE persons (id int, name varchar(255), city varchar(255));"),
    ("sub/U3__out_of_order.sql", "SELECT 1;\n"),
    ("V20240101__add_x.sql", "select 1;\n"),
];

const PRISMA: Directory = &[
    ("20240201120000_second/migration.sql", T),
    ("20240131120000_init/migration.sql", "SELECT 1;\n"),
    ("migration_lock.toml", "# by Prisma\nprovider = \"postgresql\"\n"),
];

const HASURA: Directory = &[
    ("default/1612345678902_b/up.sql", T),
    ("default/1612345678902_b/down.sql", D),
    ("default/1612345678901_a/up.sql", "SELECT 1;\n"),
];

const LIQUIBASE: Directory = &[
    (
        "db/b.sql",
        "-- liquibase formatted sql\n\n--changeset ann:1\nCREATE TABLE t (id int);\n--rollback DROP TABLE t;\n\n\
         --changeset \"Bob Ray\":views runOnChange:true endDelimiter:/ stripComments:false\nCREATE VIEW v AS SELECT 1\n/\n\
         /* liquibase rollback\nDROP VIEW v;\n*/\n\n\
         --changeset ann:only-mysql dbms:mysql context:x\nENGINE;\n",
    ),
    (
        "db/a.sql",
        "--liquibase formatted sql\n--changeset ann:1 runInTransaction:false dbms:postgresql,h2\n--comment: why\nSELECT 1;\n--rollback empty\n",
    ),
];

const SQITCH: Directory = &[
    (
        "sqitch.plan",
        "%syntax-version=1.0.0\n%project=flipr\n%uri=https://github.com/theory/sqitch-intro/\n\n\
         appschema 2013-12-30T23:19:45Z Marge N. O\u{2019}Vera <marge@example.com> # Add schema for all flipr objects.\n\
         users [appschema] 2013-12-30T23:49:00Z Marge N. O\u{2019}Vera <marge@example.com> # Creates table to track our users.\n\
         @v1.0 2013-12-30T23:50:00Z Marge N. O\u{2019}Vera <marge@example.com> # Tag\n\
         users [users@v1.0] 2013-12-30T23:57:36Z Marge N. O\u{2019}Vera <marge@example.com> # Again.\n",
    ),
    ("sqitch.conf", "[core]\n\tengine = pg\n"),
    ("deploy/appschema.sql", "-- Deploy\nBEGIN;\nCREATE SCHEMA flipr;\nCOMMIT;\n"),
    ("revert/appschema.sql", "BEGIN;\nDROP SCHEMA flipr;\nCOMMIT;\n"),
    ("verify/appschema.sql", "\\set x 1\nSELECT :x;\n"),
    ("deploy/users.sql", "SELECT 1::int;\n"),
    ("deploy/users@v1.0.sql", "CREATE TABLE flipr.users (id int);\n"),
];

const ALL: [(Layout, Directory); 13] = [
    (Layout::Plain, PLAIN),
    (Layout::GolangMigrate, GOLANG_MIGRATE),
    (Layout::Sqlx, SQLX),
    (Layout::Diesel, DIESEL),
    (Layout::Dbmate, DBMATE),
    (Layout::Goose, GOOSE),
    (Layout::Flyway, FLYWAY),
    (Layout::SqlMigrate, SQL_MIGRATE),
    (Layout::Refinery, REFINERY),
    (Layout::Prisma, PRISMA),
    (Layout::Hasura, HASURA),
    (Layout::Liquibase, LIQUIBASE),
    (Layout::Sqitch, SQITCH),
];

#[test]
fn each_directory_is_known_as_its_own() {
    for (layout, directory) in ALL {
        assert_eq!(detect(&files(directory)), Ok(layout), "{layout}");
    }
}

/// Id, description and checksum, as the tool's history table has them.
fn origins(migrations: &[MigrationSource]) -> Vec<(&str, &str, Option<&str>)> {
    migrations
        .iter()
        .filter_map(|m| m.origin.as_ref())
        .map(|o| (o.id.as_str(), o.description.as_str(), o.checksum.as_deref()))
        .collect()
}

#[test]
fn plain() {
    let migrations = check_good(
        Layout::Plain,
        PLAIN,
        &["9 b 9_b.sql <- rollback/009_rollback.sql up-autocommit", "10 c 10_c.sql"],
    );
    assert!(migrations.iter().all(|m| m.origin.is_none()));
}

#[test]
fn golang_migrate() {
    let migrations = check_good(
        Layout::GolangMigrate,
        GOLANG_MIGRATE,
        &[
            "000001 a 000001_a.up.sql",
            "000002 b 000002_b.up.sql",
            "000010 c 000010_c.up.sql <- 000010_c.down.sql",
        ],
    );
    assert_eq!(migrations[0].up, "\nSELECT 1; -- the file has no statement\n");
    assert_eq!(origins(&migrations), [("1", "a", None), ("2", "b", None), ("10", "c", None)]);
}

#[test]
fn sqlx() {
    let migrations = check_good(
        Layout::Sqlx,
        SQLX,
        &[
            "20240131120000 add_users 20240131120000_add_users.sql",
            "20240201120000 index 20240201120000_index.up.sql <- 20240201120000_index.down.sql up-autocommit",
        ],
    );
    let [(id, description, checksum), _] = origins(&migrations)[..] else { panic!("two") };
    assert_eq!((id, description), ("20240131120000", "add users"));
    assert_eq!(checksum.map(str::len), Some(96));
}

#[test]
fn diesel() {
    let migrations = check_good(
        Layout::Diesel,
        DIESEL,
        &[
            "00000000000000 diesel_initial_setup 00000000000000_diesel_initial_setup/up.sql",
            "20240131120000 users 2024-01-31-120000_users/up.sql <- 2024-01-31-120000_users/down.sql",
            "20240201120000 index 2024-02-01-120000_index/up.sql <- 2024-02-01-120000_index/down.sql up-autocommit \
         down-autocommit",
            "20240202120000 pitfall 2024-02-02-120000_pitfall/up.sql up-autocommit",
            "20240203120000 plain 2024-02-03-120000_plain/up.sql",
            "202402031200000000 newer 2024-02-03-120000-0000_newer/up.sql",
        ],
    );
    assert_eq!(origins(&migrations)[1], ("20240131120000", "users", None));
}

#[test]
fn dbmate() {
    let migrations = check_good(
        Layout::Dbmate,
        DBMATE,
        &[
            "20240131120000 users 20240131120000_users.sql",
            "20240201120000 index 20240201120000_index.sql <- 20240201120000_index.sql up-autocommit",
        ],
    );
    assert_eq!(migrations[0].up, "\nCREATE TABLE t (id int);\n");
    assert_eq!(migrations[1].down.as_deref(), Some("\n\n\n\nDROP INDEX i;\n"));
}

#[test]
fn goose() {
    let migrations = check_good(
        Layout::Goose,
        GOOSE,
        &[
            "00009 b 00009_b.sql <- 00009_b.sql",
            "00010 c 00010_c.sql up-autocommit",
            "00011 d 00011_d.sql <- 00011_d.sql up-autocommit down-autocommit",
        ],
    );
    assert_eq!(migrations[0].down.as_deref(), Some("\n\n\n\n\n\nDROP TABLE t;\n"));
    assert_eq!(origins(&migrations)[0], ("9", "b", None));
}

#[test]
fn flyway() {
    let migrations = check_good(
        Layout::Flyway,
        FLYWAY,
        &[
            "1.9 add_users sub/V1_9__add_users.sql <- U1.9.0__back.sql up-autocommit",
            "1.10 c V1.10__c.sql",
            "R__a_first a_first R__a_first.sql repeatable",
            "R__views views R__views.sql repeatable",
        ],
    );
    let first = origins(&migrations)[0];
    assert_eq!((first.0, first.1), ("1.9", "add users"));
    assert_eq!(origins(&migrations)[3].0, "");
    assert!(origins(&migrations).iter().all(|(_, _, checksum)| checksum.is_some()));
}

#[test]
fn sql_migrate() {
    let migrations = check_good(
        Layout::SqlMigrate,
        SQL_MIGRATE,
        &[
            "9_early early 9_early.sql",
            "20241108160105-a a 20241108160105-a.sql <- 20241108160105-a.sql up-autocommit down-autocommit",
            "20241108160105-b b 20241108160105-b.sql <- 20241108160105-b.sql",
            "zz zz zz.sql",
        ],
    );
    assert_eq!(origins(&migrations)[0], ("9_early.sql", "early", None));
}

#[test]
fn refinery() {
    let migrations = check_good(
        Layout::Refinery,
        REFINERY,
        &[
            "1 initial V1__initial.sql",
            "3 out_of_order sub/U3__out_of_order.sql",
            "20240101 add_x V20240101__add_x.sql",
        ],
    );
    assert_eq!(origins(&migrations)[0], ("1", "initial", Some("9011118159008407467")));
    assert_eq!(origins(&migrations)[2], ("20240101", "add_x", Some("672005790297598938")));
}

#[test]
fn prisma() {
    let migrations = check_good(
        Layout::Prisma,
        PRISMA,
        &[
            "20240131120000_init init 20240131120000_init/migration.sql",
            "20240201120000_second second 20240201120000_second/migration.sql",
        ],
    );
    assert_eq!(origins(&migrations)[0].0, "20240131120000_init");
    assert_eq!(origins(&migrations)[0].2.map(str::len), Some(64));
}

#[test]
fn hasura() {
    let migrations = check_good(
        Layout::Hasura,
        HASURA,
        &[
            "1612345678901 a default/1612345678901_a/up.sql",
            "1612345678902 b default/1612345678902_b/up.sql <- default/1612345678902_b/down.sql",
        ],
    );
    assert_eq!(origins(&migrations)[0], ("1612345678901", "a", None));
}

#[test]
fn liquibase() {
    let migrations = check_good(
        Layout::Liquibase,
        LIQUIBASE,
        &[
            "ann:1@db/a.sql 1 db/a.sql up-autocommit",
            "ann:1@db/b.sql 1 db/b.sql <- db/b.sql",
            "Bob_Ray:views@db/b.sql views db/b.sql <- db/b.sql repeatable",
        ],
    );
    assert_eq!(migrations[1].up, "\n\n\nCREATE TABLE t (id int);\n");
    assert_eq!(migrations[1].down.as_deref(), Some("\n\n\n\n           DROP TABLE t;\n"));
    assert_eq!(migrations[2].up.trim(), "CREATE VIEW v AS SELECT 1\n;");
    assert_eq!(migrations[2].down.as_deref().map(str::trim), Some("DROP VIEW v;"));
    let origin = migrations[2].origin.as_ref().unwrap();
    assert_eq!((origin.id.as_str(), origin.more["author"].as_str()), ("views", "Bob Ray"));
    assert_eq!(origin.more["filename"], "db/b.sql");
}

#[test]
fn liquibase_runs_files_as_a_changelog_includes_them() {
    let sql = |id: &'static str| format!("--liquibase formatted sql\n--changeset a:{id}\nSELECT 1;\n");
    let (one, two, three) = (sql("1"), sql("2"), sql("3"));
    let xml = "<databaseChangeLog>\n<!-- <include file=\"x.sql\"/> -->\n  <include file=\"db/changelog/z.sql\"/>\n  \
               <includeAll path=\"more/\" relativeToChangelogFile=\"true\"/>\n</databaseChangeLog>\n";
    let yaml = "databaseChangeLog:\n  - include:\n      file: z.sql\n  - includeAll:\n      path: more\n";
    let json = "{\"databaseChangeLog\": [{\"include\": {\"file\": \"z.sql\"}}, {\"includeAll\": {\"path\": \"more\"}}]}";
    for (name, log) in [("log.xml", xml), ("log.yaml", yaml), ("log.json", json)] {
        let directory = [
            (name, log),
            ("z.sql", one.as_str()),
            ("more/b.sql", two.as_str()),
            ("more/a.sql", three.as_str()),
        ];
        check_good(
            Layout::Liquibase,
            &directory,
            &["a:1@z.sql 1 z.sql", "a:3@more/a.sql 3 more/a.sql", "a:2@more/b.sql 2 more/b.sql"],
        );
    }
}

#[test]
fn sqitch() {
    let migrations = check_good(
        Layout::Sqitch,
        SQITCH,
        &[
            "appschema appschema deploy/appschema.sql <- revert/appschema.sql",
            "users@v1.0 users deploy/users@v1.0.sql",
            "users users deploy/users.sql",
        ],
    );
    // The ids that Sqitch's tutorial shows.
    assert_eq!(origins(&migrations)[0].0, "c7981df861183412b01be706889e508a63d445ca");
    assert_eq!(origins(&migrations)[1].0, "77398e1dbc5fbce58b05eb67d201f15774718727");
    assert_eq!(migrations[1].origin.as_ref().unwrap().more["tags"], "v1.0");
}

#[test]
fn ids_of_sqitch_are_those_that_sqitch_makes() {
    let plan = "%syntax-version=1.0.0\n%project=p\n%uri=https://example.com/x\n\n\
                a 2013-12-30T23:19:45Z Ann B. <ann@example.com> # one\\ntwo \\\\ three\n\
                b [a !x] 2013-12-30T23:49:00Z Ann B. <ann@example.com>\n\
                @v1 2013-12-30T23:50:00Z Ann B. <ann@example.com> # T\n\
                a [a@v1] 2013-12-30T23:57:36Z Ann B. <ann@example.com> # again\n";
    let directory = [
        ("sqitch.plan", plan),
        ("deploy/a@v1.sql", "SELECT 1;"),
        ("deploy/b.sql", "SELECT 1;"),
        ("deploy/a.sql", "SELECT 1;"),
    ];
    let expected = ["a@v1 a deploy/a@v1.sql", "b b deploy/b.sql", "a a deploy/a.sql"];
    let migrations = check_good(Layout::Sqitch, &directory, &expected);
    let ids: Vec<_> = origins(&migrations).into_iter().map(|(id, _, _)| id).collect();
    // As `sqitch plan --format format:%H` of Sqitch itself prints them.
    assert_eq!(
        ids,
        [
            "6f0ee3fb30881b0972116eabc85088e57b3b4e4f",
            "948240dbd2352bfdcbf6106be2e5d63c7d3836bd",
            "b8d9050b5ba95618f0dc999ce611b8eb3f01ddff",
        ]
    );
}
