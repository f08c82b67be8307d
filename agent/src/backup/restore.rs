//! A backup comes back: into a new database, some of its tables beside the others, in place of the database itself, or
//! only to prove that it does.
//!
//! Everything goes into a database with a temporary name first, and is compared with the backup there: the schema's
//! fingerprint, and the rows of each table. Only then it gets its proper name, in one transaction: what has a proper
//! name is whole. Whatever stops it before that drops the temporary database; what was there before is as it was.

use std::path::Path;
use std::time::Duration;

use pgbelay_analysis::bytes_in_words as amount;
use pgbelay_core::job::{Destination, JobEnd, Restored};
use pgbelay_core::name::DatabaseName;
use pgbelay_core::time::Span;
use pgbelay_proto::convert::WireJob;
use pgbelay_proto::tls::Secret;
use tokio::process::Command;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::child::{self, Ended};
use super::manifest::Manifest;
use super::programs::Programs;
use super::seal::NotOpened;
use super::stores::{Archive, Brought, Source, bring};
use crate::config::Stores;
use crate::database::{Control, Fault, Session, Target, connect};
use crate::failpoint::reach;
use crate::words;
use compare::Compared;
use server::Temporary;

mod compare;
mod end;
mod place;
mod rows;
mod server;
mod tables;

pub(crate) use end::patiently;
pub use end::recover;
pub use server::Mark;
pub(super) use server::Server;

/// What the server's list of sessions calls these.
const NAME: &str = "pgbelay-agent restore";

/// Most sessions of pg_restore.
const MOST_JOBS: usize = 8;

/// Most tables that are named.
const MOST_NAMED: usize = 20;

/// How often it is told how far it is.
const LOOK: Duration = Duration::from_secs(1);

/// For collecting the statistics of a whole database.
const ANALYZE: Duration = Duration::from_secs(60 * 60);

/// What a restore is given.
#[derive(Debug, Clone, Copy)]
pub struct RestoreRequest<'a> {
    /// The job.
    pub job: &'a WireJob,
    /// What the fleet calls the database.
    pub name: &'a DatabaseName,
    /// The authority that the backup's signer must come from.
    pub ca_pem: &'a str,
    /// Where PostgreSQL's programs are; `None`: they are looked for.
    pub programs: Option<&'a Path>,
    /// Where backups are beside the directory.
    pub stores: &'a Stores,
    /// The directory of all backups.
    pub dir: &'a Path,
}

impl RestoreRequest<'_> {
    fn source(&self) -> Source<'_> {
        Source {
            stores: self.stores,
            dir: self.dir,
            database: self.name,
            path: &self.job.path,
            sha256: self.job.sha256,
            ca_pem: self.ca_pem,
        }
    }
}

/// Why nothing was restored.
#[derive(Debug)]
pub(super) enum Stop {
    Failed { message: String, hint: String, problems: Vec<String> },
    Cancelled,
}

impl Stop {
    fn failed(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), hint: hint.into(), problems: Vec::new() }
    }

    pub(super) fn words(&self) -> String {
        match self {
            Self::Failed { message, .. } => message.clone(),
            Self::Cancelled => "it was cancelled".to_owned(),
        }
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::failed(
            format!("the server did not do what the restore needs: {}", fault.words()),
            "nothing that was there has changed; the agent's user must be allowed to create databases (CREATEDB) and \
             to make objects of the roles that own them",
        )
    }
}

/// Restores a backup of the target's database.
pub async fn restore(target: &Target, request: &RestoreRequest<'_>, control: &Control<'_>) -> JobEnd {
    let began = Instant::now();
    match Box::pin(make(target, request, control)).await {
        Ok(restored) => {
            let took = Span(i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX));
            JobEnd::Restored(Restored { took, ..restored })
        }
        Err(Stop::Failed { message, hint, problems }) => JobEnd::Failed { message, hint, problems },
        Err(Stop::Cancelled) => JobEnd::Cancelled,
    }
}

async fn make(
    target: &Target,
    request: &RestoreRequest<'_>,
    control: &Control<'_>,
) -> Result<Restored, Stop> {
    let job = request.job;
    control.say(0, 0, "restore: reading the backup".to_owned());
    let source = request.source();
    let brought = tokio::select! {
        () = control.cancel.cancelled() => return Err(Stop::Cancelled),
        brought = Box::pin(bring(&source)) => brought,
    };
    let brought = brought.map_err(not_whole)?;
    may_be_opened(&brought.manifest, job)?;
    let manifest = &brought.manifest;
    if manifest.database != request.name.as_str() {
        return Err(Stop::failed(
            format!("the backup is of {}, and this is {}", manifest.database, request.name),
            "name a backup of this database: pgbelay backup list",
        ));
    }
    has_what_is_asked(manifest, &job.into)?;
    let server = Server::open(target).await?;
    let programs = Programs::find(request.programs, server.session.version).await;
    let programs =
        programs.map_err(|failure| Stop::failed(failure.message, failure.hint.unwrap_or_default()))?;
    may_be_restored(&server, manifest, &job.into).await?;
    server.room_for(manifest.database_bytes).await?;
    let brought = Box::pin(opened(brought, (&source, job.key.as_ref()), control)).await?;
    let Brought { archive, manifest } = brought;
    let manifest = &manifest;
    let work = Work { target, request, control, server: &server, manifest, programs: &programs };
    let made = Box::pin(work.make(archive)).await;
    server.session.close().await;
    if let Err(why) = patiently(|| Box::pin(end::drop_leftovers(target, request.name))).await {
        // The next job, and the next start of the agent, find it.
        tracing::warn!(job = %job.id, why, "a temporary database is still there");
    }
    let mut made = made?;
    if job.into.is_in_place() {
        made.observation = Some(Box::new(end::look(target, control).await));
    }
    Ok(made)
}

