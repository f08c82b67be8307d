//! Copies of backups in an S3-compatible server: whole, or not there.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use pgbelay_agent::backup::remove_leftovers;
use pgbelay_agent::backup::stores::{self, Checked, Source};
use pgbelay_agent::config::{StoreAt, Stores};
use pgbelay_core::command::{Backup, FailureKind, Outcome};
use pgbelay_core::job::{Destination, JobEnd};
use pgbelay_tests::s3::{BUCKET, KEY_ID, Mood, S3, SECRET};

use crate::backups::{Yard, backed_up, failure};
use crate::restoring::{into, restored};
use crate::world::APP;

/// For a backup of next to nothing to get under way.
const DEADLINE: Duration = Duration::from_secs(60);

fn credentials(dir: &Path, secret: &str) -> PathBuf {
    let file = dir.join(format!("credentials-{}", secret.len()));
    let text = format!("[default]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {secret}\n");
    fs::write(&file, text).unwrap();
    file
}

/// A database whose backups go to these places of a server.
async fn yard(s3: &S3, places: &[&str]) -> anyhow::Result<Yard> {
    let mut yard = Yard::new().await?;
    yard.stores = stores(s3, &yard, places);
    Ok(yard)
}

/// These places of a server, all of them needed.
pub(crate) fn stores(s3: &S3, yard: &Yard, places: &[&str]) -> Stores {
    let file = credentials(yard.dir.path(), SECRET);
    let all = places.iter().map(|place| StoreAt::parse(&s3.url(place, &file)).unwrap()).collect();
    Stores { all, needed: places.len(), keep_local: true }
}

pub(crate) fn place(prefix: &str) -> String {
    format!("{BUCKET}/{prefix}")
}

/// What is below a prefix, without the server's own files.
pub(crate) fn objects(s3: &S3, prefix: &str) -> Vec<String> {
    let start = format!("{prefix}/{APP}/");
    let all = s3.objects().into_iter().filter_map(|name| Some(name.strip_prefix(&start)?.to_owned()));
    all.collect()
}

struct Asked {
    dir: PathBuf,
    name: pgbelay_core::name::DatabaseName,
}

impl Asked {
    fn of(yard: &Yard) -> Self {
        Self { dir: yard.path(), name: APP.parse().unwrap() }
    }

    fn source<'a>(&'a self, yard: &'a Yard, backup: &'a Backup) -> Source<'a> {
        Source {
            stores: &yard.stores,
            dir: &self.dir,
            database: &self.name,
            path: &backup.path,
            sha256: backup.sha256,
            ca_pem: &yard.signer.ca_pem,
        }
    }
}

/// What is wrong with a backup, read again.
pub(crate) async fn problems(yard: &Yard, backup: &Backup) -> anyhow::Result<Vec<String>> {
    Ok(checked(yard, backup).await?.problems)
}

/// What is found when all copies are read again.
pub(crate) async fn checked(yard: &Yard, backup: &Backup) -> anyhow::Result<Checked> {
    let said = [std::slice::from_ref(&backup.path), &backup.copies].concat();
    Ok(stores::verify(&Asked::of(yard).source(yard, backup), &said).await?)
}

fn id(backup: &Backup) -> &str {
    backup.path.rsplit('/').next().unwrap()
}

