//! Encrypted backups, through the whole fleet: who has no key gets nothing, and no key stays anywhere.

use std::fs;
use std::path::Path;

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use anyhow::{Context as _, ensure};
use pgbelay_tests::wait::{self, Look};
use pgbelay_tests::world::{PATIENCE, World};
use serde_json::Value;
use tempfile::TempDir;

fn holds(dir: &Path, text: &str) -> anyhow::Result<Option<String>> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            if let Some(found) = holds(&path, text)? {
                return Ok(Some(found));
            }
        } else if let Ok(bytes) = fs::read(&path)
            && bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
        {
            return Ok(Some(path.display().to_string()));
        }
    }
    Ok(None)
}

/// A fleet of one database whose backups are encrypted, and the desk of the owner of their key.
struct Sealed {
    world: World,
    desk: TempDir,
}

impl Sealed {
    /// The second run's backup has 300 rows.
    async fn start() -> anyhow::Result<Self> {
        let mut world = World::start(&[("orders", "staging")]).await?;
        let (owner, desk) = (Identity::generate(), tempfile::tempdir()?);
        let text = |key: &Identity| key.to_string().expose_secret().to_owned();
        fs::write(desk.path().join("owner"), text(&owner))?;
        fs::write(desk.path().join("other"), text(&Identity::generate()))?;
        fs::write(desk.path().join("protected"), "age-encryption.org/v1\n-> scrypt x 18\n")?;
        let section = format!("backup:\n  encrypt_to: [{}]\nagent:\n", owner.to_public());
        world.reconfigure_agent("orders", "agent:\n", &section)?;
        world.all_connected().await?;
        let rows = "CREATE TABLE a AS SELECT n AS id FROM generate_series(1, 300) n;\n";
        let more = "DELETE FROM a WHERE id > 100;\n";
        for files in [&[("001_a.sql", rows)][..], &[("001_a.sql", rows), ("002_b.sql", more)]] {
            let dir = world.write_migrations(files)?;
            let dir = dir.to_string_lossy();
            let run = world.json(&["migrate", "--env", "staging", "--migrations", &dir, "--force"]).await?;
            ensure!(run["state"] == "succeeded", "{run}");
        }
        Ok(Self { world, desk })
    }

    fn file(&self, name: &str) -> String {
        self.desk.path().join(name).to_string_lossy().into_owned()
    }

    async fn newest(&self) -> anyhow::Result<Value> {
        Ok(self.world.json(&["backup", "list"]).await?["backups"][0].clone())
    }

    /// Ledger, journals, logs: no private key is in any of them.
    fn tells_no_key(&self) -> anyhow::Result<()> {
        let found = holds(self.world.path(), "AGE-SECRET-KEY-")?;
        ensure!(found.is_none(), "{found:?}");
        Ok(())
    }
}

#[tokio::test]
async fn without_an_owners_key_an_encrypted_backup_is_not_read() -> anyhow::Result<()> {
    let fleet = Sealed::start().await?;
    let (world, entry) = (&fleet.world, fleet.newest().await?);
    let id = entry["id"].as_str().context("no id")?;
    ensure!(entry["encrypted"] == true && entry["complete"] == true, "{entry}");
    let read = world.cli(&["backup", "verify", id]).await?.ended(0, &[]);
    ensure!(read.stdout.contains("what is in it was not read"), "{read:?}");
    let needs = ["encrypted", "--identity FILE"];
    world.cli(&["restore", "orders", "--backup", "latest"]).await?.ended(2, &needs);
    world.cli(&["backup", "verify", id, "--restore"]).await?.ended(2, &needs);
    world.cli(&["backup", "drill", "--env", "staging"]).await?.ended(2, &needs);
    for (name, words) in [
        ("other", "not one that the backup is encrypted to"),
        ("protected", "protected by a passphrase"),
        ("none", "cannot be read"),
    ] {
        let file = fleet.file(name);
        world.cli(&["restore", "orders", "--backup", id, "--identity", &file]).await?.ended(2, &[words]);
    }
    let status = world.cli(&["status"]).await?.ended(0, &[]);
    ensure!(status.stdout.contains("never: encrypted"), "{status:?}");
    ensure!(world.json(&["job", "list"]).await?["jobs"].as_array().is_some_and(Vec::is_empty));
    Ok(())
}

#[tokio::test]
async fn an_encrypted_backup_comes_back_for_an_owner_of_its_key() -> anyhow::Result<()> {
    let fleet = Sealed::start().await?;
    let (world, owner) = (&fleet.world, fleet.file("owner"));
    let before = ["restore", "orders", "--backup", "before:002", "--into", "back", "--identity", &owner];
    let job = world.json(&before).await?;
    ensure!(job["state"] == "restored", "{job}");
    let client = world.cluster.connect("back").await?;
    ensure!(client.query_one("SELECT count(*) FROM a", &[]).await?.get::<_, i64>(0) == 300);
    world.cli(&["backup", "drill", "--env", "staging", "--identity", &owner]).await?.ended(0, &[]);
    let entry = fleet.newest().await?;
    ensure!(entry["restored_at"].is_string(), "{entry}");
    let place = ["restore", "orders", "--backup", "latest", "--in-place", "--force", "--identity", &owner];
    let job = world.json(&place).await?;
    ensure!(job["state"] == "restored" && job["restored"]["kept"].is_string(), "{job}");
    fleet.tells_no_key()
}

