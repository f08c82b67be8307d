//! The one loop of an agent: everything that can wake it is in [`Event`], and everything that it remembers in
//! [`Dispatcher`].
//!
//! It outlives connections: work goes on, and its results wait in the journal. What it says is said after it is on
//! disk. It does nothing that takes long itself.

use std::collections::VecDeque;
use std::sync::Arc;

use pgbelay_core::time::Timestamp;
use pgbelay_proto::convert::WireCommand;
use pgbelay_proto::wire;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::jobs::Jobs;
use crate::journal::{EntryState, Journal};
use crate::session::{Incoming, Link, LinkEvent, Remembered, SqlSource};
use crate::timing::Timing;
use crate::work::{Guard, Job, JobEnd, JobTools, Site};
use heart::Heart;
use jobs::AtJob;
use lease::Lease;
use phase::Phase;

mod commands;
mod heart;
mod jobs;
mod lease;
mod phase;
mod probes;
mod rules;

/// Between two messages of progress: what a person can follow.
const PROGRESS_EVERY: std::time::Duration = std::time::Duration::from_millis(200);

/// Results that are sent in one go; more would overflow the outbox, and follow when these are acknowledged.
const REPORTS_AT_ONCE: usize = 32;

/// All that can wake the agent.
enum Event {
    /// The connection, or what was said on it.
    Link(LinkEvent),
    /// The keeper of the connection is gone.
    NoKeeper,
    /// The command in work has come to its end.
    Job(JobEnd),
    /// The job with a backup has come to its end; `None`: it broke.
    AtJob(Option<pgbelay_core::job::JobEnd>),
    /// A probe has an answer; none, if it broke.
    Probe(Option<Vec<wire::ProbeAnswer>>),
    /// It was looked whether the database answers: what is wrong, or nothing; `None`: the look broke.
    Checked(Option<String>),
    /// Time to say how far the command is.
    Progress,
    /// Time to say that all is well.
    Heartbeat,
    /// Time to say again what was not acknowledged.
    Resend,
    /// Please stop.
    Stop,
    /// The time for stopping is over.
    PhaseOver,
}

/// What a dispatcher is made of.
pub(crate) struct Parts<S> {
    pub(crate) site: Arc<S>,
    pub(crate) guard: Guard,
    pub(crate) journal: Journal,
    pub(crate) jobs: Jobs,
    pub(crate) sql: SqlSource,
    pub(crate) timing: Timing,
    pub(crate) events: mpsc::Receiver<LinkEvent>,
    pub(crate) stop: CancellationToken,
}

/// The agent's memory while it runs.
pub(crate) struct Dispatcher<S> {
    site: Arc<S>,
    guard: Guard,
    journal: Journal,
    sql: SqlSource,
    timing: Timing,
    events: mpsc::Receiver<LinkEvent>,
    stop: CancellationToken,
    phase: Phase,
    link: Option<Link>,
    lease: Lease,
    job: Option<Job>,
    /// Commands that an earlier process began.
    interrupted: VecDeque<WireCommand>,
    jobs: Jobs,
    at_job: Option<AtJob>,
    probes: JoinSet<Vec<wire::ProbeAnswer>>,
    /// A whole schema in memory, and on its way: one at a time.
    catalog_turn: Arc<Semaphore>,
    /// Held by whoever reads a backup again.
    backup_turn: Arc<Semaphore>,
    heart: Heart,
    progress: Interval,
    resend: Interval,
}

/// The keeper of the connection ended before the agent did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the task that keeps the connection to the controller is gone")]
pub struct KeeperGone;

impl<S: Site> Dispatcher<S> {
    pub(crate) fn new(parts: Parts<S>) -> Self {
        let Parts { site, guard, journal, jobs, sql, timing, events, stop } = parts;
        let in_work = |entry: &crate::journal::Entry| match &entry.state {
            EntryState::Accepted { command } => Some(WireCommand::clone(command)),
            EntryState::Finished { .. } | EntryState::Acknowledged { .. } => None,
        };
        let interrupted = journal.unacknowledged().filter_map(in_work).collect();
        let (progress, resend) = (ticking(PROGRESS_EVERY), ticking(timing.resend));
        let heart = Heart::new(&timing);
        Self {
            site,
            guard,
            journal,
            sql,
            timing,
            events,
            stop,
            phase: Phase::Serving,
            link: None,
            lease: Lease::new(),
            job: None,
            interrupted,
            jobs,
            at_job: None,
            probes: JoinSet::new(),
            catalog_turn: Arc::new(Semaphore::new(1)),
            backup_turn: Arc::new(Semaphore::new(1)),
            heart,
            progress,
            resend,
        }
    }

