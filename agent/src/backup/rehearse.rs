//! Migrations are tried on a copy of the database before they are run on it: forward, back, and forward again.
//!
//! The copy is a database with a temporary name on the same server: the schema of the live one, with its rows where that
//! is asked for, and with pgbelay's own tables, so that what is run there is run as on the live one. What takes the last
//! migrations back must leave the schema that was there before them. Whatever comes of it, the copy is dropped.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use pgbelay_analysis::{Catalog, FactDifference, differences};
use pgbelay_core::command::{Failure, FailureKind, Outcome, RefusedBecause, Rehearsed, StepDone};
use pgbelay_core::database::Observation;
use pgbelay_core::digest::Digest;
use pgbelay_core::job::REHEARSED;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::plan::{Direction, ExecutionSettings, Expectation};
use pgbelay_core::time::{Span, Timestamp};
use pgbelay_proto::convert::{WireCommand, WireRehearse, WireRun, WireStep};
use tokio::time::{Instant, timeout};

use super::child::{self, Ended};
use super::contents::{Contents, Needs};
use super::programs::Programs;
use super::restore::{Server, patiently};
use crate::database::{self, Control, Fault, Session, Target, connect, difference, inspect};

/// What the server's list of sessions calls these.
const NAME: &str = "pgbelay-agent rehearsal";

/// For looking at a database.
const LOOK: Duration = Duration::from_secs(120);

/// Most differences that are named.
const MOST_NAMED: usize = 3;

/// What a rehearsal is given.
#[derive(Debug, Clone, Copy)]
pub struct RehearsalRequest<'a> {
    /// The command that asks for it.
    pub command: &'a WireCommand,
    /// What to try.
    pub rehearse: &'a WireRehearse,
    /// The SQL of every step, forward and back.
    pub sql: &'a BTreeMap<Digest, String>,
    /// Where PostgreSQL's programs are; `None`: they are looked for.
    pub programs: Option<&'a Path>,
}

/// Why it did not come to its end.
enum Stop {
    Failed(Box<Failure>),
    Refused(RefusedBecause),
    Interrupted,
    Cancelled,
}

impl Stop {
    fn failed(message: impl Into<String>, hint: &str) -> Self {
        Self::Failed(Box::new(Failure {
            kind: FailureKind::Rehearsal,
            version: None,
            message: format!("rehearsal: {}", message.into()),
            hint: Some(hint.to_owned()),
            sqlstate: None,
            line: None,
            blockers: Vec::new(),
        }))
    }

    /// What is needed for a copy was not to be had.
    fn no_copy(why: impl std::fmt::Display) -> Self {
        Self::failed(
            format!("the copy could not be made: {why}"),
            "nothing was changed; the agent's user must be allowed to create databases (CREATEDB) and to make objects of \
             the roles that own them, or set rehearsal: off in the policy",
        )
    }
}

/// Tries migrations on a copy of the target's database.
///
/// Gives [`Outcome::Rehearsed`], or one of `Failed`, `Refused`, `Interrupted` and `Cancelled`. The database itself is only
/// read.
pub async fn rehearse(target: &Target, request: &RehearsalRequest<'_>, control: &Control<'_>) -> Outcome {
    let began = Instant::now();
    let tried = Box::pin(on_a_copy(target, request, control)).await;
    let (done, observation) = (Vec::new(), None);
    match tried {
        Ok((up, back)) => {
            let took = Span(i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX));
            Outcome::Rehearsed { rehearsed: Rehearsed { up, back, took } }
        }
        Err(Stop::Failed(failure)) => Outcome::Failed { done, failure: *failure, observation },
        Err(Stop::Refused(reason)) => Outcome::Refused { reason },
        Err(Stop::Interrupted) => Outcome::Interrupted { done, observation },
        Err(Stop::Cancelled) => Outcome::Cancelled { done, observation },
    }
}

/// Drops the copies that earlier lives of this agent have left.
///
/// # Errors
/// The server could not be asked, in words.
pub async fn drop_copies(target: &Target, name: &DatabaseName) -> Result<(), String> {
    // From where the agent is at home: beside the database it may have no rights, and mostly there is nothing to do.
    if !are_there(target, name).await? {
        return Ok(());
    }
    let server = Server::open(target).await.map_err(|stop| stop.words())?;
    let gone = server.drop_all(&prefix(target, name)).await;
    server.session.close().await;
    gone.map_err(|fault| fault.words())
}

