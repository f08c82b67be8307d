//! What opens an encrypted backup, between who asks for a restore and the agent that does it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use pgbelay_controller::fleet::{Contact, Fleet, NewSession, Outbox, Outgoing, Timing};
use pgbelay_controller::listener::ConnectionHandle;
use pgbelay_controller::views;
use pgbelay_core::access::{Certificate, Certificates};
use pgbelay_core::backup::{BackupCheck, KnownBackup};
use pgbelay_core::command::Backup;
use pgbelay_core::decide::due_proofs;
use pgbelay_core::digest::Digest;
use pgbelay_core::job::{Destination, Job, JobEnd, JobId, Restore};
use pgbelay_core::name::DatabaseName;
use pgbelay_core::policy::{BackupMethod, Policy};
use pgbelay_core::request::Request;
use pgbelay_core::state::State;
use pgbelay_core::time::{Span, Timestamp};
use pgbelay_proto::tls::Secret;
use pgbelay_proto::wire;
use pgbelay_proto::wire::controller_message::Message as Hears;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::sizes::{database, observation, release};
use super::world::{PATIENCE, Stream, World, until};

/// When the job was asked for, and when its key has not come and will not.
const ASKED: Timestamp = Timestamp(1_000);
const LATE: Timestamp = Timestamp(60_000);

/// A controller that was started anew, and one job with an encrypted backup.
struct Desk {
    fleet: Fleet,
    state: State,
    job: Job,
}

impl Desk {
    fn new() -> anyhow::Result<Self> {
        let database: DatabaseName = "orders".parse()?;
        let backup = Backup {
            path: "/backups/b1".to_owned(),
            sha256: Digest::of("dump"),
            bytes: 1,
            took: Span(1),
            method: Default::default(),
            copies: Vec::new(),
            reason: None,
            outside: None,
            sealed_key: Some("-----BEGIN AGE ENCRYPTED FILE-----".to_owned()),
        };
        let known = KnownBackup {
            database: database.clone(),
            rollout: "r1".parse()?,
            backup,
            made_at: Timestamp(0),
            checked: None,
            restored_at: None,
            looked: None,
            condemned: None,
        };
        let job = Job {
            id: "j1".parse()?,
            database: database.clone(),
            by: None,
            restore: Restore { backup: "b1".to_owned(), into: Destination::Scratch },
            started_at: ASKED,
            taken: false,
            cancelled: false,
            ended: None,
        };
        let backups = [((database, "b1".to_owned()), Arc::new(known))].into();
        let jobs = [(job.id.clone(), Arc::new(job.clone()))].into();
        let now = Instant::now();
        Ok(Self {
            fleet: Fleet::by_clock(Timing::default(), Box::new(move || Contact { at: LATE, instant: now })),
            state: State { seq: 7, backups, jobs, ..State::default() },
            job,
        })
    }

    /// An agent comes that has these jobs, and is welcomed when the ledger had so many entries.
    fn comes(&self, jobs: &[&JobId], seq: u64) -> anyhow::Result<mpsc::Receiver<Outgoing>> {
        let (outbox, outgoing) = Outbox::new();
        let new = NewSession {
            instance_id: "instance".to_owned(),
            process_id: "process".to_owned(),
            serial: "1".to_owned(),
            agent_version: "0.1.0".to_owned(),
            database_error: String::new(),
            outbox,
            place: None,
            connection: ConnectionHandle::default(),
            known: BTreeSet::new(),
            jobs: jobs.iter().map(|job| (*job).clone()).collect(),
        };
        let certificate = Certificate { serial: "1".to_owned(), not_after: Timestamp(i64::MAX) };
        let number = self.fleet.join(&self.job.database, &Certificates::new(certificate), new)?;
        let welcome = Hears::Welcome(wire::Welcome::default()).into();
        self.fleet.welcome(&self.job.database, number, (welcome, seq))?;
        Ok(outgoing)
    }

    fn ended(&self) -> Option<String> {
        let asked = self.fleet.start_job(&self.state, &self.job)?;
        if let Request::EndJob { end: JobEnd::Failed { message, .. }, .. } = asked {
            return Some(message);
        }
        Some(format!("{asked:?}"))
    }
}

#[test]
fn a_job_without_its_key_is_over_only_by_the_word_of_its_agent() -> anyhow::Result<()> {
    // The agent is away: it may have the job, with the key.
    let desk = Desk::new()?;
    assert_eq!(desk.ended(), None);
    // It has it.
    let _outgoing = desk.comes(&[&desk.job.id], 7)?;
    assert_eq!(desk.ended(), None);
    // It is gone again; and its next word is not yet in the state that is looked at.
    let desk = Desk::new()?;
    let _outgoing = desk.comes(&[], 8)?;
    assert_eq!(desk.ended(), None);
    // It does not have it.
    let desk = Desk::new()?;
    let _outgoing = desk.comes(&[], 7)?;
    let ended = desk.ended().context("it waits for ever")?;
    ensure!(
        ended.contains("the key of the backup is gone") && ended.contains("nothing was restored"),
        "{ended}"
    );
    // Nobody ends what has its key.
    desk.fleet.keep_key(desk.job.id.clone(), Secret::new("AGE-SECRET-KEY-1"));
    assert_eq!(desk.ended(), None);
    Ok(())
}