    /// Runs until the agent has been asked to stop and has done so.
    pub(crate) async fn run(mut self) -> Result<(), KeeperGone> {
        self.recover_next();
        self.recover_job();
        while self.phase != Phase::Over {
            let event = self.next().await;
            self.handle(event)?;
        }
        Ok(())
    }

    async fn next(&mut self) -> Event {
        let phase_over = self.phase.deadline();
        tokio::select! {
            event = self.events.recv() => event.map_or(Event::NoKeeper, Event::Link),
            end = Job::ended(&mut self.job) => Event::Job(end),
            end = AtJob::ended(&mut self.at_job) => Event::AtJob(end),
            Some(answer) = self.probes.join_next() => Event::Probe(answer.ok()),
            event = self.heart.next(), if self.link.is_some() => event,
            _ = self.progress.tick(), if (self.job.is_some() || self.at_job.is_some()) && self.link.is_some() => Event::Progress,
            _ = self.resend.tick(), if self.link.is_some() => Event::Resend,
            () = self.stop.cancelled(), if self.phase == Phase::Serving => Event::Stop,
            () = sleep_until(phase_over.unwrap_or_else(Instant::now)), if phase_over.is_some() => Event::PhaseOver,
        }
    }

    fn handle(&mut self, event: Event) -> Result<(), KeeperGone> {
        match event {
            Event::Link(event) => self.link_event(event),
            Event::NoKeeper => return Err(KeeperGone),
            Event::Job(end) => self.job_ended(end),
            Event::AtJob(end) => self.at_job_ended(end),
            Event::Probe(answer) => self.probe_answered(answer),
            Event::Checked(error) => self.database_checked(error),
            Event::Progress => {
                self.tell_progress();
                self.tell_job_progress();
            }
            Event::Heartbeat => self.beat(),
            Event::Resend => self.report_all(),
            Event::Stop => self.begin_to_stop(),
            Event::PhaseOver => self.phase_over(),
        }
        Ok(())
    }

    fn link_event(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Greeting(reply) => {
                let journal = self.journal.unacknowledged().map(|entry| wire::JournalEntry {
                    command_id: entry.id.to_string(),
                    attempt: entry.attempt,
                    finished: entry.outcome().is_some(),
                });
                // A keeper that has given up this connection asks again for the next.
                let jobs = self.jobs.ids().map(ToString::to_string).collect();
                let _ = reply.send(Remembered { journal: journal.collect(), jobs });
            }
            LinkEvent::Up(link) => self.link_up(link),
            LinkEvent::Heard(incoming) => {
                self.heard();
                self.incoming(incoming);
            }
            LinkEvent::Down => {
                self.link = None;
                // Who asked on that connection is gone with it.
                self.probes = JoinSet::new();
            }
        }
    }

    fn link_up(&mut self, link: Link) {
        self.heart.follow(link.heartbeat_every, &link.database_error);
        self.link = Some(link);
        self.heard();
        self.resend.reset();
        self.report_all();
        // The controller knows only by a word that comes after its own that this agent is there.
        self.beat();
    }

    /// Any word of the controller renews the lease.
    fn heard(&mut self) {
        if let Some(link) = &self.link {
            self.lease.extend(link.lease);
        }
    }

    fn incoming(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Command(command) => self.command(*command),
            Incoming::UnreadableCommand { id, attempt, why } => self.unreadable(&id, attempt, &why),
            Incoming::Cancel { id, attempt } => self.cancel(&id, attempt),
            Incoming::Ack { id, attempt } => self.acknowledged(&id, attempt),
            Incoming::Alive => {}
            Incoming::Job(job) => self.start_job(*job),
            Incoming::UnreadableJob { id, why } => self.unreadable_job(id, &why),
            Incoming::CancelJob(id) => self.cancel_job(&id),
            Incoming::JobAck(id) => self.jobs.forget(&id),
            Incoming::Probe { id, question } => self.probe(id, question),
            // The keeper ends the connection at once.
            Incoming::Drain { .. } => {}
            Incoming::Noise { why } => {
                tracing::warn!(why, "the controller said something that was not understood");
            }
        }
    }

    fn tools(&self) -> JobTools<S> {
        JobTools { site: Arc::clone(&self.site), guard: self.guard.clone(), sql: self.sql.clone() }
    }
}

fn now() -> Timestamp {
    clock::now()
}

fn ticking(every: std::time::Duration) -> Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
