//! Backups that are looked at, and backups that go.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pgbelay_agent::backup::{look, remove, remove_leftovers, verify};
use pgbelay_agent::config::Stores;
use pgbelay_agent::database::{DEFAULT_SCHEMA, Target};
use pgbelay_agent::identity_files::IdentityFiles;
use pgbelay_agent::work::{Postgres, Site};
use pgbelay_core::digest::Digest;
use tempfile::TempDir;

use crate::backups::{Yard, backed_up, parts};
use crate::world::APP;

/// The agent of a database that nobody has to reach: only its backups count.
fn site(dir: &TempDir) -> Postgres {
    let name = APP.parse().unwrap();
    let target = Target {
        host: "127.0.0.1".to_owned(),
        port: 1,
        name: APP.to_owned(),
        user: "nobody".to_owned(),
        password: None,
        schema: DEFAULT_SCHEMA.to_owned(),
    };
    let identity = IdentityFiles::new(dir.path().join("identity"), APP.parse().unwrap());
    Postgres {
        name,
        target,
        backup_dir: dir.path().join("backups"),
        stores: Stores::default(),
        pg_bin: None,
        outside: None,
        encrypt_to: Vec::new(),
        identity,
        copies: Arc::default(),
    }
}

/// A directory with a manifest and a part, below a database's backups.
fn backup(dir: &TempDir, database: &str, name: &str) -> (PathBuf, Digest) {
    let path = dir.path().join("backups").join(database).join(name);
    fs::create_dir_all(path.join("dump")).unwrap();
    fs::write(path.join("dump/1.dat"), "rows").unwrap();
    fs::write(path.join("manifest.json"), name).unwrap();
    (path, Digest::of(name))
}

async fn refused(site: &Postgres, path: &Path, sha256: Digest, words: &str) {
    let error = site.delete_backup(path, sha256).await.unwrap_err().to_string();
    assert!(error.contains(words), "{}: {error}", path.display());
}

#[tokio::test]
async fn only_the_backup_that_was_named_is_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let site = site(&dir);
    let (path, sha256) = backup(&dir, APP, "b1");
    let (other, _) = backup(&dir, APP, "b2");
    site.delete_backup(&path, sha256).await.unwrap();
    assert!(!path.exists() && other.join("dump/1.dat").exists());
    let left: Vec<_> = fs::read_dir(dir.path().join("backups").join(APP)).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing of it is left under another name: {left:?}");
    site.delete_backup(&path, sha256).await.unwrap();
}

#[tokio::test]
async fn what_is_not_among_its_own_backups_is_not_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let site = site(&dir);
    let (own, sha256) = backup(&dir, APP, "b1");
    let (foreign, foreign_sha256) = backup(&dir, "other", "b1");
    let not_mine = "not among this agent's backups";
    refused(&site, &foreign, foreign_sha256, not_mine).await;
    let mine = own.parent().unwrap();
    refused(&site, &mine.join("../other/b1"), foreign_sha256, not_mine).await;
    refused(&site, &mine.join("b1/.."), sha256, not_mine).await;
    refused(&site, mine, sha256, not_mine).await;
    refused(&site, Path::new("/"), sha256, not_mine).await;
    refused(&site, Path::new("b1"), sha256, not_mine).await;
    refused(&site, &own.join("dump"), sha256, not_mine).await;
    let (unfinished, its_own) = backup(&dir, APP, ".tmp-c1-1");
    refused(&site, &unfinished, its_own, not_mine).await;
    assert!(own.join("dump/1.dat").exists() && foreign.join("dump/1.dat").exists() && unfinished.exists());
}

#[tokio::test]
async fn what_cannot_be_proven_to_be_the_one_is_not_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let site = site(&dir);
    let (own, sha256) = backup(&dir, APP, "b1");
    let (foreign, _) = backup(&dir, "other", "b1");
    refused(&site, &own, Digest::of("another"), "is not the one that was made").await;
    // What a link points to has the right manifest, and is somebody else's.
    let link = own.parent().unwrap().join("b2");
    symlink(&foreign, &link).unwrap();
    refused(&site, &link, sha256, "it is no directory").await;
    let file = own.parent().unwrap().join("b3");
    fs::write(&file, "x").unwrap();
    refused(&site, &file, sha256, "it is no directory").await;
    fs::remove_file(own.join("manifest.json")).unwrap();
    refused(&site, &own, sha256, "manifest.json cannot be read").await;
    assert!(own.join("dump/1.dat").exists() && foreign.join("dump/1.dat").exists() && file.exists());
    // A volume that is not mounted says nothing of what is on it.
    fs::remove_dir_all(own.parent().unwrap()).unwrap();
    refused(&site, &own, sha256, "No such file").await;
}

#[tokio::test]
async fn a_deletion_that_was_cut_off_goes_on() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let (path, sha256) = backup(&dir, APP, "b1");
    let begun = path.parent().unwrap().join(".tmp-deleted-b1");
    fs::rename(&path, &begun)?;
    remove(&path, sha256).await?;
    assert!(!begun.exists(), "asked once more");

    let (path, _) = backup(&dir, APP, "b1");
    fs::rename(&path, &begun)?;
    assert_eq!(remove_leftovers(&dir.path().join("backups"), &APP.parse()?, None).await?, 1);
    assert!(!begun.exists(), "at the next start");
    Ok(())
}

#[tokio::test]
async fn a_quick_look_sees_what_is_missing_and_reads_no_part() -> anyhow::Result<()> {
    let yard = Yard::new().await?;
    let backup = backed_up(yard.back_up(None).await?);
    let directory = Path::new(&backup.path);
    let problems = async || look(directory, backup.sha256, &yard.signer.ca_pem).await;
    assert_eq!(problems().await, Vec::<String>::new());
    for name in parts(&backup).iter().map(String::as_str).chain(["manifest.json", "SHA256SUMS"]) {
        let path = directory.join(name);
        let before = fs::read(&path)?;
        fs::write(&path, &before[..before.len() / 2])?;
        let found = problems().await;
        assert!(found.len() == 1 && found[0].contains(name), "{name} is shorter: {found:?}");
        fs::remove_file(&path)?;
        let found = problems().await;
        assert!(found.len() == 1 && found[0].contains(name), "{name} is missing: {found:?}");
        symlink("/etc/passwd", &path)?;
        assert!(!problems().await.is_empty(), "{name} is a link");
        fs::remove_file(&path)?;
        fs::write(&path, &before)?;
    }
    fs::write(directory.join("dump/new.dat"), "x")?;
    assert!(problems().await[0].contains("dump/new.dat"));
    fs::remove_file(directory.join("dump/new.dat"))?;

    // That takes all of it to be read.
    let toc = directory.join("dump/toc.dat");
    let mut changed = fs::read(&toc)?;
    changed[100] ^= 1;
    fs::write(&toc, &changed)?;
    assert_eq!(problems().await, Vec::<String>::new());
    assert!(!verify(directory, backup.sha256, &yard.signer.ca_pem).await.is_empty());

    let other = look(directory, Digest::of("another"), &yard.signer.ca_pem).await;
    assert!(other.len() == 1 && other[0].contains("manifest.json"), "{other:?}");
    fs::remove_dir_all(directory)?;
    let found = problems().await;
    assert!(found.len() == 1 && found[0].starts_with("its directory is missing"), "{found:?}");
    Ok(())
}
