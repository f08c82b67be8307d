//! What the blob store promises.

use anyhow::Result;
use pgbelay_core::digest::Digest;
use rusqlite::Connection;
use tempfile::TempDir;

use super::{BlobError, BlobOpenError, BlobStore, FILE_NAME, MAX_BLOB_BYTES};

fn raw(directory: &TempDir) -> Result<Connection> {
    Ok(Connection::open(directory.path().join(FILE_NAME))?)
}

#[test]
fn a_blob_is_found_by_its_digest_now_and_after_reopening() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let store = BlobStore::open(directory.path())?;
    let texts: Vec<Vec<u8>> = (0..50).map(|n| format!("select {n}; -- \0 ö").into_bytes()).collect();
    let digests = store.put_all(texts.iter().map(Vec::as_slice))?;
    assert_eq!(digests[7], Digest::of(&texts[7]));
    assert_eq!(store.put(&texts[7])?, digests[7]);
    assert_eq!(store.put(b"")?, Digest::of(b""));
    drop(store);

    let store = BlobStore::open(directory.path())?;
    for (text, digest) in texts.iter().zip(&digests) {
        assert_eq!(&store.get(digest)?, text);
    }
    assert_eq!(raw(&directory)?.query_row("SELECT count(*) FROM blob", [], |row| row.get::<_, i64>(0))?, 51);
    Ok(())
}

#[test]
fn missing_and_damaged_are_told_apart_and_a_second_put_heals() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let store = BlobStore::open(directory.path())?;
    let absent = Digest::of("never put");
    assert!(matches!(store.get(&absent), Err(BlobError::Missing { digest }) if digest == absent));

    let digest = store.put(b"drop table a;")?;
    raw(&directory)?.execute("UPDATE blob SET bytes = ?1", [b"drop table b;".as_slice()])?;
    let damaged = store.get(&digest);
    assert!(matches!(damaged, Err(BlobError::Damaged { digest: named }) if named == digest));
    store.put(b"drop table a;")?;
    assert_eq!(store.get(&digest)?, b"drop table a;");
    Ok(())
}

#[test]
fn a_set_with_one_blob_that_is_too_large_stores_none() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let store = BlobStore::open(directory.path())?;
    let largest = vec![b'x'; MAX_BLOB_BYTES];
    let too_large = vec![b'x'; MAX_BLOB_BYTES + 1];
    let refused = store.put_all([b"select 1".as_slice(), &too_large]);
    assert!(matches!(refused, Err(BlobError::TooLarge { bytes }) if bytes == MAX_BLOB_BYTES + 1));
    assert!(matches!(store.get(&Digest::of("select 1")), Err(BlobError::Missing { .. })));
    let digest = store.put(&largest)?;
    assert_eq!(store.get(&digest)?, largest);
    Ok(())
}

#[test]
fn an_opening_that_was_cut_short_is_finished_and_other_files_are_left_alone() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join(FILE_NAME);
    std::fs::write(&path, "")?;
    BlobStore::open(directory.path())?.put(b"select 1")?;

    raw(&directory)?.pragma_update(None, "user_version", 9)?;
    assert!(matches!(BlobStore::open(directory.path()), Err(BlobOpenError::NewerSchema { found: 9, .. })));

    std::fs::write(&path, "a file of somebody else's, which is longer than a hundred bytes.".repeat(9))?;
    assert!(matches!(BlobStore::open(directory.path()), Err(BlobOpenError::NotABlobStore { .. })));

    std::fs::remove_file(&path)?;
    assert!(matches!(BlobStore::open(&path), Err(BlobOpenError::Io { .. })));
    Ok(())
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_it() -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir()?;
    let _store = BlobStore::open(directory.path())?;
    let mode = std::fs::metadata(directory.path().join(FILE_NAME))?.permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    Ok(())
}
