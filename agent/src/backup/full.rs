//! A database by pg_dump, with the rows of all tables or of some: dumped by several sessions, hashed meanwhile, and looked
//! at.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::child::{self, Compression, Dump, Ended};
use super::contents::{self, Contents};
use super::manifest::{self, DUMP_DIR};
use super::parts::{Part, Parts, part};
use super::place::{self, Place, private_directory};
use super::programs::Programs;
use super::progress::Meter;
use super::publish::Dumped;
use super::seal::{ENDING, Seal};
use super::stores::Early;
use super::touched::Selected;
use super::{BackupRequest, Stop, failed, lost, space};
use crate::database::{Control, Session, Target};
use crate::failpoint::reach;

/// How often it is looked what pg_dump has written.
const FOLLOW: Duration = Duration::from_millis(200);

/// The same where it may not write more than so much.
const FOLLOW_CLOSELY: Duration = Duration::from_millis(20);

/// Most sessions of pg_dump: with more, disks and the others on the server wait rather than work.
const MOST_JOBS: usize = 8;

/// Most tables that are named in a failure.
const MOST_NAMED: usize = 5;

/// What is in the way of several sessions, and not of one: others are about to lock a table, or there are too few
/// connections.
const NOT_FOR_SEVERAL: [&str; 4] =
    ["could not obtain lock", "too many clients", "too many connections", "remaining connection slots"];

