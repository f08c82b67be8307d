//! Encrypted backups: only an owner of the key reads them, with pgbelay or without.

use std::fs;
use std::io::{Read as _, Write as _};
use std::iter::once;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use age::armor::ArmoredReader;
use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use anyhow::{Context as _, ensure};
use pgbelay_agent::backup::verify;
use pgbelay_core::command::{Backup, Outcome};
use pgbelay_core::digest::Digest;
use pgbelay_core::job::{Destination, JobEnd};
use pgbelay_tests::s3::S3;
use serde_json::Value;

use crate::backups::{Yard, backed_up};
use crate::restoring::{by, into, restored, with_key};
use crate::storing::{objects, place, problems, stores};
use crate::world::{APP, LONG, World};

/// A database whose backups are encrypted to two owners.
async fn sealed() -> anyhow::Result<(Yard, [Identity; 2])> {
    let (mut yard, owners) = (Yard::new().await?, [Identity::generate(), Identity::generate()]);
    yard.encrypt_to = owners.iter().map(Identity::to_public).collect();
    Ok((yard, owners))
}

fn text(key: &Identity) -> String {
    key.to_string().expose_secret().to_owned()
}

/// By the program `age` where it is installed: it knows nothing of pgbelay. By the crate where it is not.
fn decrypted(file: &[u8], key: &Identity, dir: &Path) -> anyhow::Result<Vec<u8>> {
    let keys = dir.join("key.txt");
    fs::write(&keys, format!("{}\n", text(key)))?;
    let mut program = Command::new("age");
    program.args(["--decrypt", "--identity"]).arg(&keys).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut child) = program.stderr(Stdio::piped()).spawn() else {
        let opened = age::Decryptor::new_buffered(ArmoredReader::new(file))?;
        let mut plain = Vec::new();
        opened.decrypt(once(key as &dyn age::Identity))?.read_to_end(&mut plain)?;
        return Ok(plain);
    };
    // All of it is read before the program ends, or it has failed.
    let mut stdin = child.stdin.take().context("no input")?;
    let file = file.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(&file));
    let output = child.wait_with_output()?;
    let _ = writer.join();
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

/// The backup's own key, as an owner opens it at his desk.
fn own_key(yard: &Yard, backup: &Backup, owner: &Identity) -> anyhow::Result<String> {
    let stored = backup.sealed_key.as_deref().context("no key")?;
    Ok(String::from_utf8(decrypted(stored.as_bytes(), owner, yard.dir.path())?)?.trim().to_owned())
}

fn files(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() { all.extend(files(&path)?) } else { all.push(path) }
    }
    all.sort();
    Ok(all)
}

fn is_hidden(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "age")
}

#[tokio::test]
async fn an_owner_reads_a_backup_without_pgbelay() -> anyhow::Result<()> {
    let (yard, owners) = sealed().await?;
    let backup = backed_up(yard.back_up(None).await?);
    let dir = Path::new(&backup.path);
    let said = ["manifest.json", "manifest.sig", "agent.pem", "SHA256SUMS"];
    for file in files(dir)? {
        let name = file.file_name().context("no name")?.to_string_lossy().into_owned();
        ensure!(is_hidden(&file) || said.contains(&name.as_str()), "{name} is not encrypted");
    }
    ensure!(dir.join("globals.sql.age").exists() && dir.join("key.age").exists());
    ensure!(yard.left() == [dir.file_name().unwrap().to_string_lossy()], "{:?}", yard.left());
    ensure!(verify(dir, backup.sha256, &yard.signer.ca_pem).await.is_empty());
    let sums =
        Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(dir).output()?;
    ensure!(sums.status.success(), "{sums:?}");
    let manifest: Value = serde_json::from_slice(&fs::read(dir.join("manifest.json"))?)?;
    let recipients = owners.each_ref().map(|owner| owner.to_public().to_string());
    ensure!(manifest["encryption"] == serde_json::json!({"scheme": "age", "recipients": recipients}));

    // The parts by one owner's key, and by the backup's own that the other one opens.
    let own: Identity = own_key(&yard, &backup, &owners[1])?.parse().map_err(anyhow::Error::msg)?;
    ensure!(fs::read_to_string(dir.join("key.age"))? == backup.sealed_key.as_deref().unwrap_or_default());
    let plain = yard.dir.path().join("plain");
    fs::create_dir(&plain)?;
    for file in files(&dir.join("dump"))? {
        let found = decrypted(&fs::read(&file)?, &owners[0], yard.dir.path())?;
        ensure!(found == decrypted(&fs::read(&file)?, &own, yard.dir.path())?);
        fs::write(plain.join(file.file_stem().context("no name")?), found)?;
    }
    let other = Identity::generate();
    ensure!(decrypted(&fs::read(dir.join("dump/toc.dat.age"))?, &other, yard.dir.path()).is_err());
    ensure!(decrypted(&fs::read(dir.join("key.age"))?, &own, yard.dir.path()).is_err());
    let globals = decrypted(&fs::read(dir.join("globals.sql.age"))?, &owners[0], yard.dir.path())?;
    ensure!(String::from_utf8_lossy(&globals).contains("CREATE ROLE"));
    let cluster = &yard.world.cluster;
    cluster.create_database("by_hand").await?;
    let mut restore = Command::new(cluster.programs().join("pg_restore"));
    restore.args(["--exit-on-error", "--jobs=2", "--dbname=by_hand"]).arg(&plain);
    let output = restore.envs(cluster.environment("by_hand")).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let client = cluster.connect("by_hand").await?;
    let rows: i64 = client.query_one("SELECT count(*) FROM a", &[]).await?.get(0);
    ensure!(rows == 5000, "{rows}");
    Ok(())
}