#[tokio::test]
async fn a_backup_is_in_every_store_and_comes_back_from_one() -> anyhow::Result<()> {
    let s3 = S3::start().await?;
    let mut yard = yard(&s3, &[&place("one"), &place("two/deep")]).await?;
    // A part of several pieces.
    let client = yard.world.client().await?;
    let large = "CREATE TABLE large AS SELECT string_agg(sha512(random()::text::bytea || n::text::bytea), '') AS x \
                 FROM generate_series(1, 400000) n GROUP BY n % 2000";
    client.batch_execute(large).await?;
    yard.stores.keep_local = false;
    let backup = backed_up(yard.back_up(None).await?);
    ensure!(backup.path == format!("s3://{BUCKET}/one/{APP}/{}", id(&backup)), "{}", backup.path);
    ensure!(
        backup.copies == [format!("s3://{BUCKET}/two/deep/{APP}/{}", id(&backup))],
        "{:?}",
        backup.copies
    );
    ensure!(yard.left().is_empty(), "{:?}", yard.left());
    ensure!(objects(&s3, "one") == objects(&s3, "two/deep"), "{:?}", s3.objects());
    ensure!(!objects(&s3, "one").iter().any(|name| name.contains("/.")), "{:?}", s3.objects());
    let sizes = fs::read_dir(s3.bucket().join("one").join(APP).join(id(&backup)).join("dump"))?;
    let largest = sizes.map(|entry| entry.unwrap().metadata().unwrap().len()).max();
    ensure!(largest > Some(16 << 20), "too small to be sent in pieces: {largest:?}");
    ensure!(problems(&yard, &backup).await?.is_empty());

    // One store has lost a part: the other one has it.
    let part = objects(&s3, "one").into_iter().find(|name| name.contains(".dat")).context("no part")?;
    fs::remove_file(s3.bucket().join("one").join(APP).join(&part))?;
    let end = restored(into(&yard, &yard.world.target, &backup, Destination::Scratch).await?)?;
    ensure!(end.counted >= 4, "{end:?}");
    ensure!(!yard.path().join(APP).join(".fetched").exists(), "what was brought is still there");
    Ok(())
}

#[tokio::test]
async fn what_is_not_whole_in_a_store_is_named_and_not_restored() -> anyhow::Result<()> {
    let s3 = S3::start().await?;
    let mut yard = yard(&s3, &[&place("p")]).await?;
    yard.stores.keep_local = false;
    let backup = backed_up(yard.back_up(None).await?);
    let root = s3.bucket().join("p").join(APP).join(id(&backup));
    let all: Vec<_> = objects(&s3, "p").into_iter().map(|name| root.parent().unwrap().join(name)).collect();
    let names = |path: &Path| path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
    let refused = async |name: &str| -> anyhow::Result<()> {
        let found = problems(&yard, &backup).await?;
        let blames = |problem: &String| problem.contains(name) || problem.contains("manifest.json");
        ensure!(found.iter().any(blames), "{name}: {found:?}");
        Ok(())
    };
    for path in &all {
        let name = names(path);
        let content = fs::read(path)?;
        let mut changed = content.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        fs::write(path, changed)?;
        refused(&name).await.with_context(|| format!("{name} was changed"))?;
        fs::remove_file(path)?;
        refused(&name).await.with_context(|| format!("{name} is missing"))?;
        if name.contains(".dat") || name == "manifest.json" {
            let end = into(&yard, &yard.world.target, &backup, Destination::Scratch).await?;
            let JobEnd::Failed { problems, .. } = &end else { anyhow::bail!("{name}: {end:?}") };
            ensure!(problems.iter().any(|problem| problem.contains(&name)), "{name}: {problems:?}");
        }
        fs::write(path, content)?;
    }
    fs::write(root.join("dump/9999.dat"), "x")?;
    ensure!(problems(&yard, &backup).await?.iter().any(|problem| problem.contains("dump/9999.dat is there")));
    fs::remove_file(root.join("dump/9999.dat"))?;
    let parts: Vec<_> = all.iter().filter(|path| names(path).contains(".dat")).take(2).collect();
    let (one, other) = (fs::read(parts[0])?, fs::read(parts[1])?);
    ensure!(one != other);
    fs::write(parts[0], other)?;
    fs::write(parts[1], one)?;
    ensure!(!problems(&yard, &backup).await?.is_empty(), "two parts were swapped");
    Ok(())
}

