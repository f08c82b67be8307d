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
use pgbelay_core::command::Backup;
use pgbelay_core::job::{Destination, JobEnd};
use pgbelay_tests::s3::S3;
use serde_json::Value;

use crate::backups::{Yard, backed_up};
use crate::restoring::{into, restored, with_key};
use crate::storing::{objects, place, stores};
use crate::world::World;

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