#[tokio::test]
async fn only_its_own_key_opens_a_backup() -> anyhow::Result<()> {
    let (yard, [owner, _]) = sealed().await?;
    let backup = backed_up(yard.back_up(None).await?);
    let key = own_key(&yard, &backup, &owner)?;
    let new = |name: &str| Destination::New { name: name.to_owned() };
    let refused = |end: JobEnd, words: &str| match end {
        // It is not the backup that is not right.
        JobEnd::Failed { message, hint, problems } if problems.is_empty() => {
            ensure!(message.contains(words) && hint.contains("--identity"), "{message}; {hint}");
            Ok(())
        }
        other => anyhow::bail!("{other:?}"),
    };
    refused(into(&yard, &yard.world.target, &backup, new("without")).await?, "its key was not given")?;
    let other = text(&Identity::generate());
    refused(with_key(&yard, &backup, (new("wrong"), &other)).await?, "that of another backup")?;
    refused(with_key(&yard, &backup, (new("wrong"), "secret")).await?, "is not one")?;

    let end = restored(with_key(&yard, &backup, (new("back"), &key)).await?)?;
    ensure!(end.schema_doubt.is_none() && end.rows >= 5001, "{end:?}");
    restored(with_key(&yard, &backup, (Destination::Scratch, &key)).await?)?;
    let some = Destination::Tables { tables: vec!["a".to_owned()], schema: "back".to_owned() };
    restored(with_key(&yard, &backup, (some, &key)).await?)?;
    ensure!(yard.world.number("SELECT count(*) FROM back.a").await? == 5000);
    // Nothing of what was decrypted stays.
    ensure!(yard.left().len() == 1, "{:?}", yard.left());
    ensure!(files(Path::new(&backup.path))?.iter().filter(|file| !is_hidden(file)).count() == 4);
    Ok(())
}

#[tokio::test]
async fn what_was_changed_in_an_encrypted_backup_is_named() -> anyhow::Result<()> {
    let (yard, [owner, _]) = sealed().await?;
    let backup = backed_up(yard.back_up(None).await?);
    let key = own_key(&yard, &backup, &owner)?;
    let dir = Path::new(&backup.path);
    let hidden: Vec<_> = files(dir)?.into_iter().filter(|file| is_hidden(file)).collect();
    let name = |file: &Path| file.strip_prefix(dir).unwrap().to_string_lossy().into_owned();
    ensure!(hidden.iter().any(|file| name(file) == "key.age"));
    for file in &hidden {
        let before = fs::read(file)?;
        let mut changed = before.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        fs::write(file, changed)?;
        let found = verify(dir, backup.sha256, &yard.signer.ca_pem).await;
        ensure!(found == [format!("{} was changed: its digest is another one", name(file))], "{found:?}");
        fs::write(file, before)?;
    }
    // Both open with the key, and each is whole: only the manifest knows which is which.
    let (one, two) = (dir.join("dump/toc.dat.age"), dir.join("globals.sql.age"));
    let (first, second) = (fs::read(&one)?, fs::read(&two)?);
    fs::write(&one, &second)?;
    fs::write(&two, &first)?;
    let end = with_key(&yard, &backup, (Destination::Scratch, &key)).await?;
    let JobEnd::Failed { message, problems, .. } = &end else { anyhow::bail!("{end:?}") };
    ensure!(message.contains("not whole") && problems.len() == 2, "{end:?}");
    ensure!(problems.iter().any(|problem| problem.starts_with("dump/toc.dat.age")), "{problems:?}");
    fs::write(&one, &first)?;
    fs::write(&two, &second)?;
    fs::write(dir.join("globals.sql"), "CREATE ROLE x")?;
    let found = verify(dir, backup.sha256, &yard.signer.ca_pem).await;
    ensure!(found == ["globals.sql is there, and the manifest does not know it"], "{found:?}");
    Ok(())
}