#[tokio::test]
async fn one_copy_that_is_whole_is_enough_and_what_is_wrong_with_others_is_told() -> anyhow::Result<()> {
    let s3 = S3::start().await?;
    let mut yard = yard(&s3, &[&place("one"), &place("two")]).await?;
    let backup = backed_up(yard.back_up(None).await?);
    let part = objects(&s3, "one").into_iter().find(|name| name.contains(".dat")).context("no part")?;
    let name = part.split_once('/').context("no name")?.1.to_owned();
    let flip = |path: &Path| -> anyhow::Result<()> {
        let mut content = fs::read(path)?;
        let middle = content.len() / 2;
        content[middle] ^= 1;
        Ok(fs::write(path, content)?)
    };
    let copy = |prefix: &str| s3.bucket().join(prefix).join(APP).join(&part);
    let said = |location: &str| format!("{location}: {name} was changed: its digest is another one");
    let (one, two) = (&backup.copies[0], &backup.copies[1]);
    let whole = |notes: &[String]| Checked { problems: Vec::new(), notes: notes.to_vec() };
    ensure!(checked(&yard, &backup).await? == whole(&[]));

    flip(&copy("one"))?;
    let found = checked(&yard, &backup).await?;
    ensure!(found == whole(&[said(one)]), "{found:?}");
    flip(&Path::new(&backup.path).join(&name))?;
    let found = checked(&yard, &backup).await?;
    ensure!(found == whole(&[said(&backup.path), said(one)]), "{found:?}");
    // A restore takes the one that is whole.
    let end = restored(into(&yard, &yard.world.target, &backup, Destination::Scratch).await?)?;
    ensure!(end.counted >= 1, "{end:?}");
    // One that does not answer is no problem of the others either.
    let good = yard.stores.all[0].endpoint.replace("http://127.0.0.1:1".to_owned());
    let found = checked(&yard, &backup).await?;
    ensure!(found.problems.is_empty() && found.notes.len() == 2, "{found:?}");
    ensure!(found.notes[1].contains("cannot be reached") && found.notes[1].contains("/one"), "{found:?}");
    yard.stores.all[0].endpoint = good;

    flip(&copy("two"))?;
    let found = checked(&yard, &backup).await?;
    ensure!(found.notes.is_empty() && found.problems.len() == 3, "{found:?}");
    ensure!(found.problems[1..] == [said(one), said(two)], "{found:?}");
    Ok(())
}

#[tokio::test]
async fn a_copy_that_is_gone_is_named_while_another_one_is_whole() -> anyhow::Result<()> {
    let s3 = S3::start().await?;
    let mut yard = yard(&s3, &[&place("one"), &place("two"), &place("three")]).await?;
    let backup = backed_up(yard.back_up(None).await?);
    let gone = |location: &str| format!("the copy at {location} is gone");
    let copy = |prefix: &str| s3.bucket().join(prefix).join(APP).join(id(&backup));
    let [one, two, three] = backup.copies.as_slice() else { anyhow::bail!("{backup:?}") };
    ensure!(checked(&yard, &backup).await? == Checked::default());

    fs::remove_dir_all(copy("one"))?;
    let found = checked(&yard, &backup).await?;
    ensure!(found.problems.is_empty() && found.notes == [gone(one)], "{found:?}");
    fs::remove_dir_all(&backup.path)?;
    let found = checked(&yard, &backup).await?;
    ensure!(found.problems.is_empty() && found.notes == [gone(&backup.path), gone(one)], "{found:?}");
    // A store of which the agent does not know any more.
    let unknown = yard.stores.all.remove(1);
    let found = checked(&yard, &backup).await?;
    let unseen = format!(
        "the copy at {two} was not looked at: its store is not among those of the agent (backup.stores)"
    );
    let expected = [gone(&backup.path), gone(one), unseen.clone()];
    ensure!(found.problems.is_empty() && found.notes == expected, "{found:?}");

    // Where none is left that is whole, all of that is what is wrong with it.
    fs::remove_dir_all(copy("three"))?;
    let found = checked(&yard, &backup).await?;
    let expected = [gone(&backup.path), gone(one), gone(three), unseen];
    ensure!(found.notes.is_empty() && found.problems == expected, "{found:?}");
    yard.stores.all.push(unknown);
    let found = checked(&yard, &backup).await?;
    ensure!(found.problems.is_empty() && found.notes.len() == 3, "{found:?}");
    Ok(())
}

