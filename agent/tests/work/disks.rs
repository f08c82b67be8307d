//! The database's disk is full: what was begun is taken back, what is done stays, and the next run goes on.
//!
//! A small disk is a file system in memory that is mounted for the test: only root may, so that others skip these tests.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::ensure;
use pgbelay_core::command::FailureKind;

use crate::world::{World, failed, ran, sample, versions};

/// A tablespace `small` on a disk of its own.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`: this user may not mount anything.
    async fn mount(world: &World, size: &str) -> anyhow::Result<Option<Self>> {
        let place = world.cluster.directory().join("small");
        fs::create_dir(&place)?;
        let owner = fs::metadata(world.cluster.directory().join("data"))?;
        let options = format!("size={size},mode=700,uid={},gid={}", owner.uid(), owner.gid());
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "pgbelay"]).arg(&place).status();
        if !mount.is_ok_and(|status| status.success()) {
            return Ok(None);
        }
        let disk = Self(place);
        let sql = format!("CREATE TABLESPACE small LOCATION '{}'", disk.0.display());
        world.client().await?.batch_execute(&sql).await?;
        Ok(Some(disk))
    }

    fn make_room(&self) -> anyhow::Result<()> {
        let grown = Command::new("mount").args(["-o", "remount,size=64m"]).arg(&self.0).status()?;
        ensure!(grown.success(), "the disk does not grow");
        Ok(())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The server may still write there.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

const ROWS: &str = "SELECT i FROM generate_series(1, 100000) i";

#[tokio::test]
async fn a_full_disk_in_a_transaction_changes_nothing() -> anyhow::Result<()> {
    let world = World::new().await?;
    let Some(disk) = SmallDisk::mount(&world, "1m").await? else { return Ok(()) };
    let sql = format!("CREATE TABLE a (id int);\nCREATE TABLE b TABLESPACE small AS {ROWS};");
    let order = world.up(&[sample("001", &sql, "")]).await?;
    let (_, failure) = failed(world.run(&order).await);
    assert_eq!((failure.kind, failure.sqlstate.as_deref()), (FailureKind::Sql, Some("53100")));
    assert_eq!(failure.line, Some(2));
    assert!(failure.hint.is_some_and(|hint| hint.contains("room") || hint.contains("space")));
    assert!(!world.has_table("a").await? && world.applied().await?.is_empty());
    disk.make_room()?;
    ran(world.run(&world.up(&[sample("001", &sql, "")]).await?).await);
    Ok(())
}

#[tokio::test]
async fn a_full_disk_during_a_piece_leaves_no_invalid_index_and_is_gone_on_with() -> anyhow::Result<()> {
    let world = World::new().await?;
    let Some(disk) = SmallDisk::mount(&world, "1m").await? else { return Ok(()) };
    world.client().await?.batch_execute(&format!("CREATE TABLE d AS {ROWS}")).await?;
    let sql = "CREATE TABLE a (id int);\nCREATE INDEX CONCURRENTLY d_i ON d (i) TABLESPACE small;\nCREATE TABLE b (id int);";
    let order = world.up(&[sample("001", sql, "")]).await?;
    let (_, failure) = failed(world.run(&order).await);
    assert_eq!((failure.kind, failure.sqlstate.as_deref()), (FailureKind::Sql, Some("53100")));
    assert!(failure.message.contains("piece 1 is done and stays"), "{}", failure.message);
    assert_eq!(world.number("SELECT count(*) FROM pg_index WHERE NOT indisvalid").await?, 0);
    let seen = world.seen().await?;
    assert_eq!((seen.unfinished.len(), seen.unfinished[0].done), (1, 1));
    disk.make_room()?;
    let (done, _) = ran(world.run(&world.up(&[sample("001", sql, "")]).await?).await);
    assert_eq!(versions(&done), ["001"]);
    let index = "SELECT count(*) FROM pg_index WHERE indisvalid AND indexrelid = to_regclass('d_i')";
    assert_eq!((world.number(index).await?, world.has_table("b").await?), (1, true));
    Ok(())
}