#[tokio::test]
async fn the_key_of_another_backup_is_noticed_in_its_place() -> anyhow::Result<()> {
    let s3 = S3::start().await?;
    let (mut yard, [owner, _]) = sealed().await?;
    yard.stores = stores(&s3, &yard, &[&place("sealed")]);
    let (backup, other) = (backed_up(yard.back_up(None).await?), backed_up(yard.back_up(None).await?));
    let key = own_key(&yard, &backup, &owner)?;
    let foreign = fs::read(Path::new(&other.path).join("key.age"))?;
    let dir = Path::new(&backup.path);
    let copy = s3.bucket().join("sealed").join(APP).join(dir.file_name().context("no name")?);
    for place in [dir, copy.as_path()] {
        // Whoever can write there makes the list of digests fit as well.
        let (own, sums) = (fs::read(place.join("key.age"))?, fs::read_to_string(place.join("SHA256SUMS"))?);
        fs::write(place.join("key.age"), &foreign)?;
        let forged = sums.replace(&Digest::of(&own).to_string(), &Digest::of(&foreign).to_string());
        ensure!(forged != sums);
        fs::write(place.join("SHA256SUMS"), forged)?;
        let mut sums = Command::new("sha256sum");
        sums.args(["--check", "--strict", "SHA256SUMS"]).current_dir(place);
        ensure!(sums.output()?.status.success());
    }
    let found = problems(&yard, &backup).await?;
    for words in ["key.age ", "SHA256SUMS is not what"] {
        let named = found.iter().filter(|problem| problem.contains(words)).count();
        ensure!(named == 2, "{found:?}");
    }
    let end = with_key(&yard, &backup, (Destination::Scratch, &key)).await?;
    let JobEnd::Failed { message, problems, .. } = &end else { anyhow::bail!("{end:?}") };
    ensure!(message.contains("not whole") && problems.iter().any(|one| one.contains("key.age")), "{end:?}");
    // The other one is as it was.
    let key = own_key(&yard, &other, &owner)?;
    restored(with_key(&yard, &other, (Destination::Scratch, &key)).await?)?;
    Ok(())
}

/// A pg_restore that fails while `flag` is there, and otherwise leaves somebody behind who keeps ANALYZE waiting. It says in
/// `modes` who may read what it is given.
fn watchful(yard: &Yard, (flag, modes): (&Path, &Path)) -> anyhow::Result<PathBuf> {
    let psql = yard.world.cluster.programs().join("psql");
    let lock = "BEGIN; LOCK TABLE a IN SHARE UPDATE EXCLUSIVE MODE; SELECT pg_sleep(600)";
    let held =
        "SELECT count(*) FROM pg_locks WHERE mode = 'ShareUpdateExclusiveLock' AND relation = 'a'::regclass";
    let script = format!(
        "case \"$*\" in *--jobs=*) :;; *) exec \"$REAL\" \"$@\";; esac\n\
         stat -c '%a' \"$6\" \"$6/..\" \"$6/../..\" \"$6\"/* >{modes}\n\
         [ -e {flag} ] && echo 'pg_restore: error: it was told to fail' >&2 && exit 1\n\
         \"$REAL\" \"$@\" || exit\n\
         ({psql} -qX -d \"$5\" -c \"{lock}\" </dev/null >/dev/null 2>&1 &)\n\
         until [ \"$({psql} -qXAt -d \"$5\" -c \"{held}\")\" = 1 ]; do :; done",
        modes = modes.display(),
        flag = flag.display(),
        psql = psql.display(),
    );
    yard.programs_with("pg_restore", &script)
}

#[tokio::test]
async fn what_is_decrypted_is_private_and_goes_as_soon_as_it_was_read() -> anyhow::Result<()> {
    let (yard, [owner, _]) = sealed().await?;
    let backup = backed_up(yard.back_up(None).await?);
    let key = own_key(&yard, &backup, &owner)?;
    let (flag, modes) = (yard.dir.path().join("flag"), yard.dir.path().join("modes"));
    let programs = watchful(&yard, (&flag, &modes))?;
    let restore = || {
        let new = Destination::New { name: "back".to_owned() };
        by(&yard, &yard.world.target, &backup, (new, &programs, Some(&key)))
    };
    fs::write(&flag, "")?;
    let end = restore().await?;
    ensure!(matches!(&end, JobEnd::Failed { message, .. } if message.contains("told to fail")), "{end:?}");
    ensure!(yard.left().len() == 1, "after a failure {:?} are left", yard.left());
    let said = fs::read_to_string(&modes)?;
    let said: Vec<_> = said.lines().collect();
    ensure!(said[..3] == ["700"; 3] && said.len() > 4, "{said:?}");
    ensure!(said[3..].iter().all(|mode| *mode == "600"), "{said:?}");

    fs::remove_file(&flag)?;
    let look = async {
        let waits =
            "SELECT count(*) FROM pg_stat_activity WHERE query = 'ANALYZE' AND wait_event_type = 'Lock'";
        let waiting = async || Ok(yard.world.number(waits).await? == 1);
        pgbelay_tests::wait::until("ANALYZE to wait", LONG, waiting).await?;
        let left = yard.left();
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)' \
                   AND pid <> pg_backend_pid()";
        ensure!(yard.world.number(end).await? == 1);
        ensure!(left.len() == 1, "while statistics are collected {left:?} are there");
        Ok(())
    };
    let (end, looked) = tokio::join!(restore(), look);
    looked?;
    restored(end?)?;
    Ok(())
}