#[tokio::test]
async fn a_store_that_fails_is_told_of_and_leaves_no_backup() -> anyhow::Result<()> {
    let s3 = S3::start().await?;
    let mut yard = yard(&s3, &[&place("p")]).await?;
    let good = yard.stores.clone();
    let no = async |yard: &Yard, words: &str| -> anyhow::Result<()> {
        let outcome = yard.back_up(None).await?;
        let failure = failure(outcome);
        ensure!(failure.kind == FailureKind::Backup, "{failure:?}");
        ensure!(failure.message.contains(words) && failure.message.contains("s3://"), "{words}: {failure:?}");
        ensure!(
            failure.hint.as_ref().is_some_and(|hint| hint.starts_with("nothing was touched")),
            "{failure:?}"
        );
        let left: Vec<_> = yard.left().into_iter().filter(|name| !name.starts_with('.')).collect();
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    };
    s3.be(Mood::Broken);
    no(&yard, "server error").await?;
    s3.be(Mood::Full);
    no(&yard, "it is full").await?;
    s3.be(Mood::Skewed);
    no(&yard, "clock").await?;
    // Two writes of the trial and the claim go through, and some parts.
    s3.be(Mood::BrokenAfter(5));
    no(&yard, "server error").await?;
    ensure!(s3.written() > 5, "it was not reached");
    s3.be(Mood::Well);
    // It could not be taken back then, and is no backup: it has no manifest.
    ensure!(!objects(&s3, "p").iter().any(|name| name.ends_with("manifest.json")));
    stores::remove_leftovers(&yard.stores, &yard.path(), &APP.parse()?, None).await;
    ensure!(objects(&s3, "p").is_empty(), "{:?}", objects(&s3, "p"));

    let wrong = s3.url(&place("p"), &credentials(yard.dir.path(), "wrong"));
    yard.stores = Stores { all: vec![StoreAt::parse(&wrong).unwrap()], needed: 1, keep_local: true };
    no(&yard, "credentials").await?;
    yard.stores = good;
    yard.stores.all[0].endpoint = Some("http://127.0.0.1:1".to_owned());
    no(&yard, "cannot be reached").await?;
    Ok(())
}

#[tokio::test]
async fn one_store_is_enough_where_that_is_said() -> anyhow::Result<()> {
    let s3 = S3::start().await?;
    let mut yard = yard(&s3, &[&place("p"), &place("q")]).await?;
    yard.stores.all[0].endpoint = Some("http://127.0.0.1:1".to_owned());
    yard.stores.needed = 1;
    let backup = backed_up(yard.back_up(None).await?);
    ensure!(backup.path.starts_with('/') && Path::new(&backup.path).exists(), "{}", backup.path);
    ensure!(backup.copies == [format!("s3://{BUCKET}/q/{APP}/{}", id(&backup))], "{:?}", backup.copies);
    Ok(())
}

