//! `pgbelay lint` and `pgbelay explain` as they are typed: real files, real git, every format.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::person::{Seen, at_terminal, fed, script};

mod schema;

const FORMATS: [&str; 5] = ["table", "json", "sarif", "github", "junit"];

/// A directory with these files, `rollback` among its folders.
fn directory(files: &[(&str, &[u8])]) -> anyhow::Result<TempDir> {
    let dir = tempfile::tempdir()?;
    fs::create_dir(dir.path().join("rollback"))?;
    for (path, bytes) in files {
        fs::write(dir.path().join(path), bytes)?;
    }
    Ok(dir)
}

fn mixed() -> anyhow::Result<TempDir> {
    directory(&[
        ("001_orders.sql", b"CREATE TABLE orders (id bigint PRIMARY KEY, note text);\n"),
        ("002_broken.sql", b"SELECT 1;\nCREATE TABEL b (id int);\n"),
        ("003_psql.sql", b"\\d orders\n"),
        ("004_binary.sql", b"SELECT 1;\n\xff\xfe\x00\x01"),
        ("005_note.sql", b"ALTER TABLE orders DROP COLUMN note;\n"),
        ("rollback/001_rollback.sql", b"DROP TABLE orders;\n"),
    ])
}

async fn lint(path: &Path, more: &[&str]) -> Seen {
    script(&[&["lint", &path.display().to_string()], more].concat()).await
}

/// `path line:column message` of each fault, the directory taken out.
fn faults(seen: &Seen, dir: &Path) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut faults = Vec::new();
    for file in seen.json()["files"].as_array().unwrap() {
        for fault in file["faults"].as_array().unwrap() {
            let place = format!("{}:{}", fault["line"], fault["column"]);
            faults.push(format!("{} {place} {}", text(&file["path"]), text(&fault["message"])));
        }
    }
    let dir = format!("{}/", dir.display());
    faults.iter().map(|fault| fault.replace(&dir, "")).collect()
}