#[tokio::test]
async fn a_cancel_leaves_nothing_plain_though_something_still_writes() -> anyhow::Result<()> {
    let (yard, _) = sealed().await?;
    let begun = yard.dir.path().join("begun");
    // Nobody can end at once what a disk holds up. Here it is a child that the signal does not reach, and that goes on for a
    // while after its parent is gone.
    let script = format!(
        "for word; do [ \"$before\" = --file ] && dir=$word; before=$word; done\n\
         mkdir -p \"$dir\"\n\
         setsid sh -c 'echo $$ >{0}.new; mv {0}.new {0}; n=0; more() {{ n=$((n+1)); mkdir -p \"$0\"; echo rows >\"$0/$n.dat\"; }}\n\
         while kill -0 '$$' 2>/dev/null; do more; done; i=0; while [ $i -lt 200 ]; do i=$((i+1)); more; done' \"$dir\" &\n\
         exec sleep 600",
        begun.display()
    );
    let programs = yard.programs(&script)?;
    let cancel = async {
        pgbelay_tests::wait::until("pg_dump to run", LONG, async || Ok(begun.exists())).await?;
        yard.world.cancel.cancel();
        anyhow::Ok(())
    };
    let (outcome, cancelled) = tokio::join!(yard.back_up(Some(&programs)), cancel);
    cancelled?;
    ensure!(matches!(outcome?, Outcome::Cancelled { .. }));
    let writer = Path::new("/proc").join(fs::read_to_string(&begun)?.trim());
    pgbelay_tests::wait::until("the child to be gone", LONG, async || Ok(!writer.exists())).await?;
    ensure!(yard.left().is_empty(), "{:?}", yard.left());
    Ok(())
}

#[tokio::test]
async fn an_encrypted_copy_comes_back_from_a_store() -> anyhow::Result<()> {
    let s3 = S3::start().await?;
    let (mut yard, [owner, _]) = sealed().await?;
    yard.stores = stores(&s3, &yard, &[&place("sealed")]);
    let backup = backed_up(yard.back_up(None).await?);
    let said = ["manifest.json", "manifest.sig", "agent.pem", "SHA256SUMS"];
    for name in objects(&s3, "sealed") {
        let file = name.rsplit('/').next().unwrap_or_default();
        ensure!(file.ends_with(".age") || said.contains(&file), "{name} is not encrypted");
    }
    let key = own_key(&yard, &backup, &owner)?;
    fs::remove_dir_all(&backup.path)?;
    let end = restored(with_key(&yard, &backup, (Destination::Scratch, &key)).await?)?;
    ensure!(end.rows >= 5001, "{end:?}");
    ensure!(yard.left().iter().all(|name| name != ".fetched"), "{:?}", yard.left());
    Ok(())
}

#[tokio::test]
async fn many_tables_and_a_second_try_are_encrypted_as_they_are() -> anyhow::Result<()> {
    let world = World::new().await?;
    let many: String = (0..60)
        .map(|n| format!("CREATE TABLE t{n} (x text); INSERT INTO t{n} SELECT repeat(md5('{n}'), 99);"))
        .collect();
    world.client().await?.batch_execute(&many).await?;
    let mut yard = Yard::on(world).await?;
    let owner = Identity::generate();
    yard.encrypt_to = vec![owner.to_public()];
    // The first pg_dump, of several sessions, leaves a half of its work and fails as if others were locking a table.
    let script = "case \"$*\" in *--jobs=1*) exec \"$REAL\" \"$@\";; *) \"$REAL\" \"$@\" || exit; \
                  echo 'pg_dump: error: could not obtain lock on relation \"a\"' >&2; exit 1;; esac";
    let programs = yard.programs(script)?;
    let backup = backed_up(yard.back_up(Some(&programs)).await?);
    let key = own_key(&yard, &backup, &owner)?;
    let end = restored(with_key(&yard, &backup, (Destination::Scratch, &key)).await?)?;
    ensure!(end.rows >= 5061, "{end:?}");
    Ok(())
}