/// Whether there is a key where one is needed.
fn may_be_opened(manifest: &Manifest, job: &WireJob) -> Result<(), Stop> {
    match (&manifest.encryption, &job.key) {
        (Some(_), None) => Err(Stop::failed(
            "the backup is encrypted, and its key was not given",
            "start it again with --identity and the file of a private key that the backup is encrypted to",
        )),
        (Some(_), Some(_)) | (None, _) => Ok(()),
    }
}

/// The backup with its dump as pg_dump has written it.
async fn opened(
    brought: Brought,
    (source, key): (&Source<'_>, Option<&Secret>),
    control: &Control<'_>,
) -> Result<Brought, Stop> {
    let (Some(_), Some(key)) = (&brought.manifest.encryption, key) else { return Ok(brought) };
    control.say(0, 0, "restore: decrypting the backup".to_owned());
    let nothing = "nothing was restored";
    brought.open(source, key, control.cancel.clone()).await.map_err(|error| match &error {
        NotOpened::Cancelled => Stop::Cancelled,
        NotOpened::NoKey | NotOpened::OtherKey(_) => Stop::failed(
            format!("{error}; {nothing}"),
            "start it again with --identity and the file of a private key that the backup is encrypted to",
        ),
        NotOpened::Changed(_) => Stop::Failed {
            message: format!("the backup is not whole: {error}; {nothing}"),
            hint: "restore another one: pgbelay backup list".to_owned(),
            problems: vec![error.to_string()],
        },
        NotOpened::Io { .. } => Stop::failed(
            format!("{}; {nothing}", words::line(&error)),
            "see that there is room in the backup directory, then start it again",
        ),
    })
}

fn not_whole(problems: Vec<String>) -> Stop {
    let first = problems.first().map(String::as_str).unwrap_or_default();
    let message = format!("the backup is not whole, so nothing was restored: {first}");
    Stop::Failed { message, hint: "restore another one: pgbelay backup list".to_owned(), problems }
}

/// Whether the backup has rows, and all of them where that is needed.
fn has_what_is_asked(manifest: &Manifest, into: &Destination) -> Result<(), Stop> {
    if let Some(made) = &manifest.outside {
        let message =
            format!("a program of the agent's machine has made the backup: it is at {}", made.location);
        return Err(Stop::failed(message, "restore it with that program"));
    }
    if let Some(point) = &manifest.restore_point {
        let message = format!("the backup is the point {} in the server's log, and has no rows", point.name);
        return Err(Stop::failed(message, "restore the server to it from its archive"));
    }
    match &manifest.with_rows {
        Some(_) if into.is_in_place() => Err(Stop::failed(
            "the backup has the rows of only those tables that its run touches, so it cannot take the database's place",
            "nothing was changed; restore it into a new database, or some of its tables with --tables",
        )),
        Some(_) | None => Ok(()),
    }
}

/// What has to be said of a backup that has the rows of some tables.
fn lacks_rows(manifest: &Manifest) -> Option<String> {
    let names = manifest.with_rows.as_ref()?;
    let more = names.len().saturating_sub(MOST_NAMED);
    let mut list = names.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    if more > 0 {
        list.push_str(&format!(" and {more} more"));
    }
    Some(format!(
        "only the tables that the backup's run touches have rows ({list}); all others are empty, and materialized views \
         are not populated"
    ))
}

/// What can be told before anything is made.
async fn may_be_restored(server: &Server<'_>, manifest: &Manifest, into: &Destination) -> Result<(), Stop> {
    match into {
        Destination::Scratch => Ok(()),
        Destination::New { name } => match server.exists(name).await? {
            false => Ok(()),
            true => Err(Stop::failed(
                format!("there is a database called {name} already, and it was left alone"),
                "choose another name with --into",
            )),
        },
        Destination::Tables { schema, .. } => tables::may_be_made(server, schema).await,
        Destination::InPlace { cut_off } => place::may_be_swapped(server, manifest, cut_off).await,
    }
}

/// All that a restore works with.
struct Work<'a> {
    target: &'a Target,
    request: &'a RestoreRequest<'a>,
    control: &'a Control<'a>,
    server: &'a Server<'a>,
    manifest: &'a Manifest,
    programs: &'a Programs,
}