#[tokio::test]
async fn what_a_crash_leaves_in_a_store_goes_and_nothing_else() -> anyhow::Result<()> {
    let s3 = S3::start().await?;
    let yard = yard(&s3, &[&place("p")]).await?;
    let backup = backed_up(yard.back_up(None).await?);
    let own = s3.bucket().join("p").join(APP);
    let foreign = s3.bucket().join("p/other/20261127T100001Z-r1-c1/dump");
    fs::create_dir_all(&foreign)?;
    fs::write(foreign.join("1.dat"), "rows")?;
    fs::create_dir_all(own.join("20261127T100001Z-r1-c1/dump"))?;
    fs::write(own.join("20261127T100001Z-r1-c1/dump/1.dat"), "rows")?;
    fs::write(own.join(".trial-1"), "x")?;
    // The backups of a database whose store begins where those of this one are.
    let below = own.join("orders/20261127T100001Z-r1-c1");
    fs::create_dir_all(&below)?;
    fs::write(below.join("manifest.json"), "{}")?;
    fs::create_dir_all(own.join("photos"))?;
    fs::write(own.join("photos/1.jpg"), "x")?;
    let name = APP.parse()?;
    let removed = stores::remove_leftovers(&yard.stores, &yard.path(), &name, None).await;
    ensure!(removed == 2, "{removed}");
    let foreigners = ["orders/20261127T100001Z-r1-c1/manifest.json", "photos/1.jpg"];
    for name in foreigners {
        ensure!(own.join(name).exists(), "{name}");
        fs::remove_file(own.join(name))?;
    }
    ensure!(objects(&s3, "p").iter().all(|name| name.starts_with(id(&backup))), "{:?}", objects(&s3, "p"));
    ensure!(foreign.join("1.dat").exists(), "of another database");
    ensure!(problems(&yard, &backup).await?.is_empty());

    // Given up: the one that was meant, and no other one.
    let asked = Asked::of(&yard);
    let another = Source { sha256: pgbelay_core::digest::Digest::of("x"), ..asked.source(&yard, &backup) };
    let error = stores::remove(&another).await.unwrap_err().to_string();
    ensure!(error.contains("is not the one that was made"), "{error}");
    for _ in 0..2 {
        stores::remove(&asked.source(&yard, &backup)).await?;
        ensure!(objects(&s3, "p").is_empty(), "{:?}", objects(&s3, "p"));
    }
    Ok(())
}

#[tokio::test]
async fn a_backup_of_which_nobody_was_told_goes_from_everywhere() -> anyhow::Result<()> {
    let s3 = S3::start().await?;
    let yard = yard(&s3, &[&place("p")]).await?;
    let backup = backed_up(yard.back_up(None).await?);
    let name = APP.parse()?;
    let clear = async |ending: &str| {
        let there = remove_leftovers(&yard.path(), &name, Some(ending)).await?;
        anyhow::Ok(there + stores::remove_leftovers(&yard.stores, &yard.path(), &name, Some(ending)).await)
    };
    let own = id(&backup).split_once('-').map(|(_, own)| format!("-{own}")).unwrap();
    ensure!(clear(&own.replacen("-r", "-r1", 1)).await? == 0, "of another command");
    ensure!(problems(&yard, &backup).await?.is_empty());
    ensure!(clear(&own).await? == 2);
    ensure!(objects(&s3, "p").is_empty() && !Path::new(&backup.path).exists(), "{backup:?}");
    Ok(())
}

#[tokio::test]
async fn a_cancelled_upload_leaves_nothing() -> anyhow::Result<()> {
    let s3 = S3::start().await?;
    let yard = yard(&s3, &[&place("p")]).await?;
    // Three for a trial, the mark, the mark again, and a part.
    s3.be(Mood::SilentAfter(6));
    let cancelled = async {
        pgbelay_tests::wait::until("the upload hangs", DEADLINE, async || Ok(s3.written() > 6)).await?;
        s3.be(Mood::Well);
        yard.world.cancel.cancel();
        anyhow::Ok(())
    };
    let (outcome, done) = tokio::join!(yard.back_up(None), cancelled);
    done.with_context(|| format!("{outcome:?}"))?;
    ensure!(matches!(outcome?, Outcome::Cancelled { .. }));
    ensure!(objects(&s3, "p").is_empty(), "{:?}", objects(&s3, "p"));
    ensure!(yard.left().is_empty(), "{:?}", yard.left());
    Ok(())
}

/// Two servers, one place on each.
async fn on_two(one: &S3, other: &S3) -> anyhow::Result<Yard> {
    let mut yard = yard(one, &[&place("p")]).await?;
    yard.stores.all.extend(stores(other, &yard, &[&place("q")]).all);
    yard.stores.needed = 2;
    Ok(yard)
}

