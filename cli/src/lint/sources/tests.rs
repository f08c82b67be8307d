//! Directories and files, good and bad.

use std::fs;

use super::*;

fn gathered(files: &[(&str, &[u8])]) -> anyhow::Result<String> {
    let dir = tempfile::tempdir()?;
    fs::create_dir(dir.path().join("rollback"))?;
    for (path, bytes) in files {
        fs::write(dir.path().join(path), bytes)?;
    }
    let sources = gather(&[dir.path().to_owned()], None, || Ok(Vec::new())).sources;
    let mut text = String::new();
    for source in sources {
        let back =
            source.back.as_ref().map(|back| format!(" <- {}", back.path.display())).unwrap_or_default();
        text.push_str(&format!("{}{back} {}", source.path.display(), source.text.is_some()));
        let back_faults = source.back.iter().flat_map(|back| &back.faults);
        for fault in source.faults.iter().chain(back_faults) {
            text.push_str(&format!("\n  {}", fault.message));
        }
        text.push('\n');
    }
    Ok(text.replace(&dir.path().display().to_string(), "DIR"))
}

#[test]
fn migrations_run_in_the_order_of_their_numbers() -> anyhow::Result<()> {
    insta::assert_snapshot!(gathered(&[
        ("010_b.sql", b"SELECT 1"),
        ("9_a.sql", b"SELECT 1"),
        ("rollback/009_rollback.sql", b"SELECT 1"),
        ("README.md", b"not SQL"),
    ])?, @r"
    DIR/9_a.sql <- DIR/rollback/009_rollback.sql true
    DIR/010_b.sql true
    ");
    Ok(())
}

#[test]
fn what_does_not_fit_is_said_with_its_file_and_the_others_go_on() -> anyhow::Result<()> {
    insta::assert_snapshot!(gathered(&[
        ("001_a.sql", b"SELECT 1"),
        ("01_b.sql", b"SELECT 1"),
        ("002_c.sql", b"SELECT '\xff'"),
        ("users.sql", b"SELECT 1"),
        ("rollback/7_back.sql", b"SELECT 1"),
    ])?, @r"
    DIR/001_a.sql true
    DIR/01_b.sql true
      001_a.sql has the same version: give one of them another number
    DIR/002_c.sql false
      not UTF-8; save the file as UTF-8
    DIR/users.sql false
      the name must be a version, an underscore and a name, for example 001_create_users.sql
    DIR/rollback/7_back.sql false
      there is no migration with version 7
    ");
    Ok(())
}

#[test]
fn a_directory_of_another_tool_is_read_in_its_layout() -> anyhow::Result<()> {
    insta::assert_snapshot!(gathered(&[
        ("2_b.sql", b"-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;\n"),
        ("1_a.sql", b"-- +goose Up\nSELECT 1;\n-- +goose Sideways\n"),
        ("3_c.go", b""),
    ])?, @r#"
    DIR/2_b.sql <- DIR/2_b.sql true
    DIR/1_a.sql false
      unknown directive "+goose Sideways"; known are Up, Down, StatementBegin, StatementEnd, NO TRANSACTION and ENVSUB OFF
    DIR/3_c.go false
      a migration in Go cannot be run; write it as SQL, or run it with goose before its turn
    "#);
    Ok(())
}

#[test]
fn a_directory_without_migrations_was_named_wrongly() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let paths = [dir.path().to_owned(), dir.path().join("none.sql"), PathBuf::from(STDIN)];
    let sources = gather(&paths, None, || Ok(b"SELECT 1".to_vec())).sources;
    let wrong: Vec<_> = sources.iter().map(|source| source.wrong_name).collect();
    assert_eq!(wrong, [true, true, false]);
    assert!(sources[0].faults[0].message.contains("no file is called like 001_name.sql"));
    assert!(sources[1].faults[0].message.contains("No such file"));
    assert_eq!(
        (sources[2].path.as_path(), sources[2].text.as_deref()),
        (Path::new("<stdin>"), Some("SELECT 1"))
    );
    Ok(())
}
