//! Directories, good and bad.

use std::fs::{self, File};

use super::*;

fn directory(files: &[(&str, &str)]) -> anyhow::Result<tempfile::TempDir> {
    let dir = tempfile::tempdir()?;
    fs::create_dir(dir.path().join("rollback"))?;
    for (path, text) in files {
        fs::write(dir.path().join(path), text)?;
    }
    Ok(dir)
}

fn mistakes(dir: &tempfile::TempDir) -> String {
    let error = read(dir.path(), None).unwrap_err();
    let place = dir.path().display().to_string();
    format!("{}\n\n{}", error.message, error.details.join("\n\n")).replace(&place, "DIR")
}

#[test]
fn migrations_are_read_in_order_and_other_files_left_alone() -> anyhow::Result<()> {
    let dir = directory(&[
        ("010_b.sql", "SELECT 2;"),
        ("9_a.sql", "SELECT 1;"),
        ("rollback/009_rollback.sql", "SELECT 3;"),
        ("README.md", "not SQL"),
    ])?;
    fs::create_dir(dir.path().join("archive.sql"))?;
    let found: Vec<_> = read(dir.path(), None)?
        .sources
        .into_iter()
        .map(|m| (m.version.to_string(), m.name, m.down))
        .collect();
    assert_eq!(
        found,
        [("9".into(), "a".into(), Some("SELECT 3;".into())), ("010".to_owned(), "b".to_owned(), None)]
    );
    Ok(())
}

#[test]
fn all_mistakes_of_the_layout_come_at_once() -> anyhow::Result<()> {
    let dir = directory(&[("1_a.sql", "SELECT 1;"), ("001_b.sql", "SELECT 1;"), ("2_c.sql", " ")])?;
    insta::assert_snapshot!(mistakes(&dir), @r"
    2 mistakes in DIR

    2_c.sql: the file is empty; delete it, or write the SQL that it was meant to have

    1_a.sql: 001_b.sql has the same version: give one of them another number
    ");
    Ok(())
}

#[test]
fn sql_that_cannot_run_is_shown_with_its_place() -> anyhow::Result<()> {
    let dir = directory(&[
        ("001_a.sql", "CREATE TABLE a (id int);\n\tCREATE TABEL b (id int);\n"),
        ("002_b.sql", "SELECT 1;\nCOMMIT;\nSELECT 2;\n"),
        ("003_c.sql", "SELECT 1;"),
        ("rollback/3_back.sql", "\\i other.sql\n"),
    ])?;
    insta::assert_snapshot!(mistakes(&dir), @r#"
    3 mistakes in DIR

    DIR/001_a.sql:2:9: syntax error at or near "TABEL"
    2 |  CREATE TABEL b (id int);
      |         ^

    DIR/002_b.sql:2:1: COMMIT controls the transaction, which the run does; remove it, or put one plain BEGIN and COMMIT around the whole file
    2 | COMMIT;
      | ^

    DIR/rollback/3_back.sql:1:1: \i is a psql command; only SQL can be run
    1 | \i other.sql
      | ^
    "#);
    Ok(())
}

#[test]
fn a_directory_that_is_not_there_is_a_wrong_command_line() {
    let error = read(Path::new("/no-such-directory"), None).unwrap_err();
    assert_eq!(error.message, "there is no directory /no-such-directory");
    assert!(error.hint.unwrap().contains("--migrations"));
}

#[test]
fn a_file_that_is_too_large_is_not_read_whole() -> anyhow::Result<()> {
    let dir = directory(&[])?;
    File::create(dir.path().join("001_a.sql"))?.set_len(64 << 20)?;
    assert!(mistakes(&dir).contains("001_a.sql: 1048577 bytes"));
    Ok(())
}

fn folders(files: &[(&str, &str)]) -> anyhow::Result<tempfile::TempDir> {
    let dir = tempfile::tempdir()?;
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(dir.path()))?;
        fs::write(path, text)?;
    }
    Ok(dir)
}

#[test]
fn the_files_say_which_layout_it_is_and_the_command_line_may_say_another() -> anyhow::Result<()> {
    let goose = folders(&[("001_a.sql", "-- +goose Up\nSELECT 1;\n"), (".hidden/x.sql", "SELEC")])?;
    assert_eq!(read(goose.path(), None)?.layout, Layout::Goose);
    assert_eq!(read(goose.path(), Some(Layout::Plain))?.layout, Layout::Plain);
    let deep = folders(&[
        ("default/1612345678901_a/up.sql", "SELECT 1;"),
        ("default/1612345678901_a/down.sql", "SELECT 2;"),
    ])?;
    let Migrations { layout, sources } = read(deep.path(), None)?;
    assert_eq!((layout, sources[0].down.as_deref()), (Layout::Hasura, Some("SELECT 2;")));
    let either = folders(&[("V1__a.sql", "SELECT 1;")])?;
    insta::assert_snapshot!(mistakes(&either), @r"
    1 mistake in DIR

    the files fit more than one layout: flyway, refinery; say which one with --layout
    ");
    assert_eq!(read(either.path(), Some(Layout::Refinery))?.sources.len(), 1);
    Ok(())
}

#[test]
fn sql_in_a_section_is_shown_where_the_file_has_it() -> anyhow::Result<()> {
    let dir = folders(&[("1_a.sql", "-- migrate:up\nSELECT 1;\n\n-- migrate:down\nDROP TABEL a;\n")])?;
    insta::assert_snapshot!(mistakes(&dir), @r#"
    1 mistake in DIR

    DIR/1_a.sql:5:6: syntax error at or near "TABEL"
    5 | DROP TABEL a;
      |      ^
    "#);
    Ok(())
}
