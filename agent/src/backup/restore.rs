//! A backup comes back: into a new database, some of its tables beside the others, in place of the database itself, or
//! only to prove that it does.
//!
//! Everything goes into a database with a temporary name first, and is compared with the backup there: the schema's
//! fingerprint, and the rows of each table. Only then it gets its proper name, in one transaction: what has a proper
//! name is whole. Whatever stops it before that drops the temporary database; what was there before is as it was.

use std::path::Path;
use std::time::Duration;

use pgbelay_analysis::bytes_in_words as amount;
use pgbelay_core::job::{Destination, JobEnd, JobId, Restored};
use pgbelay_core::name::DatabaseName;
use pgbelay_core::time::Span;
use pgbelay_proto::convert::WireJob;
use tokio::process::Command;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::child::{self, Ended};
use super::manifest::{DUMP_DIR, Manifest};
use super::programs::Programs;
use super::verify;
use crate::database::{Control, Fault, Session, Target, connect, observe};
use crate::failpoint::reach;
use compare::Compared;
use server::{Server, Temporary};

mod compare;
mod place;
mod rows;
mod server;
mod tables;

pub use server::Mark;

/// What the server's list of sessions calls these.
const NAME: &str = "pgbelay-agent restore";

/// Most sessions of pg_restore.
const MOST_JOBS: usize = 8;

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
}

/// Why nothing was restored.
#[derive(Debug)]
enum Stop {
    Failed { message: String, hint: String, problems: Vec<String> },
    Cancelled,
}

impl Stop {
    fn failed(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), hint: hint.into(), problems: Vec::new() }
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

/// Drops what restores of an earlier process of this agent left, and tells whether one of them had come to its end.
///
/// # Errors
/// The server could not be asked, in words.
pub async fn recover(target: &Target, name: &DatabaseName, job: &JobId) -> Result<Option<Mark>, String> {
    let server = Server::open(target).await.map_err(|stop| words(&stop))?;
    let cleared = server.drop_leftovers(name).await;
    let mark = server.mark_of(job).await;
    server.session.close().await;
    cleared.map_err(|fault| fault.words())?;
    mark.map_err(|fault| fault.words())
}

fn words(stop: &Stop) -> String {
    match stop {
        Stop::Failed { message, .. } => message.clone(),
        Stop::Cancelled => "cancelled".to_owned(),
    }
}

async fn make(
    target: &Target,
    request: &RestoreRequest<'_>,
    control: &Control<'_>,
) -> Result<Restored, Stop> {
    let job = request.job;
    control.say(0, 0, "restore: reading the backup".to_owned());
    let directory = Path::new(&job.path);
    let problems = tokio::select! {
        () = control.cancel.cancelled() => return Err(Stop::Cancelled),
        problems = verify(directory, job.sha256, request.ca_pem) => problems,
    };
    if let Some(first) = problems.first() {
        let message = format!("the backup is not whole, so nothing was restored: {first}");
        let hint = "restore another one: pgbelay backup list".to_owned();
        return Err(Stop::Failed { message, hint, problems });
    }
    let manifest = Manifest::read(directory).map_err(|error| {
        Stop::failed(format!("the manifest cannot be read: {error}"), "see the agent's log")
    })?;
    if manifest.database != request.name.as_str() {
        return Err(Stop::failed(
            format!("the backup is of {}, and this is {}", manifest.database, request.name),
            "name a backup of this database: pgbelay backup list",
        ));
    }
    let server = Server::open(target).await?;
    let programs = Programs::find(request.programs, server.session.version).await;
    let programs =
        programs.map_err(|failure| Stop::failed(failure.message, failure.hint.unwrap_or_default()))?;
    may_be_restored(&server, &manifest, &job.into).await?;
    server.room(&manifest).await?;
    let temporary = server.make(request.name, &job.id, &manifest).await?;
    reach("restore-made").await;
    let work = Work { target, request, control, server: &server, manifest: &manifest, programs: &programs };
    let made = tokio::select! {
        () = control.cancel.cancelled() => Err(Stop::Cancelled),
        made = Box::pin(work.fill_and_publish(&temporary, directory)) => made,
    };
    if made.is_err() || matches!(job.into, Destination::Scratch | Destination::Tables { .. }) {
        // The next start of the agent drops what cannot be dropped now.
        if let Err(fault) = server.drop(&temporary.name).await {
            tracing::warn!(
                database = temporary.name,
                why = fault.words(),
                "a temporary database is still there"
            );
        }
    }
    server.session.close().await;
    made
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
    async fn fill_and_publish(&self, temporary: &Temporary, directory: &Path) -> Result<Restored, Stop> {
        let archive = directory.join(DUMP_DIR);
        let into = &self.request.job.into;
        let target = Target { name: temporary.name.clone(), ..self.target.clone() };
        let jobs = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_JOBS);
        let all = child::restore(self.programs, &target, &archive, jobs);
        self.run(all, temporary).await?;
        self.control.say(0, 0, "restore: comparing with the backup".to_owned());
        let expected = rows::in_archive(self.programs, &archive).await?;
        let session = open(&target).await?;
        let compared = compare::compare(&session, &expected, self.manifest, &self.target.schema).await?;
        let Compared { counted, sampled, rows, schema_not_compared } = compared;
        let mut restored = Restored {
            location: temporary.name.clone(),
            kept: None,
            counted,
            sampled,
            rows,
            schema_not_compared,
            notes: Vec::new(),
            took: Span(0),
            observation: None,
        };
        reach("restore-compared").await;
        match into {
            Destination::Scratch => {
                session.close().await;
                restored.location = String::new();
            }
            Destination::New { name } => {
                self.finish(session, temporary, &mut restored).await?;
                self.server.rename(&temporary.name, name).await?;
                reach("restore-published").await;
                restored.location = name.clone();
            }
            Destination::Tables { tables, schema } => {
                session.close().await;
                tables::bring(self, &target, tables, schema).await?;
                reach("restore-published").await;
                restored.location = format!("{}, schema {schema}", self.target.name);
            }
            Destination::InPlace { cut_off } => {
                self.finish(session, temporary, &mut restored).await?;
                let kept = place::swap(self, temporary, cut_off).await?;
                reach("restore-published").await;
                restored.location = self.target.name.clone();
                restored.kept = Some(kept);
                restored.observation = Some(Box::new(self.look().await?));
            }
        }
        Ok(restored)
    }

    /// What is beside rows and schema: statistics, the database's owner, settings and privileges.
    async fn finish(
        &self,
        session: Session,
        temporary: &Temporary,
        restored: &mut Restored,
    ) -> Result<(), Stop> {
        self.control.say(0, 0, "restore: collecting statistics".to_owned());
        let analyzed = tokio::time::timeout(ANALYZE, session.client.batch_execute("ANALYZE")).await;
        if !matches!(analyzed, Ok(Ok(()))) {
            restored.notes.push("statistics were not collected: run ANALYZE".to_owned());
        }
        session.close().await;
        restored.notes.extend(self.server.dress(&temporary.name, self.manifest).await);
        Ok(())
    }

    async fn look(&self) -> Result<pgbelay_core::database::Observation, Stop> {
        let session = open(self.target).await?;
        let seen = observe(&session, &self.target.schema).await;
        session.close().await;
        seen.map_err(|error| {
            Stop::failed(
                format!("the database was put in its place, and cannot be read: {error}"),
                "see that it answers; the agent tells the controller about it when it is started anew",
            )
        })
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