#[tokio::test]
async fn what_could_not_be_taken_back_goes_before_the_next_backup() -> anyhow::Result<()> {
    let (one, other) = (S3::start().await?, S3::start().await?);
    let yard = on_two(&one, &other).await?;
    let (programs, may_end) = slow_to_end(&yard).await?;
    // Three for a trial; then the mark, the beginning of an upload and its first piece.
    one.be(Mood::KeepsAfter(3));
    other.be(Mood::StuckAfter(6));
    let failed = async {
        pgbelay_tests::wait::until("it has failed", DEADLINE, async || Ok(other.written() >= 7)).await?;
        fs::write(&may_end, "")?;
        anyhow::Ok(())
    };
    let (outcome, done) = tokio::join!(yard.back_up(Some(&programs)), failed);
    done?;
    let why = failure(outcome?);
    ensure!(why.message.contains("server error"), "{why:?}");
    // All of it is in one of them, of which nobody was told, and pieces are in the other one.
    let left = objects(&one, "p");
    ensure!(left.iter().any(|name| name.ends_with("manifest.json")), "{left:?}");
    ensure!(!objects(&other, "q").is_empty() && pieces(&other) > 0, "{:?}", objects(&other, "q"));
    ensure!(yard.left() == [".unfinished-uploads"], "{:?}", yard.left());

    // What refuses still is no reason to have no backup.
    one.be(Mood::KeepsAfter(3));
    other.be(Mood::Well);
    let second = backed_up(yard.back_up(None).await?);
    ensure!(left.iter().all(|name| objects(&one, "p").contains(name)), "{:?}", objects(&one, "p"));
    ensure!(pieces(&other) == 0, "a piece is left over");
    one.be(Mood::Well);
    let third = backed_up(yard.back_up(None).await?);
    for (s3, prefix) in [(&one, "p"), (&other, "q")] {
        let there = objects(s3, prefix);
        let known = |name: &String| [&second, &third].iter().any(|backup| name.starts_with(id(backup)));
        // The mark of the second one could not be taken away; it is whole.
        let mark = format!(".uploading-{}", id(&second));
        ensure!(there.iter().all(|name| known(name) || *name == mark), "{there:?}");
    }
    ensure!(!objects(&other, "q").iter().any(|name| name.starts_with('.')), "{:?}", objects(&other, "q"));
    ensure!(yard.left().iter().all(|name| !name.starts_with('.')), "{:?}", yard.left());
    for backup in [&second, &third] {
        let found = checked(&yard, backup).await?;
        ensure!(found == Checked::default(), "{found:?}");
    }
    Ok(())
}