async fn are_there(target: &Target, name: &DatabaseName) -> Result<bool, String> {
    let session = connect(target, NAME).await.map_err(|error| error.to_string())?;
    let sql = format!(
        "SELECT 1 FROM pg_catalog.pg_database WHERE pg_catalog.starts_with(datname, {})",
        database::literal(&prefix(target, name))
    );
    let found = session.ask(&sql).await;
    session.close().await;
    found.map(|rows| !rows.is_empty()).map_err(|fault| fault.words())
}

/// Several agents may be at one server.
fn prefix(target: &Target, name: &DatabaseName) -> String {
    let of = [name.as_str().as_bytes(), target.name.as_bytes()];
    let mark = Digest::of_parts("pgbelay rehearsal 1", of).to_string();
    format!("{REHEARSED}{}_", mark.chars().take(8).collect::<String>())
}

/// The schemas but the server's and pgbelay's own.
async fn others(session: &Session, own: &str) -> Result<Vec<String>, Fault> {
    let sql = format!(
        "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' \
         AND nspname <> {}",
        database::literal(own)
    );
    let rows = session.ask(&sql).await?;
    Ok(rows.iter().filter_map(|row| row.get(0)).map(str::to_owned).collect())
}

/// What the agent's role has set for itself in this database: it decides what SQL means as well.
async fn own_settings(session: &Session) -> Result<Vec<String>, Fault> {
    let sql = "SELECT pg_catalog.unnest(s.setconfig) FROM pg_catalog.pg_db_role_setting s \
               JOIN pg_catalog.pg_roles r ON r.oid = s.setrole JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase \
               WHERE r.rolname = CURRENT_USER AND d.datname = pg_catalog.current_database()";
    let rows = session.ask(sql).await?;
    Ok(rows.iter().filter_map(|row| row.get(0)).map(str::to_owned).collect())
}

/// What was run forward, and back.
type Tried = (Vec<StepDone>, Vec<StepDone>);

async fn on_a_copy(
    target: &Target,
    request: &RehearsalRequest<'_>,
    control: &Control<'_>,
) -> Result<Tried, Stop> {
    control.say(0, 0, "rehearsal: looking at the database".to_owned());
    let seen = timeout(LOOK, inspect(target)).await;
    let seen = seen.map_err(|_| Stop::no_copy("the database did not answer"))?.map_err(Stop::no_copy)?;
    if let Some(what) = difference(&request.rehearse.expect, &seen) {
        return Err(Stop::Refused(RefusedBecause::Moved { what }));
    }
    let session = connect(target, NAME).await.map_err(Stop::no_copy)?;
    let version = session.version;
    let mut contents = Contents::look(&session).await.map_err(|fault| Stop::no_copy(fault.words()))?;
    let own = own_settings(&session).await.map_err(|fault| Stop::no_copy(fault.words()))?;
    contents.needs.settings.extend(own);
    let schemas = others(&session, &target.schema).await.map_err(|fault| Stop::no_copy(fault.words()))?;
    let empty = (!request.rehearse.with_rows).then_some(schemas.as_slice());
    session.close().await;
    let programs = Programs::find(request.programs, version).await;
    let programs = programs.map_err(|failure| Stop::no_copy(failure.message))?;
    let server = Server::open(target).await.map_err(|stop| Stop::no_copy(stop.words()))?;
    let prefix = prefix(target, &request.command.database);
    let copy = Copy { target, request, control, name: format!("{prefix}{}", request.command.id) };
    let tried = Box::pin(copy.try_out(&server, &programs, (&prefix, &contents.needs, empty))).await;
    server.session.close().await;
    // Nobody cancels this: a copy that stays is in everybody's way.
    let name = &request.command.database;
    if let Err(why) = patiently(|| Box::pin(drop_copies(target, name))).await {
        tracing::warn!(command = %request.command.id, why, "a copy is still there: the next rehearsal drops it");
    }
    tried
}

/// A copy, and what is tried on it.
struct Copy<'a> {
    target: &'a Target,
    request: &'a RehearsalRequest<'a>,
    control: &'a Control<'a>,
    name: String,
}