#[test]
fn status_and_drills_speak_of_the_same_backup() -> anyhow::Result<()> {
    let Desk { fleet, state, job } = Desk::new()?;
    let sealed = state.backups.values().next().context("no backup")?;
    let newer = |at: i64, method: BackupMethod, problems: &[&str]| {
        let path = format!("/backups/b{at}");
        let backup = Backup { path, method, sealed_key: None, ..sealed.backup.clone() };
        let problems = problems.iter().map(ToString::to_string).collect();
        let checked = Some(BackupCheck { at: Timestamp(at), problems, notes: Vec::new() });
        Arc::new(KnownBackup { backup, made_at: Timestamp(at), checked, ..KnownBackup::clone(sealed) })
    };
    let environment = "staging".parse()?;
    let seen = Arc::new(observation(&release()?));
    let orders = database(&job.database, &environment, &seen);
    let check = |known: Arc<KnownBackup>, takes_a_key: bool| {
        let mut state = state.clone();
        state.databases.insert(job.database.clone(), Arc::clone(&orders));
        state.backups.insert((job.database.clone(), known.id().to_owned()), known);
        let mut policy = Policy::initial(std::slice::from_ref(&environment));
        policy.environments[0].drill_every = Some(Span::hours(1));
        state.policy = Arc::new(policy);
        let view = views::fleet::Databases::new(&state, &fleet, LATE).view(&orders);
        let due = due_proofs(&state, LATE, |_| true);
        assert_eq!((view.encrypted, due.is_empty()), (takes_a_key, takes_a_key), "{due:?}");
    };
    // What cannot be proven is not what a drill is about: it would take the encrypted one.
    check(newer(2, BackupMethod::RestorePoint, &[]), true);
    check(newer(2, BackupMethod::Full, &["a part is missing"]), true);
    check(newer(2, BackupMethod::Full, &[]), false);
    Ok(())
}

/// An agent whose backups are encrypted, and its first backup.
async fn sealed(world: &World) -> anyhow::Result<(Stream, String)> {
    let mut agent = world.agent("orders", "staging").await?;
    agent.sealed_key = "-----BEGIN AGE ENCRYPTED FILE-----".to_owned();
    let mut agent = agent.connect(world).await?;
    let release = world.push(&["001"]).await?;
    let rollout = agent.start_rollout(world, "staging", &release).await?;
    agent.obey().await?;
    agent.obey().await?;
    agent.during(until("it has run", async || Ok(world.state_of(&rollout).await? == "succeeded"))).await??;
    let mut admin = world.admin().await?;
    let listed = agent.during(admin.list_backups(wire::ListBackupsRequest::default())).await??.into_inner();
    let id = listed.backups.first().context("no backup")?.id.clone();
    Ok((agent, id))
}

#[tokio::test]
async fn who_asks_and_goes_away_has_given_the_key_all_the_same() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (mut agent, backup) = sealed(&world).await?;
    let mut admin = world.admin().await?;
    let ask = wire::StartJobRequest {
        database: "orders".to_owned(),
        backup,
        into: Some(wire::Destination {
            into: Some(wire::destination::Into::Scratch(wire::destination::Scratch {})),
        }),
        key: Some(wire::BackupKey { text: "AGE-SECRET-KEY-1".to_owned() }),
    };
    // The decision waits for its disk, and whoever asked is not there any more when it is made.
    let writer = rusqlite::Connection::open(world.home.ledger())?;
    writer.execute_batch("BEGIN IMMEDIATE")?;
    let mut asking = admin.clone();
    let mut started = Box::pin(asking.start_job(ask));
    tokio::select! {
        started = &mut started => anyhow::bail!("it was answered: {started:?}"),
        // On the same connection, and after it.
        listed = admin.list_jobs(wire::ListJobsRequest::default()) => ensure!(listed?.into_inner().jobs.is_empty()),
    }
    drop(started);
    admin.list_jobs(wire::ListJobsRequest::default()).await?;
    writer.execute_batch("ROLLBACK")?;
    let job = loop {
        if let Hears::StartJob(job) = timeout(PATIENCE, agent.next()).await?? {
            break job;
        }
    };
    ensure!(job.key.as_ref().is_some_and(|key| key.text == "AGE-SECRET-KEY-1"), "{job:?}");
    Ok(())
}