/// Dumps the database and looks whether it is there: the rows of the tables in `contents`, and with `some` all but those that
/// this leaves out. `session` holds the snapshot, `looks` is for questions.
pub(super) async fn dumped(
    (target, request): (&Target, &BackupRequest<'_>),
    (contents, some): (&Contents, Option<Selected>),
    place: &Place,
    (session, looks): (Session, Session),
    (early, control): (&mut Early, &Control<'_>),
) -> Result<Dumped, Stop> {
    let programs = Programs::find(request.programs, session.version).await.map_err(Stop::Failed)?;
    let seal = Seal::to(request.encrypt_to).map(Arc::new);
    // Encrypted, it is there twice until pg_dump has ended.
    room(place, &looks, contents.bytes() * if seal.is_some() { 2 } else { 1 }).await?;
    let rate = request.order.rate_limit.map(|rate| rate.0);
    let without_rows = some.as_ref().map_or(&[][..], |some| &some.excluded);
    let to = (place, seal.as_ref(), &mut *early);
    let made = dump((target, &programs), (contents, without_rows), to, (&looks, rate), control).await?;
    let anew = contents.written_anew(&looks).await.map_err(|fault| lost(&fault))?;
    if !anew.is_empty() {
        let what = anew.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
        let message =
            format!("emptied or written anew while the backup was made, so that it may lack rows: {what}");
        return Err(failed(
            &message,
            "nothing was touched; retry when what does that (a load, VACUUM FULL) is over",
        ));
    }
    // It had to be there until pg_dump had ended.
    session.close().await;
    looks.close().await;
    tokio::select! {
        () = early.pause() => {}
        () = control.cancel.cancelled() => return Err(Stop::Cancelled),
    }
    reach("backup-after-effect").await;
    control.say(0, 0, "backup: looking whether it is whole".to_owned());
    check(&programs, contents, &made, place, control).await?;
    if seal.is_some() {
        unveil(place).await?;
    }
    let Made { mut parts, compression, jobs } = made;
    let no_globals = match globals(target, &programs, place, control).await? {
        Ok(()) => {
            parts.push(globals_part(place, seal.as_ref()).await?);
            None
        }
        Err(why) => Some(why),
    };
    let (pg_dump, compression) = (programs.version, compression.name());
    let with_rows = some.map(|some| some.names);
    Ok(Dumped { parts, compression, jobs, pg_dump, rate_limit: rate, no_globals, with_rows, seal })
}

/// What pg_dump has made.
struct Made {
    parts: Vec<Part>,
    compression: Compression,
    jobs: usize,
}

/// Runs pg_dump, and hashes what it writes meanwhile, encrypts it where that is asked for, and sends it to stores.
async fn dump(
    (target, programs): (&Target, &Programs),
    (contents, without_rows): (&Contents, &[String]),
    (place, seal, early): (&Place, Option<&Arc<Seal>>, &mut Early),
    (looks, rate): (&Session, Option<u64>),
    control: &Control<'_>,
) -> Result<Made, Stop> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut jobs = cores.min(MOST_JOBS).min(contents.tables.len()).max(1);
    let mut compression = Compression::of(programs.major);
    let how = |jobs, compression| Dump { snapshot: &contents.snapshot, jobs, compression, without_rows };
    loop {
        let meter = Arc::new(Meter::new(contents.tables.len(), contents.bytes()));
        let ended = CancellationToken::new();
        // Each ends the other, and both are waited for: what is left of them would write into what is removed.
        let (unwanted, unread) = (control.cancel.child_token(), CancellationToken::new());
        let command = child::dump(programs, target, &place.dump(), how(jobs, compression));
        let dumped = async {
            let control = Control { cancel: &unwanted, ..*control };
            let done = run(command, &control, (Some(&meter), rate)).await;
            if done.is_err() {
                unread.cancel();
            }
            ended.cancel();
            done
        };
        let often = if rate.is_some() { FOLLOW_CLOSELY } else { FOLLOW };
        let followed = async {
            let done = follow((place, seal), Arc::clone(&meter), (&ended, &unread, often)).await;
            if done.is_err() {
                unwanted.cancel();
            }
            done
        };
        let written = if seal.is_some() { place.sealed() } else { place.dump() };
        let largest = contents.tables.iter().map(|(_, bytes)| *bytes).max().unwrap_or_default();
        early.begin(&written, &format!("{DUMP_DIR}/"), largest);
        let done = tokio::select! {
            done = async { tokio::join!(dumped, followed) } => done,
            never = meter.watch(looks, &contents.tables) => never,
        };
        let done = match done {
            // It was ended because what it wrote cannot be read.
            (Err(Stop::Cancelled), Err(unreadable)) if !control.cancel.is_cancelled() => Err(unreadable),
            (Err(stop), _) | (Ok(_), Err(stop)) => Err(stop),
            (Ok(_), Ok(parts)) => Ok(parts),
        };
        if done.is_err() {
            early.forget().await;
        }
        match done {
            Ok(parts) => return Ok(Made { parts, compression, jobs }),
            Err(Stop::Failed(failure))
                if compression == Compression::Zstd && failure.message.contains(child::NOT_BUILT_WITH) =>
            {
                compression = Compression::Gzip;
            }
            Err(Stop::Failed(failure))
                if jobs > 1 && NOT_FOR_SEVERAL.iter().any(|words| failure.message.contains(words)) =>
            {
                tracing::warn!(why = failure.message, "several sessions cannot make the backup; one tries");
                clear(&place.dump()).await?;
                clear(&place.sealed()).await?;
                jobs = 1;
            }
            Err(stop) => return Err(stop),
        }
    }
}

/// Puts the encrypted form in the place of the plain one, which goes.
async fn unveil(place: &Place) -> Result<(), Stop> {
    clear(&place.dump()).await?;
    let renamed = tokio::fs::rename(place.sealed(), place.dump()).await;
    renamed.map_err(|source| {
        let error = place::PlaceError { what: "failed to write", path: place.dump(), source };
        Stop::Failed(error.failure())
    })
}

/// pg_dump writes to a new directory only.
async fn clear(directory: &Path) -> Result<(), Stop> {
    match tokio::fs::remove_dir_all(directory).await {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            let error = place::PlaceError { what: "failed to remove", path: directory.to_owned(), source };
            Err(Stop::Failed(error.failure()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Hashes what is written until pg_dump has ended; `unread` ends it before.
async fn follow(
    (place, seal): (&Place, Option<&Arc<Seal>>),
    meter: Arc<Meter>,
    (ended, unread, often): (&CancellationToken, &CancellationToken, Duration),
) -> Result<Vec<Part>, Stop> {
    let directory = place.dump();
    let failed = |source| {
        let path = directory.clone();
        Stop::Failed(place::PlaceError { what: "failed to read back", path, source }.failure())
    };
    let interrupted = |_| Stop::Failed(place::interrupted("failed to read back the backup").failure());
    let stop = unread.clone();
    let _ended = stop.clone().drop_guard();
    let mut parts = Parts::new(directory.clone(), stop);
    if let Some(seal) = seal {
        // What an earlier try has left is of another dump.
        clear(&place.sealed()).await?;
        private_directory(&place.sealed()).map_err(failed)?;
        parts = parts.sealed(place.sealed(), Arc::clone(seal));
    }
    loop {
        let last = tokio::select! {
            () = sleep(often) => false,
            () = ended.cancelled() => true,
        };
        if last {
            let finish = move || parts.finish(&format!("{DUMP_DIR}/"));
            return tokio::task::spawn_blocking(finish).await.map_err(interrupted)?.map_err(failed);
        }
        let meter = Arc::clone(&meter);
        let more = move || {
            // pg_dump makes the directory when it has connected.
            if parts.is_there() {
                parts.follow()?;
            }
            meter.has_written(parts.bytes(), parts.tables());
            Ok(parts)
        };
        parts = tokio::task::spawn_blocking(more).await.map_err(interrupted)?.map_err(failed)?;
    }
}

/// Looks whether there is room, and warns where one disk takes data and backups.
async fn room(place: &Place, session: &Session, bytes: u64) -> Result<(), Stop> {
    let data = session.ask("SELECT pg_catalog.current_setting('data_directory', true)").await;
    // Only some may see where it is, and it may be on another machine.
    if let Some(data) = data.ok().and_then(|rows| rows.first()?.get(0).map(str::to_owned))
        && space::is_beside_data(&place.parent, Path::new(&data))
    {
        let (backups, data) = (place.parent.display(), data);
        tracing::warn!(%backups, data, "the backups are on the volume of the data: a disk that fails takes both");
    }
    match space::lacks(&place.parent, bytes) {
        Ok(None) => Ok(()),
        Ok(Some(what)) => {
            let hint = "nothing was touched; make room in the backup directory, then retry";
            Err(failed(&format!("there is no room for the backup: {what}"), hint))
        }
        Err(source) => {
            let error = place::PlaceError {
                what: "failed to ask for the room in",
                path: place.parent.clone(),
                source,
            };
            Err(Stop::Failed(error.failure()))
        }
    }
}

/// The roles as a part, in place of the plain file where they are encrypted.
async fn globals_part(place: &Place, seal: Option<&Arc<Seal>>) -> Result<Part, Stop> {
    let (directory, seal) = (place.path.clone(), seal.cloned());
    let made = tokio::task::spawn_blocking(move || match seal {
        Some(seal) => seal.file(&directory, manifest::GLOBALS),
        None => part(&directory, manifest::GLOBALS, &CancellationToken::new()),
    });
    let made = made.await.unwrap_or_else(|_| Err(std::io::Error::other("the work was interrupted")));
    made.map_err(|source| {
        let path = place.path.join(manifest::GLOBALS);
        Stop::Failed(place::PlaceError { what: "failed to read back", path, source }.failure())
    })
}

/// Writes down the roles; or why they are not, in words.
async fn globals(
    target: &Target,
    programs: &Programs,
    place: &Place,
    control: &Control<'_>,
) -> Result<Result<(), String>, Stop> {
    let Some(program) = &programs.dump_all else {
        return Ok(Err("pg_dumpall is not installed".to_owned()));
    };
    let file = place.path.join(manifest::GLOBALS);
    match run(child::globals(program, target, &file), control, (None, None)).await {
        Ok(_) => Ok(Ok(())),
        // Not everybody may read roles. The rows are there, which is what counts.
        Err(Stop::Failed(failure)) => {
            tracing::warn!(why = failure.message, "the roles could not be written down with the backup");
            let removed = tokio::fs::remove_file(&file).await;
            removed
                .or_else(
                    |error| if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) },
                )
                .map_err(|source| place::PlaceError { what: "failed to remove", path: file.clone(), source })
                .map_err(|error| Stop::Failed(error.failure()))?;
            Ok(Err(failure.message))
        }
        Err(stop) => Err(stop),
    }
}

/// Runs a program to its end; what it said when it failed.
async fn run(
    command: tokio::process::Command,
    control: &Control<'_>,
    counted: (Option<&Meter>, Option<u64>),
) -> Result<Vec<u8>, Stop> {
    match child::supervise(command, control, counted).await {
        Ended::Well(output) => Ok(output),
        Ended::Badly(failure) => Err(Stop::Failed(failure)),
        Ended::Cancelled => Err(Stop::Cancelled),
    }
}

/// Looks whether the backup is whole: its list names every table, and each has its file. Files of Zstandard say whether
/// they come to their end; others are unpacked.
async fn check(
    programs: &Programs,
    contents: &Contents,
    made: &Made,
    place: &Place,
    control: &Control<'_>,
) -> Result<(), Stop> {
    let list = run(child::list(programs, &place.dump()), control, (None, None)).await?;
    let names = made.parts.iter().filter_map(|part| part.name.rsplit('/').next());
    let names = names.map(|name| name.strip_suffix(ENDING).unwrap_or(name));
    let missing = contents::missing(&list, &contents.tables, &contents::files(names));
    if missing > 0 {
        let message = format!("the backup is not complete: {missing} tables have no rows section in it");
        return Err(failed(&message, "see whether the agent's user may read every table; then retry"));
    }
    match made.compression {
        Compression::Zstd => Ok(()),
        Compression::Gzip => {
            run(child::read_all(programs, &place.dump()), control, (None, None)).await.map(drop)
        }
    }
}