impl Copy<'_> {
    fn inside(&self) -> Target {
        Target { name: self.name.clone(), ..self.target.clone() }
    }

    async fn try_out(
        &self,
        server: &Server<'_>,
        programs: &Programs,
        (prefix, needs, empty): (&str, &Needs, Option<&[String]>),
    ) -> Result<Tried, Stop> {
        let no_copy = |fault: Fault| Stop::no_copy(fault.words());
        server.drop_all(prefix).await.map_err(no_copy)?;
        if self.request.rehearse.with_rows {
            let bytes = server.size(&self.target.name).await.map_err(no_copy)?;
            server.room_for(bytes).await.map_err(|stop| Stop::no_copy(stop.words()))?;
        }
        server.create(&self.name, needs).await.map_err(no_copy)?;
        // The search path and other settings decide what SQL means. What could not be given shows in the schema.
        let notes = server.dress(&self.name, needs).await;
        if !notes.is_empty() {
            tracing::info!(notes = notes.join("; "), "the copy is not in all like the database");
        }
        self.fill(programs, empty).await?;
        self.cut_off().await?;
        Box::pin(self.there_and_back()).await
    }

    async fn fill(&self, programs: &Programs, empty: Option<&[String]>) -> Result<(), Stop> {
        let what = if self.request.rehearse.with_rows { "the database" } else { "the schema" };
        self.control.say(0, 0, format!("rehearsal: copying {what}"));
        let (dump, restore) = child::copy_of_database(programs, self.target, &self.inside(), empty);
        match child::pipe(dump, restore, self.control).await {
            Ended::Well(_) => Ok(()),
            Ended::Cancelled => Err(Stop::Cancelled),
            Ended::Badly(failure) => Err(Stop::no_copy(failure.message)),
        }
    }

    /// Without user mappings nobody comes from the copy to the servers that the database works with.
    async fn cut_off(&self) -> Result<(), Stop> {
        let session = connect(&self.inside(), NAME).await.map_err(Stop::no_copy)?;
        let no_copy = |fault: Fault| Stop::no_copy(fault.words());
        let sql = "SELECT CASE WHEN umuser = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(usename) END, \
                   pg_catalog.quote_ident(srvname) FROM pg_catalog.pg_user_mappings";
        for row in session.ask(sql).await.map_err(no_copy)? {
            if let Some((user, server)) = row.get(0).zip(row.get(1)) {
                let drops = format!("DROP USER MAPPING FOR {user} SERVER {server}");
                session.tell(&drops).await.map_err(no_copy)?;
            }
        }
        session.close().await;
        Ok(())
    }

    /// Forward; what can be taken back, back and forward again. What is repeatable comes last, as in a run, and has no way
    /// back; once it is there, what can be taken back must still go.
    async fn there_and_back(&self) -> Result<Tried, Stop> {
        let WireRehearse { up, back, .. } = self.request.rehearse;
        let repeated = up.iter().rev().take_while(|step| step.repeatable).count();
        let (up, repeated) = up.split_at(up.len() - repeated);
        let (stays, goes) = up.split_at(up.len().saturating_sub(back.len()));
        let first = self.look().await?;
        let (mut done, before) = self.run((stays, Direction::Up, "1"), first).await?;
        let schema_before = self.catalog().await;
        let (again, after) = self.run((goes, Direction::Up, "2"), before.clone()).await?;
        done.extend(again);
        if back.is_empty() {
            let (again, _) = self.run((repeated, Direction::Up, "3"), after).await?;
            done.extend(again);
            return Ok((done, Vec::new()));
        }
        let schema_after = self.catalog().await;
        let (taken_back, once_more) = self.run((back, Direction::Down, "3"), after.clone()).await?;
        let what = "the rollback SQL leaves another schema than there was before";
        self.must_be_same((&before, schema_before), &once_more, what).await?;
        let (_, last) = self.run((goes, Direction::Up, "4"), once_more).await?;
        let what = "run again after its rollback, it leaves another schema than the first time";
        self.must_be_same((&after, schema_after), &last, what).await?;
        if !repeated.is_empty() {
            let (again, last) = self.run((repeated, Direction::Up, "5"), last).await?;
            done.extend(again);
            self.run((back, Direction::Down, "6"), last).await?;
        }
        Ok((done, taken_back))
    }

    async fn look(&self) -> Result<Observation, Stop> {
        let seen = timeout(LOOK, inspect(&self.inside())).await;
        seen.map_err(|_| Stop::no_copy("it did not answer"))?.map_err(Stop::no_copy)
    }

    async fn run(
        &self,
        (steps, direction, pass): (&[WireStep], Direction, &str),
        seen: Observation,
    ) -> Result<(Vec<StepDone>, Observation), Stop> {
        if steps.is_empty() {
            return Ok((Vec::new(), seen));
        }
        let run = WireRun {
            direction,
            steps: steps.to_vec(),
            expect: Expectation::from(&seen),
            backup: None,
            // How far copying makes standbys lag behind says nothing of the migrations.
            settings: ExecutionSettings { replication_lag: None, ..self.request.rehearse.settings.clone() },
            resolution: None,
            locks: Vec::new(),
        };
        // Each pass is a run of its own there.
        let id = format!("{}-{pass}", self.request.command.id);
        let id = id.parse().map_err(|_| Stop::no_copy("its name is too long"))?;
        // Copying takes its time: that the rehearsal was begun in time counts.
        let not_after = Timestamp(i64::MAX);
        let command = WireCommand { id, not_after, ..self.request.command.clone() };
        let outcome =
            Box::pin(database::run(&self.inside(), &command, &run, self.request.sql, self.control)).await;
        match outcome {
            Outcome::Ran { done, observation } => Ok((done, observation)),
            Outcome::Failed { failure, .. } => Err(Stop::Failed(Box::new(on_the_copy(failure, direction)))),
            Outcome::Cancelled { .. } => Err(Stop::Cancelled),
            Outcome::Interrupted { .. } => Err(Stop::Interrupted),
            Outcome::Unsettled { statement, .. } => Err(Stop::failed(
                format!("{} of migration {} was cut off on the copy", statement.what, statement.version),
                "nothing was changed: retry the rollout",
            )),
            Outcome::Unknown { why } => Err(Stop::failed(
                why,
                "nothing was changed: see that the server answers, then retry the rollout",
            )),
            Outcome::Refused { reason } => Err(Stop::failed(
                format!("it could not be run on the copy: {reason}"),
                "nothing was changed: see the agent's log",
            )),
            Outcome::BackedUp { .. } | Outcome::Verified { .. } | Outcome::Rehearsed { .. } => {
                Err(Stop::failed("it came to another end than a run", "see the agent's log"))
            }
        }
    }

    /// To tell what is different; that something is, the fingerprint tells.
    async fn catalog(&self) -> Option<Catalog> {
        timeout(LOOK, database::catalog::read_target(&self.inside())).await.ok()?.ok()
    }

    async fn must_be_same(
        &self,
        (wanted, schema): (&Observation, Option<Catalog>),
        seen: &Observation,
        what: &str,
    ) -> Result<(), Stop> {
        if wanted.fingerprint == seen.fingerprint {
            return Ok(());
        }
        let names = match schema.zip(self.catalog().await) {
            Some((before, after)) => named(&differences(&before, &after)),
            None => String::new(),
        };
        let hint = "nothing was changed: correct the migration or its rollback SQL, push it and plan again";
        Err(Stop::failed(format!("{what}{names}"), hint))
    }
}