#[tokio::test]
async fn before_a_backup_only_what_others_have_abandoned_goes() -> anyhow::Result<()> {
    let s3 = S3::start().await?;
    let yard = yard(&s3, &[&place("p")]).await?;
    let own = s3.bucket().join("p").join(APP);
    let put = |name: &str, days: u64| -> anyhow::Result<()> {
        fs::create_dir_all(own.join(name).parent().context("no directory")?)?;
        fs::write(own.join(name), "x")?;
        let time = std::time::SystemTime::now() - Duration::from_secs(days * 24 * 60 * 60);
        Ok(fs::File::options().write(true).open(own.join(name))?.set_modified(time)?)
    };
    let (lost, busy, whole) = ("20261101T100001Z-r1-c1", "20261101T100001Z-r1-c2", "20261101T100001Z-r1-c3");
    for (id, days) in [(lost, 8), (busy, 6), (whole, 8)] {
        put(&format!("{id}/dump/1.dat"), days)?;
        put(&format!(".uploading-{id}"), days)?;
    }
    put(&format!("{whole}/manifest.json"), 8)?;
    put(".uploading-photos", 8)?;
    put("photos/1.jpg", 8)?;
    put(".trial-1", 1)?;
    put(".trial-2", 0)?;
    // Its own, by what it has written down: of one that became whole, only the mark is too much.
    let (mine, made) = ("20261101T100001Z-r1-c5", "20261101T100001Z-r1-c6");
    for id in [mine, made] {
        put(&format!("{id}/dump/1.dat"), 0)?;
        put(&format!(".uploading-{id}"), 0)?;
    }
    put(&format!("{made}/manifest.json"), 0)?;
    let line = |id: &str| format!("{{\"store\": \"s3://{BUCKET}/p\", \"backup\": \"{id}\"}}\n");
    fs::create_dir_all(yard.path().join(APP))?;
    fs::write(yard.path().join(APP).join(".unfinished-uploads"), line(mine) + &line(made))?;
    let backup = backed_up(yard.back_up(None).await?);
    let there: Vec<_> = objects(&s3, "p").into_iter().filter(|name| !name.starts_with(id(&backup))).collect();
    let mut stays = vec![
        format!(".uploading-{busy}"),
        format!("{busy}/dump/1.dat"),
        format!("{made}/dump/1.dat"),
        format!("{made}/manifest.json"),
        format!("{whole}/dump/1.dat"),
        format!("{whole}/manifest.json"),
        ".uploading-photos".to_owned(),
        "photos/1.jpg".to_owned(),
        ".trial-2".to_owned(),
    ];
    stays.sort();
    ensure!(there == stays, "{there:?}");
    // At a start, what has no manifest and is not marked goes, too.
    put("20261101T100001Z-r1-c4/dump/1.dat", 0)?;
    let removed = stores::remove_leftovers(&yard.stores, &yard.path(), &APP.parse()?, None).await;
    ensure!(removed == 2, "{removed}");
    ensure!(own.join(busy).exists() && own.join(whole).exists(), "{:?}", objects(&s3, "p"));
    // Whoever is killed on his own backup knows that nobody is at work on it.
    stores::remove_leftovers(&yard.stores, &yard.path(), &APP.parse()?, Some("-r1-c2")).await;
    ensure!(!objects(&s3, "p").iter().any(|name| name.contains(busy)), "{:?}", objects(&s3, "p"));
    Ok(())
}

/// pg_dump that has written everything, and ends only when it may: when a file is there.
async fn slow_to_end(yard: &Yard) -> anyhow::Result<(PathBuf, PathBuf)> {
    let client = yard.world.client().await?;
    let large = "CREATE TABLE large AS SELECT string_agg(sha512(random()::text::bytea || n::text::bytea), '') AS x \
                 FROM generate_series(1, 500000) n GROUP BY n % 2000";
    client.batch_execute(large).await?;
    let may_end = yard.dir.path().join("may-end");
    let script = format!(
        "case \"$*\" in *--version*) ;; *) \"$REAL\" \"$@\" || exit; while [ ! -e {} ]; do sleep 0.1; done; exit 0 ;; esac",
        may_end.display()
    );
    Ok((yard.programs(&script)?, may_end))
}

/// The pieces of objects that are not whole yet.
fn pieces(s3: &S3) -> usize {
    let files = fs::read_dir(s3.root()).unwrap().map(|entry| entry.unwrap().file_name());
    files.filter(|name| name.to_string_lossy().contains(".part-")).count()
}