#[tokio::test]
async fn a_directory_of_another_tool_is_judged_by_its_sections() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let both = "-- migrate:up\nCREATE TABLE a (id int);\n\n-- migrate:down\nDROP TABLE a;\n";
    fs::write(dir.path().join("1_a.sql"), both)?;
    fs::write(dir.path().join("2_b.sql"), "-- migrate:up sometimes\n-- migrate:down\n")?;
    let seen = lint(dir.path(), &["--output", "json"]).await;
    assert!(seen.err.contains("is read as a directory of dbmate"), "{}", seen.err);
    let json = seen.json();
    assert_eq!(json["files"][0]["rollback"]["state"], "exact");
    assert_eq!(json["files"][0]["statements"][0]["line"], 2);
    assert_eq!(json["rollbacks"][0]["statements"][0]["line"], 5);
    assert_eq!(
        faults(&seen, dir.path()),
        [
            "2_b.sql 1:1 unknown directive \"sometimes\"; known are migrate:up and migrate:down, each with or without \
         transaction:false"
        ]
    );
    assert_eq!(seen.code, 1);

    fs::write(dir.path().join("3_c.sql"), "-- +goose Up\n")?;
    let seen = lint(dir.path(), &["--output", "json"]).await;
    assert!(
        seen.out.contains("the files fit more than one layout: dbmate, goose; say which one with --layout")
    );
    assert_eq!(seen.code, 2);
    let seen = lint(dir.path(), &["--layout", "dbmate"]).await;
    assert!(seen.out.contains("there is no line") && seen.code == 1, "{}", seen.out);
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_read_is_said_and_the_rest_judged() -> anyhow::Result<()> {
    let dir = mixed()?;
    let seen = lint(dir.path(), &["--output", "json"]).await;
    assert_eq!((seen.code, seen.err.as_str()), (1, ""));
    insta::assert_snapshot!(faults(&seen, dir.path()).join("\n"), @r#"
    002_broken.sql 2:8 syntax error at or near "TABEL"
    003_psql.sql 1:1 \d is a psql command; only SQL can be run
    004_binary.sql 2:1 not UTF-8; save the file as UTF-8
    "#);
    let report = seen.json();
    let last = &report["files"].as_array().unwrap()[3]["statements"][0];
    for field in [
        "line",
        "column",
        "kind",
        "transactional",
        "locks",
        "work",
        "destroys",
        "breaks",
        "hazards",
        "unknown",
        "risk",
        "reasons",
    ] {
        assert!(!last[field].is_null(), "{field} is missing in {last}");
    }
    assert_eq!((&last["kind"], &last["line"]), (&"alter-table".into(), &1.into()));
    assert_eq!(report["rollbacks"].as_array().unwrap().len(), 1);
    assert_eq!(report["summary"]["faults"], 3);
    Ok(())
}

#[tokio::test]
async fn every_format_ends_alike() -> anyhow::Result<()> {
    let dir = mixed()?;
    for format in FORMATS {
        let seen = lint(dir.path(), &["--output", format]).await;
        assert_eq!((seen.code, seen.err.as_str()), (1, ""), "{format}");
        assert!(seen.out.contains("TABEL"), "{format}: {}", seen.out);
    }
    let good = directory(&[("001_a.sql", b"CREATE TABLE a (id bigint PRIMARY KEY);")])?;
    for format in FORMATS {
        assert_eq!(lint(good.path(), &["-o", format]).await.code, 0, "{format}");
    }
    let before = ["-o", "json", "lint", &good.path().display().to_string()];
    assert_eq!(script(&before).await.json()["summary"]["failed"], false);
    Ok(())
}

const RISKY: &str = "ALTER TABLE orders ADD COLUMN token uuid DEFAULT gen_random_uuid();\n";
const ALLOWED: &str = "-- pgbelay: allow add-column-volatile-default it is small\n";

#[tokio::test]
async fn findings_count_from_the_bar_on_unless_they_are_allowed() -> anyhow::Result<()> {
    let code = async |text: &str, more: &[&str]| fed(&[&["lint", "-"], more].concat(), text).await.code;
    for bar in ["low", "medium", "high"] {
        assert_eq!(code(RISKY, &["--fail-on", bar]).await, 1, "{bar}");
        // Not the lock that nobody bounds: that is low, and was not allowed.
        let left = u8::from(bar == "low");
        assert_eq!(code(&format!("{ALLOWED}{RISKY}"), &["--fail-on", bar]).await, left, "{bar}");
    }
    let seen = fed(&["lint", "-"], &format!("{ALLOWED}{RISKY}{ALLOWED}SELECT 1;\n")).await;
    assert!(seen.out.contains("it is small") && seen.out.contains("1 allowed"), "{}", seen.out);
    assert!(seen.out.contains("allows what was not found"), "{}", seen.out);
    Ok(())
}

#[tokio::test]
async fn what_earlier_files_make_is_known_and_rollbacks_count_when_asked() -> anyhow::Result<()> {
    let dir = directory(&[
        ("001_orders.sql", b"CREATE TABLE orders (id bigint PRIMARY KEY, note text);\n"),
        ("002_note.sql", b"ALTER TABLE orders ALTER COLUMN note SET DEFAULT '';\n"),
        ("rollback/002_rollback.sql", RISKY.as_bytes()),
    ])?;
    let seen = lint(dir.path(), &["-o", "json"]).await;
    let report = seen.json();
    assert_eq!((seen.code, &report["summary"]["rollback_findings"]["high"]), (0, &1.into()));
    for group in ["files", "rollbacks"] {
        for file in report[group].as_array().unwrap() {
            assert_eq!(file["statements"][0]["unknown"], serde_json::json!([]), "{file}");
        }
    }
    assert_eq!(lint(dir.path(), &["--rollbacks"]).await.code, 1);
    Ok(())
}

#[tokio::test]
async fn sarif_follows_its_schema() -> anyhow::Result<()> {
    let dir = mixed()?;
    fs::write(dir.path().join("006_token.sql"), format!("{ALLOWED}{RISKY}{RISKY}{ALLOWED}"))?;
    let seen = lint(dir.path(), &["--output", "sarif"]).await;
    assert_eq!(schema::mistakes(&seen.json()), Vec::<String>::new());
    assert!(!seen.json()["runs"][0]["results"].as_array().unwrap().is_empty());
    Ok(())
}

#[tokio::test]
async fn junit_is_xml_whose_numbers_are_right() -> anyhow::Result<()> {
    let dir =
        directory(&[("001_a.sql", b"SELECT '<&\">]]>' \x01;\nSELECT 1;"), ("002_b & <c>.sql", b"SELECT 1")])?;
    for path in [dir.path().to_owned(), dir.path().join("002_b & <c>.sql")] {
        let seen = lint(&path, &["--output", "junit"]).await;
        let document = roxmltree::Document::parse(&seen.out)?;
        let named = |name: &'static str| document.descendants().filter(move |node| node.has_tag_name(name));
        for suite in named("testsuite").chain(named("testsuites")) {
            for (tag, number) in [("testcase", "tests"), ("failure", "failures"), ("error", "errors")] {
                let there = suite.descendants().filter(|node| node.has_tag_name(tag)).count();
                assert_eq!(
                    suite.attribute(number),
                    Some(there.to_string().as_str()),
                    "{number}: {}",
                    seen.out
                );
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn files_are_judged_in_the_order_given_and_stdin_is_one() -> anyhow::Result<()> {
    let dir = mixed()?;
    let path = |name: &str| dir.path().join(name).display().to_string();
    let (first, last) = (path("005_note.sql"), path("001_orders.sql"));
    let seen = fed(&["lint", &first, "-", &last, "-o", "json"], "SELECT 1;\nSELECT 2;\n").await;
    let report = seen.json();
    let paths: Vec<_> = report["files"].as_array().unwrap().iter().map(|file| file["path"].clone()).collect();
    assert_eq!(paths, [Value::from(first), "<stdin>".into(), last.into()]);
    assert_eq!(report["files"][1]["statements"].as_array().unwrap().len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_path_that_is_wrong_ends_with_two_and_the_others_are_judged() -> anyhow::Result<()> {
    let dir = mixed()?;
    let (empty, none) = (directory(&[])?, dir.path().join("none.sql"));
    let good = dir.path().join("001_orders.sql");
    for wrong in [empty.path(), &none] {
        let seen = lint(wrong, &[&good.display().to_string(), "-o", "json"]).await;
        let report = seen.json();
        assert_eq!((seen.code, &report["files"][0]["faults"][0]["line"]), (2, &0.into()));
        assert_eq!(report["files"][1]["statements"].as_array().unwrap().len(), 1);
    }
    let seen = lint(&none, &[]).await;
    assert!(seen.out.contains("none.sql") && seen.out.contains("No such file"), "{}", seen.out);
    Ok(())
}

#[tokio::test]
async fn a_file_without_a_statement_says_so() -> anyhow::Result<()> {
    for text in ["", "  \n", "-- nothing\n/* to do */\n"] {
        let seen = fed(&["lint", "-"], text).await;
        assert_eq!(seen.code, 1, "{text:?}");
        assert!(seen.out.contains("<stdin>") && seen.out.contains("no SQL"), "{}", seen.out);
    }
    Ok(())
}

#[tokio::test]
async fn mistakes_are_shown_with_a_caret_and_fit_a_narrow_terminal() -> anyhow::Result<()> {
    let dir = mixed()?;
    let file = dir.path().join("002_broken.sql");
    let (file, place) = (file.display().to_string(), format!("at {}:2:8", file.display()));
    let seen = script(&["lint", &file]).await;
    assert!(seen.out.contains(&place), "{}", seen.out);
    assert!(seen.out.contains("2 | CREATE TABEL b (id int);\n"), "{}", seen.out);
    assert!(seen.out.contains("^^^^^\n"), "{}", seen.out);
    let (blanks, name) = (" ".repeat(100), "a".repeat(300));
    for text in [
        format!("SELECT '{name}' FROM FROM x;"),
        RISKY.replace(';', &format!(", ADD COLUMN {name} int;")),
        format!("SELECT 1;{blanks}{RISKY}"),
        RISKY.replace("DEFAULT", "\n    DEFAULT").replace(';', &format!(",\n  ADD COLUMN {name} int;")),
    ] {
        fs::write(dir.path().join("002_broken.sql"), &text)?;
        for width in [40, 60, 80] {
            let seen = at_terminal(&["lint", "--no-color", &file], width).await;
            assert!(seen.out.contains("^^^"), "{}", seen.out);
            for line in seen.out.lines().filter(|line| line.contains(" | ")) {
                assert!(line.chars().count() <= width.into(), "{width}: {line}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_schema_that_cannot_be_read_ends_with_two() -> anyhow::Result<()> {
    let dir = mixed()?;
    let catalog = dir.path().join("catalog.json");
    fs::write(&catalog, "{}")?;
    for path in [catalog, dir.path().join("none.json")] {
        let seen = lint(dir.path(), &["--catalog", &path.display().to_string(), "-o", "json"]).await;
        assert_eq!((seen.code, seen.out.as_str()), (2, ""));
        assert!(seen.error()["error"]["next_step"].as_str().unwrap().contains("pgbelay catalog"));
    }
    Ok(())
}

fn git(dir: &Path, args: &[&str]) -> anyhow::Result<()> {
    let who = ["-c", "user.name=ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"];
    let mut command = Command::new("git");
    command.arg("-C").arg(dir).args(who).args(args);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").stdout(Stdio::null());
    anyhow::ensure!(command.status()?.success(), "git {args:?}");
    Ok(())
}

#[tokio::test]
async fn since_a_revision_only_what_is_new_counts() -> anyhow::Result<()> {
    let dir = directory(&[
        ("001_a.sql", b"CREATE TABEL broken;\n"),
        ("002_b.sql", b"SELECT 1;\nSELECT 2;\nSELECT 3;\n"),
        ("003_c.sql", b"SELECT 1;\nSELECT 2;\nSELECT 3;\n"),
    ])?;
    git(dir.path(), &["init", "-q"])?;
    git(dir.path(), &["add", "."])?;
    git(dir.path(), &["commit", "-qm", "first"])?;
    let lines = |seen: &Seen| {
        let report = seen.json();
        let files = report["files"].as_array().unwrap().iter().map(|file| {
            let name = file["path"].as_str().unwrap().rsplit('/').next().unwrap_or_default().to_owned();
            let lines =
                file["statements"].as_array().unwrap().iter().map(|statement| statement["line"].to_string());
            format!("{name} {}", lines.collect::<Vec<_>>().join(","))
        });
        files.collect::<Vec<_>>()
    };
    let since = ["--since", "HEAD", "-o", "json"];
    let seen = lint(dir.path(), &since).await;
    assert_eq!((seen.code, lines(&seen)), (0, vec![]), "nothing is new: {seen:?}");

    fs::write(dir.path().join("002_b.sql"), "SELECT 1;\nSELECT 22;\nSELECT 3;\n")?;
    fs::rename(dir.path().join("003_c.sql"), dir.path().join("004_c.sql"))?;
    fs::write(dir.path().join("005_d e.sql"), "SELECT 1;\nSELECT 2;\n")?;
    git(dir.path(), &["add", "004_c.sql", "003_c.sql"])?;
    let seen = lint(dir.path(), &since).await;
    assert_eq!(
        (seen.code, lines(&seen)),
        (0, vec!["002_b.sql 2".into(), "004_c.sql ".into(), "005_d e.sql 1,2".into()])
    );

    fs::write(dir.path().join("001_a.sql"), "CREATE TABEL still_broken;\n")?;
    assert_eq!(lint(dir.path(), &since).await.code, 1);
    Ok(())
}

#[tokio::test]
async fn since_needs_a_repository_and_a_revision_that_is_there() -> anyhow::Result<()> {
    let dir = mixed()?;
    let seen = lint(dir.path(), &["--since", "HEAD"]).await;
    assert_eq!((seen.code, seen.out.as_str()), (2, ""));
    assert!(seen.err.contains("is in no git repository"), "{}", seen.err);
    git(dir.path(), &["init", "-q"])?;
    for revision in ["--since=no-such-branch", "--since=--output=x", "--since=HEAD"] {
        let seen = lint(dir.path(), &[revision]).await;
        assert_eq!((seen.code, seen.out.as_str()), (2, ""), "{revision}");
        assert!(seen.err.contains("git knows no revision"), "{}", seen.err);
    }
    Ok(())
}

#[tokio::test]
async fn every_hazard_is_explained() {
    let list = script(&["explain", "-o", "json"]).await;
    assert_eq!(list.code, 0);
    for hazard in list.json()["hazards"].as_array().unwrap() {
        let id = hazard["id"].as_str().unwrap();
        let seen = at_terminal(&["explain", "--no-color", id], 80).await;
        assert_eq!(seen.code, 0, "{id}");
        assert!(seen.out.starts_with(id), "{}", seen.out);
        for line in seen.out.lines().filter(|line| !line.starts_with("    ") && !line.starts_with('|')) {
            assert!(line.chars().count() <= 80, "{id}: {line}");
        }
    }
    let seen = script(&["explain", "no-such-hazard"]).await;
    assert_eq!(seen.code, 2);
    assert!(
        seen.err.contains("no-such-hazard") && seen.err.contains("pgbelay explain lists them all"),
        "{}",
        seen.err
    );
}

fn pairs() -> anyhow::Result<TempDir> {
    directory(&[
        ("001_orders.sql", b"CREATE TABLE orders (id bigint PRIMARY KEY, note text);\n"),
        ("002_state.sql", b"ALTER TABLE orders ADD COLUMN state text;\n"),
        ("003_note.sql", b"ALTER TABLE orders DROP COLUMN note;\n"),
        ("004_view.sql", b"CREATE VIEW open AS SELECT id FROM orders WHERE state = 'open';\n"),
        ("rollback/001_rollback.sql", b"DROP TABLE orders;\n"),
        ("rollback/002_rollback.sql", b"SELECT 1;\n"),
        ("rollback/003_rollback.sql", b"ALTER TABLE orders ADD COLUMN note text;\n"),
    ])
}

#[tokio::test]
async fn what_is_not_taken_back_is_told_and_counts_as_medium() -> anyhow::Result<()> {
    let dir = pairs()?;
    let seen = lint(dir.path(), &["--output", "json", "--fail-on", "medium"]).await;
    assert_eq!(seen.code, 1);
    let json = seen.json();
    let states: Vec<_> =
        json["files"].as_array().unwrap().iter().map(|file| &file["rollback"]["state"]).collect();
    assert_eq!(states, ["exact", "differs", "equivalent", "missing"]);
    assert_eq!(json["summary"]["not_taken_back"], 2);
    assert_eq!(json["files"][2]["rollback"]["values"][0]["object"], "public.orders.note");
    let text = lint(dir.path(), &[]).await.out;
    let text =
        text.split("Rollback\n").nth(1).unwrap_or_default().replace(&dir.path().display().to_string(), "DIR");
    insta::assert_snapshot!(text.split("\n4 files").next().unwrap_or_default());
    let one =
        script(&["lint", &dir.path().join("001_orders.sql").display().to_string(), "--output", "json"]).await;
    assert!(one.json()["files"][0]["rollback"].is_null());
    Ok(())
}

#[tokio::test]
async fn the_graph_needs_files_only() -> anyhow::Result<()> {
    let dir = pairs()?;
    let path = dir.path().display().to_string();
    let lint = script(&["lint", &path, "--graph"]).await;
    let plan = script(&["plan", "--graph", "--migrations", &path]).await;
    assert_eq!((lint.code, plan.code, &lint.out), (0, 0, &plan.out));
    insta::assert_snapshot!(lint.out);
    let dot = script(&["lint", &path, "--graph", "--output", "dot"]).await;
    assert!(dot.out.starts_with("digraph migrations {"), "{}", dot.out);
    let json = script(&["plan", "--graph", "--migrations", &path, "--output", "json"]).await;
    assert_eq!(json.json()["nodes"][3]["stands_on"][1]["version"], "002");
    for wrong in [
        &["plan", "--graph", "--migrations", "/nowhere"][..],
        &["plan", "--env", "staging", "--output", "dot"],
        &["lint", &path, "--output", "dot"],
        &["lint", &path, "--graph", "--output", "sarif"],
    ] {
        assert_eq!(script(wrong).await.code, 2, "{wrong:?}");
    }
    Ok(())
}

/// The migrations of this repository, of which one has no rollback file on purpose.
#[tokio::test]
async fn our_own_migrations_are_taken_back() -> anyhow::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let json = lint(&folder, &["--output", "json"]).await.json();
    let states = json["files"].as_array().unwrap().iter().map(|file| {
        let (rollback, path) = (&file["rollback"], file["path"].as_str().unwrap_or_default());
        let name = path.rsplit('/').next().unwrap_or_default();
        let values: Vec<_> =
            rollback["values"].as_array().unwrap().iter().filter(|lost| lost["by"] == "up").collect();
        let gone: String = values.iter().map(|lost| format!(", gone: {}", lost["object"])).collect();
        format!("{name}: {}{gone}", rollback["state"].as_str().unwrap_or_default())
    });
    insta::assert_snapshot!(states.collect::<Vec<_>>().join("\n"));
    Ok(())
}