/// The first differences, in words.
fn named(all: &[FactDifference]) -> String {
    let words: Vec<_> = all.iter().take(MOST_NAMED).map(ToString::to_string).collect();
    let more = all.len().saturating_sub(MOST_NAMED);
    match (words.is_empty(), more) {
        (true, _) => String::new(),
        (false, 0) => format!(": {}", words.join("; ")),
        (false, more) => format!(": {}; and {more} more", words.join("; ")),
    }
}

/// What a failure on the copy says of the migration.
fn on_the_copy(failure: Failure, direction: Direction) -> Failure {
    let back = match direction {
        Direction::Up => "",
        Direction::Down => " on its way back",
    };
    let version =
        failure.version.as_ref().map(|version| format!("migration {version} failed on a copy{back}: "));
    // What else went wrong has its own way on: a lock, a connection, a busy server.
    let is_wrong = matches!(failure.kind, FailureKind::Sql | FailureKind::NotTransactional);
    let correct = "nothing was changed: correct the migration or its rollback SQL, push it and plan again";
    Failure {
        kind: FailureKind::Rehearsal,
        message: format!("rehearsal: {}{}", version.unwrap_or_default(), failure.message),
        hint: if is_wrong { Some(correct.to_owned()) } else { failure.hint.clone() },
        ..failure
    }
}