impl Work<'_> {
    /// What the restored database, or schema, says of itself.
    fn mark(&self) -> String {
        server::mark(&self.manifest.id, &self.request.job.id)
    }

    /// All of it, from the temporary database to the place of its contents.
    async fn make(&self, archive: Archive) -> Result<Restored, Stop> {
        let temporary = self.server.make(self.request.name, &self.request.job.id, self.manifest).await?;
        reach("restore-made").await;
        let restored = tokio::select! {
            () = self.control.cancel.cancelled() => Err(Stop::Cancelled),
            filled = Box::pin(self.fill(&temporary, archive)) => filled,
        }?;
        reach("restore-compared").await;
        // From here on nobody breaks it off in between, and only the server tells whether it came to its end.
        match Box::pin(self.publish(&temporary, restored.clone())).await {
            Ok(restored) => Ok(restored),
            Err(stop) => self.settle(restored, stop).await,
        }
    }

    /// Fills the temporary database, and compares it with the backup, which goes when it was read.
    async fn fill(&self, temporary: &Temporary, archive: Archive) -> Result<Restored, Stop> {
        let target = self.inside(temporary);
        let jobs = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_JOBS);
        let all = child::restore(self.programs, &target, &archive.dump, jobs);
        self.run(all, temporary).await?;
        self.control.say(0, 0, "restore: comparing with the backup".to_owned());
        let expected = rows::in_archive(self.programs, &archive.dump).await?;
        // Statistics take long, and whoever can read what was decrypted could do so for all that time.
        drop(archive);
        let session = open(&target).await?;
        let compared = compare::compare(&session, &expected, self.manifest, &self.target.schema).await?;
        let Compared { counted, sampled, rows, schema_doubt } = compared;
        let mut restored = Restored {
            location: match &self.request.job.into {
                Destination::Scratch => String::new(),
                Destination::New { name } => name.clone(),
                Destination::Tables { schema, .. } => format!("{}, schema {schema}", self.target.name),
                Destination::InPlace { .. } => self.target.name.clone(),
            },
            kept: None,
            counted,
            sampled,
            rows,
            schema_doubt,
            notes: lacks_rows(self.manifest).into_iter().collect(),
            took: Span(0),
            observation: None,
        };
        match &self.request.job.into {
            Destination::Scratch | Destination::Tables { .. } => session.close().await,
            Destination::New { .. } | Destination::InPlace { .. } => {
                self.finish(session, temporary, &mut restored).await;
            }
        }
        Ok(restored)
    }

    fn inside(&self, temporary: &Temporary) -> Target {
        Target { name: temporary.name.clone(), ..self.target.clone() }
    }

    /// Gives what was filled its place.
    async fn publish(&self, temporary: &Temporary, mut restored: Restored) -> Result<Restored, Stop> {
        match &self.request.job.into {
            Destination::Scratch => return Ok(restored),
            Destination::New { name } => self.server.rename(&temporary.name, name).await?,
            Destination::Tables { tables, schema } => {
                tables::bring(self, &self.inside(temporary), tables, schema).await?;
            }
            Destination::InPlace { cut_off } => {
                restored.kept = Some(place::swap(self, temporary, cut_off).await?);
            }
        }
        reach("restore-published").await;
        Ok(restored)
    }

    /// What is beside rows and schema: statistics, the database's owner, settings and privileges.
    async fn finish(&self, session: Session, temporary: &Temporary, restored: &mut Restored) {
        self.control.say(0, 0, "restore: collecting statistics".to_owned());
        let analyzed = tokio::time::timeout(ANALYZE, session.client.batch_execute("ANALYZE")).await;
        if !matches!(analyzed, Ok(Ok(()))) {
            restored.notes.push("statistics were not collected: run ANALYZE".to_owned());
        }
        session.close().await;
        restored.notes.extend(self.server.dress(&temporary.name, &self.manifest.needs).await);
    }

    /// Runs a program to its end, and tells how large the database is meanwhile.
    async fn run(&self, command: Command, temporary: &Temporary) -> Result<(), Stop> {
        let began = Instant::now();
        let tell = async {
            let mut looks = interval(LOOK);
            looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                looks.tick().await;
                if let Ok(size) = self.server.size(&temporary.name).await {
                    let (seconds, of) = (began.elapsed().as_secs().max(1), self.manifest.database_bytes);
                    let (size, rate) = (amount(size), amount(size / seconds));
                    let of = amount(of);
                    self.control.say(
                        0,
                        0,
                        format!("restore: {size} on the server, about {of} before indexes, {rate}/s"),
                    );
                }
            }
        };
        let ended = tokio::select! {
            ended = child::supervise(command, self.control, (None, None)) => ended,
            never = tell => never,
        };
        match ended {
            Ended::Well(_) => Ok(()),
            Ended::Cancelled => Err(Stop::Cancelled),
            Ended::Badly(failure) => Err(Stop::failed(
                failure.message,
                "nothing that was there has changed; roles that are missing are in globals.sql of the backup",
            )),
        }
    }
}

async fn open(target: &Target) -> Result<Session, Stop> {
    connect(target, NAME).await.map_err(|error| {
        Stop::failed(error.to_string(), "nothing that was there has changed; then start it again")
    })
}
