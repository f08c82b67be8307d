//! Where programs are found, and what is said when they are not.

use std::os::unix::fs::symlink;

use super::*;

fn install(dir: &Path, programs: &[&str]) -> anyhow::Result<()> {
    fs::create_dir_all(dir)?;
    programs.iter().try_for_each(|program| fs::write(dir.join(program), ""))?;
    Ok(())
}

fn places(path: &[PathBuf], patterns: &[String]) -> Places {
    Places { path: path.to_vec(), patterns: patterns.to_vec() }
}

#[test]
fn an_account_is_found_by_its_whole_name() {
    let passwd = "root:x:0:0::/root:/bin/sh\npostgresql:x:7:8::/:/bin/sh\npostgres:x:101:104::/:/bin/sh\n";
    let found = parse_account(passwd, "postgres").map(|account| (account.uid, account.gid));
    assert_eq!(found, Some((101, 104)));
    assert!(parse_account(passwd, "nobody").is_none());
}

#[test]
fn the_newest_version_counts_and_path_comes_first() -> anyhow::Result<()> {
    let root = fs::canonicalize(tempfile::tempdir()?.keep())?;
    for version in ["9.6", "15", "17", "notes"] {
        install(&root.join(version).join("bin"), &NEEDED)?;
    }
    fs::create_dir_all(root.join("18/bin"))?;
    let pattern = [format!("{}/*/bin", root.display())];
    assert_eq!(find_directory(&places(&[], &pattern))?, root.join("17/bin"));

    let links = root.join("links");
    fs::create_dir(&links)?;
    symlink(root.join("15/bin/initdb"), links.join("initdb"))?;
    assert_eq!(find_directory(&places(&[links], &pattern))?, root.join("15/bin"));
    Ok(fs::remove_dir_all(root)?)
}

#[test]
fn without_programs_the_package_is_named() {
    let nowhere = find_directory(&places(&[], &[])).unwrap_err().to_string();
    let programs =
        "PostgreSQL's programs (initdb, postgres, createdb, pg_dump, pg_restore) are neither in PATH";
    assert!(nowhere.starts_with(programs), "{nowhere}");
    assert!(nowhere.contains("apt-get install postgresql"), "{nowhere}");
    let elsewhere = find_directory(&places(&[], &["/nonexistent/*/bin".into()])).unwrap_err().to_string();
    assert!(elsewhere.contains("nor in /nonexistent/*/bin; install"), "{elsewhere}");
}

#[test]
fn a_server_without_client_programs_is_named() -> anyhow::Result<()> {
    let root = tempfile::tempdir()?;
    install(root.path(), &["initdb", "postgres"])?;
    let error = find_directory(&places(&[root.path().to_owned()], &[])).unwrap_err().to_string();
    assert!(error.contains("has a PostgreSQL server without createdb, pg_dump, pg_restore"), "{error}");
    assert!(error.contains("postgresql-client"), "{error}");
    Ok(())
}
