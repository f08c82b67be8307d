//! Copies of backups in an object store, through the whole fleet.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, ensure};
use pgbelay_tests::s3::{BUCKET, KEY_ID, Mood, S3, SECRET};
use pgbelay_tests::wait::{self, Look};
use pgbelay_tests::world::{PATIENCE, World};

/// Three for a trial, the mark of the upload and once more, and the first part: the next one is never answered.
const IN_THE_MIDDLE: u64 = 6;

#[tokio::test]
async fn an_agent_that_is_killed_while_it_sends_a_backup_leaves_nothing_of_it() -> anyhow::Result<()> {
    let mut world = World::start(&[("orders", "staging")]).await?;
    let s3 = S3::start().await?;
    let credentials = world.path().join("s3");
    let text = format!("[default]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n");
    fs::write(&credentials, text)?;
    let url = s3.url(&format!("{BUCKET}/fleet"), &credentials);
    world.reconfigure_agent("orders", "agent:\n", &format!("backup:\n  stores: [\"{url}\"]\nagent:\n"))?;
    world.all_connected().await?;

    s3.be(Mood::SilentAfter(IN_THE_MIDDLE));
    let dir = world.write_migrations(&[("001_a.sql", "CREATE TABLE a (id int);\n")])?;
    let dir = dir.to_string_lossy().into_owned();
    let migrate = ["migrate", "--env", "staging", "--migrations", &dir, "--force"];
    let mut watcher = world.spawn_cli(&migrate, "migrate")?;
    wait::until("an upload that hangs", PATIENCE, async || {
        let written = s3.written();
        Ok(if written > IN_THE_MIDDLE { Look::Done(()) } else { Look::not_yet(format!("{written} writes")) })
    })
    .await?;
    world.kill_agent("orders")?;
    ensure!(!s3.objects().is_empty(), "nothing had been sent");
    s3.be(Mood::Well);
    world.start_agent("orders")?;
    let ended = watcher.wait(PATIENCE).await?;
    ensure!(ended.success(), "{}", watcher.log_tail());
    ensure!(world.applied("orders").await? == ["001"]);

    // One backup, here and there, and the one that the controller knows.
    let list = world.json(&["backup", "list"]).await?;
    let [entry] = list["backups"].as_array().context("no list")?.as_slice() else {
        anyhow::bail!("not one backup: {list}")
    };
    let id = entry["id"].as_str().context("no id")?;
    ensure!(entry["copies"][0] == format!("s3://{BUCKET}/fleet/orders/{id}"), "{entry}");
    let of_backup =
        |name: &String| name.strip_prefix("fleet/orders/")?.split_once('/').map(|(id, _)| id.to_owned());
    let there: BTreeSet<_> = s3.objects().iter().filter_map(of_backup).collect();
    ensure!(there == BTreeSet::from([id.to_owned()]), "{:?}", s3.objects());
    let here = fs::read_dir(world.member("orders").home.join("backups/orders"))?;
    let here: Vec<_> = here.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<_, _>>()?;
    ensure!(here.iter().filter(|name| !name.to_string_lossy().starts_with('.')).eq([id]), "{here:?}");
    world.cli(&["backup", "verify", id]).await?.ended(0, &[]);

    // One copy that was changed is told of; the backup is whole all the same.
    let part = s3.objects().into_iter().find(|name| name.ends_with("dump/toc.dat")).context("no part")?;
    let part = s3.bucket().join(part);
    let content = fs::read(&part)?;
    let mut changed = content.clone();
    changed[100] ^= 1;
    fs::write(&part, changed)?;
    let told = world.cli(&["backup", "verify", id]).await?.ended(0, &[]);
    let note = format!("s3://{BUCKET}/fleet/orders/{id}: dump/toc.dat was changed");
    for words in [" is whole: ", "warning: not every copy of ", note.as_str()] {
        ensure!(told.stdout.contains(words), "{words}: {}", told.stdout);
    }
    let list = world.json(&["backup", "list"]).await?;
    let listed = &list["backups"][0];
    ensure!(listed["complete"] == true && listed["problems"] == serde_json::json!([]), "{list}");
    ensure!(listed["notes"][0].as_str().is_some_and(|text| text.starts_with(&note)), "{list}");
    fs::write(&part, content)?;
    let again = world.cli(&["backup", "verify", id]).await?.ended(0, &[]);
    ensure!(!again.stdout.contains("warning"), "{}", again.stdout);

    // A copy that is lost is made up for by the other one, and named.
    let location = entry["location"].as_str().context("no place")?;
    fs::remove_dir_all(location)?;
    world.cli(&["restore", "orders", "--backup", "latest"]).await?.ended(0, &[]);
    let told = world.cli(&["backup", "verify", id]).await?.ended(0, &[]);
    let note = format!("the copy at {location} is gone");
    ensure!(told.stdout.contains(" is whole: ") && told.stdout.contains(&note), "{}", told.stdout);
    // So is one in a store.
    fs::create_dir_all(location)?;
    fs::remove_dir_all(s3.bucket().join("fleet/orders").join(id))?;
    let told = world.cli(&["backup", "verify", id]).await?.ended(1, &[]);
    let note = format!("the copy at s3://{BUCKET}/fleet/orders/{id} is gone");
    ensure!(told.stdout.contains(&note) || told.stderr.contains(&note), "{} {}", told.stdout, told.stderr);
    Ok(())
}