#[tokio::test]
async fn what_is_large_is_in_the_stores_before_pg_dump_has_ended() -> anyhow::Result<()> {
    for encrypted in [false, true] {
        let s3 = S3::start().await?;
        let mut yard = yard(&s3, &[&place("one"), &place("two")]).await?;
        let owner = age::x25519::Identity::generate();
        yard.encrypt_to = encrypted.then(|| owner.to_public()).into_iter().collect();
        let (programs, may_end) = slow_to_end(&yard).await?;
        let sent = async {
            // 30 MiB and more, in pieces of 8, to two places.
            pgbelay_tests::wait::until("the pieces are there", DEADLINE, async || Ok(pieces(&s3) >= 6))
                .await?;
            ensure!(!objects(&s3, "one").iter().any(|name| name.contains("manifest")), "{:?}", s3.objects());
            s3.be(Mood::Well);
            fs::write(&may_end, "")?;
            anyhow::Ok(())
        };
        let (outcome, done) = tokio::join!(yard.back_up(Some(&programs)), sent);
        done?;
        let backup = backed_up(outcome?);
        let written = s3.written();
        ensure!(problems(&yard, &backup).await?.is_empty());
        ensure!(objects(&s3, "one") == objects(&s3, "two"), "{:?}", s3.objects());
        ensure!(pieces(&s3) == 0, "a piece is left over");
        // Each object once; of the large one a piece that was not sent yet, the last one, and its end; and the mark again.
        let all = objects(&s3, "one").len() as u64;
        ensure!(written <= 2 * (all + 4), "{written} requests for {all} objects: it was sent again");
    }
    Ok(())
}

#[tokio::test]
async fn what_was_sent_early_goes_when_there_is_no_backup_and_is_sent_again_when_it_is_lost()
-> anyhow::Result<()> {
    let s3 = S3::start().await?;
    let yard = yard(&s3, &[&place("p")]).await?;
    let (programs, may_end) = slow_to_end(&yard).await?;
    // Three for a trial, the mark, the beginning of an upload and its first piece.
    s3.be(Mood::BrokenAfter(6));
    let lost = async {
        // The second one, once and as often as it is tried again.
        pgbelay_tests::wait::until("it has failed", DEADLINE, async || Ok(s3.written() >= 11)).await?;
        s3.be(Mood::Well);
        fs::write(&may_end, "")?;
        anyhow::Ok(())
    };
    let (outcome, done) = tokio::join!(yard.back_up(Some(&programs)), lost);
    done?;
    let backup = backed_up(outcome?);
    ensure!(problems(&yard, &backup).await?.is_empty());
    ensure!(pieces(&s3) == 0, "a piece is left over");

    fs::remove_file(&may_end)?;
    let there = objects(&s3, "p");
    let cancelled = async {
        pgbelay_tests::wait::until("a piece is there", DEADLINE, async || Ok(pieces(&s3) >= 2)).await?;
        yard.world.cancel.cancel();
        anyhow::Ok(())
    };
    let (outcome, done) = tokio::join!(yard.back_up(Some(&programs)), cancelled);
    done?;
    ensure!(matches!(outcome?, Outcome::Cancelled { .. }));
    ensure!(objects(&s3, "p") == there, "{:?}", objects(&s3, "p"));
    ensure!(pieces(&s3) == 0, "a piece is left over");
    Ok(())
}

#[tokio::test]
async fn a_store_that_does_not_answer_does_not_hide_the_copy_of_another() -> anyhow::Result<()> {
    let (s3, gone) = (S3::start().await?, S3::start().await?);
    let mut yard = yard(&s3, &[&place("p")]).await?;
    yard.stores.keep_local = false;
    let backup = backed_up(yard.back_up(None).await?);
    let file = credentials(yard.dir.path(), SECRET);
    let silent = StoreAt::parse(&gone.url(&place("p"), &file)).unwrap();
    drop(gone);
    let good = yard.stores.all.clone();
    yard.stores.all = [vec![silent.clone()], good].concat();
    let asked = Asked::of(&yard);
    ensure!(stores::look(&asked.source(&yard, &backup)).await?.is_empty());
    let end = restored(into(&yard, &yard.world.target, &backup, Destination::Scratch).await?)?;
    ensure!(end.counted >= 1, "{end:?}");
    // What was brought was nobody else's to read, and is gone.
    ensure!(!yard.path().join(APP).join(".fetched").exists());
    // Alone, it says nothing: neither that it is there, nor that it is not.
    yard.stores.all = vec![silent];
    ensure!(stores::look(&asked.source(&yard, &backup)).await.is_err());
    ensure!(checked(&yard, &backup).await.is_err());
    Ok(())
}