#[tokio::test]
async fn a_controller_that_was_restarted_has_no_key_and_says_so() -> anyhow::Result<()> {
    let mut fleet = Sealed::start().await?;
    let owner = fleet.file("owner");
    // Nobody takes the job.
    fleet.world.kill_agent("orders")?;
    let ask = ["restore", "orders", "--backup", "latest", "--detach", "--identity", &owner];
    let job = fleet.world.json(&ask).await?["id"].as_str().context("no job")?.to_owned();
    fleet.world.kill_controller()?;
    fleet.world.start_controller().await?;
    // Its agent may have had the job by then: nobody else can tell.
    let waits = fleet.world.json(&["job", "list"]).await?["jobs"][0].clone();
    ensure!(waits["state"] == "waiting" && waits["ended_at"].is_null(), "{waits}");
    fleet.world.start_agent("orders")?;
    fleet.world.all_connected().await?;
    let ended = wait::until("the job to end", PATIENCE, async || {
        let jobs = fleet.world.json(&["job", "list"]).await?;
        let of = jobs["jobs"].as_array().into_iter().flatten().find(|one| one["id"] == job.as_str()).cloned();
        let of = of.context("no such job")?;
        Ok(if of["ended_at"].is_string() { Look::Done(of) } else { Look::not_yet(of.to_string()) })
    })
    .await?;
    let message = ended["message"].as_str().unwrap_or_default();
    ensure!(ended["state"] == "failed" && message.contains("the key of the backup is gone"), "{ended}");
    // It says nothing of the backup, which comes back when it is asked for again.
    let entry = fleet.newest().await?;
    ensure!(entry["complete"] == true, "{entry}");
    let job = fleet.world.json(&["restore", "orders", "--backup", "latest", "--identity", &owner]).await?;
    ensure!(job["state"] == "restored", "{job}");
    fleet.tells_no_key()
}

#[tokio::test]
async fn what_an_earlier_life_could_not_remove_goes_when_the_agent_starts() -> anyhow::Result<()> {
    let mut fleet = Sealed::start().await?;
    let entry = fleet.newest().await?;
    let backup = Path::new(entry["location"].as_str().context("no location")?).to_owned();
    let parent = backup.parent().context("no directory")?;
    // All was told of it: no journal names these.
    fleet.world.kill_agent("orders")?;
    for left in [".tmp-c9-1/dump", ".fetched/opened/dump"] {
        fs::create_dir_all(parent.join(left))?;
        fs::write(parent.join(left).join("1.dat"), "rows")?;
    }
    fleet.world.start_agent("orders")?;
    fleet.world.all_connected().await?;
    let left =
        fs::read_dir(parent)?.map(|entry| Ok(entry?.file_name())).collect::<anyhow::Result<Vec<_>>>()?;
    ensure!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{left:?}");
    ensure!(backup.exists());
    Ok(())
}

#[tokio::test]
async fn a_backup_whose_key_is_not_opened_keeps_no_other_from_being_drilled() -> anyhow::Result<()> {
    let mut world =
        World::start(&[("items", "staging"), ("orders", "staging"), ("users", "staging")]).await?;
    let desk = tempfile::tempdir()?;
    let file = desk.path().join("owner");
    let owner = Identity::generate();
    fs::write(&file, owner.to_string().expose_secret())?;
    // The first and the second in the order of their names, and one that is plain.
    for (database, to) in [("items", Identity::generate().to_public()), ("orders", owner.to_public())] {
        let section = format!("backup:\n  encrypt_to: [{to}]\nagent:\n");
        world.reconfigure_agent(database, "agent:\n", &section)?;
    }
    world.all_connected().await?;
    let dir = world.write_migrations(&[("001_a.sql", "CREATE TABLE a (id int);\n")])?;
    let dir = dir.to_string_lossy();
    let run = world.json(&["migrate", "--env", "staging", "--migrations", &dir, "--force"]).await?;
    ensure!(run["state"] == "succeeded", "{run}");

    let file = file.to_string_lossy();
    let drill = ["backup", "drill", "--env", "staging", "--identity", &file];
    let told = world.cli(&drill).await?.ended(1, &["items: nothing was started"]);
    ensure!(told.stderr.contains("not one that the backup is encrypted to"), "{told:?}");
    let entries = world.json(&["backup", "list"]).await?["backups"].clone();
    let proven = |entries: &Value| -> Vec<String> {
        let all = entries.as_array().into_iter().flatten().filter(|entry| entry["restored_at"].is_string());
        all.filter_map(|entry| entry["database"].as_str()).map(str::to_owned).collect()
    };
    let mut drilled = proven(&entries);
    drilled.sort();
    ensure!(drilled == ["orders", "users"], "{entries}");
    // Nobody's: all of it is told, and nothing is begun.
    let none = ["backup", "drill", "--database", "items", "--identity", &file];
    world.cli(&none).await?.ended(2, &["not one that the backup is encrypted to"]);
    Ok(())
}
