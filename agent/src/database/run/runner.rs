//! The steps of a run, one after the other, with their tries.

use std::collections::BTreeSet;
use std::time::Duration;

use pgbelay_core::command::{Failure, FailureKind, Outcome, RefusedBecause, StepDone};
use pgbelay_core::database::Observation;
use pgbelay_core::plan::ExecutionSettings;
use pgbelay_core::time::Span;
use rand::Rng as _;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Control, Ending, InspectError, Ready, Session, Target, Watcher, WireCommand, WireRun, failure, observe,
    settle, unreadable,
};
use crate::database::fault::Loss;
use crate::database::old_table::Old;
use crate::database::opening::{Next, Opened};
use crate::database::prepared;
use crate::database::records::Doing;
use crate::database::script::of_step;
use crate::database::session::OWN_PATH;
use crate::database::step::{Among, Part, Then, Tried, try_part};
use crate::database::tally::Tally;
use crate::database::transaction::{Limits, Stop, Worker, duration};
use crate::failpoint::reach;

mod alone;
mod disk;
mod others;
mod pieced;

/// The pause before a step is tried again is drawn from nothing up to this, doubled with each try.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The longest such pause: a blocker that leaves is noticed soon after.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Of so many steps, the report tells all that was observed.
const FEW_STEPS: usize = 100;

/// How often a run gets a new connection for one step. A network that fails more often needs a person.
const MOST_LOST: u32 = 3;

/// Errors that go away by themselves: the lock was not to be had, a deadlock, a conflict with another transaction.
const PASSING: [&str; 3] = ["55P03", "40P01", "40001"];

/// A run under way. The session holds the migrators' lock.
pub(super) struct Runner<'a> {
    pub(super) target: &'a Target,
    pub(super) command: &'a WireCommand,
    pub(super) run: &'a WireRun,
    pub(super) control: &'a Control<'a>,
    pub(super) session: Session,
    /// The life of the server in which the run began, where that is known.
    pub(super) life: Option<String>,
    /// The migrations that had begun before.
    pub(super) begun: BTreeSet<String>,
    pub(super) watcher: Watcher<'a>,
    pub(super) done: Vec<StepDone>,
    /// What was seen of the step that runs.
    pub(super) tally: Tally,
    /// Where the WAL was before the statement that stands alone.
    pub(super) lsn: String,
    /// The history table of the tool that the migrations come from.
    pub(super) old: Option<Old>,
    /// Since when no COMMIT has waited for the disk.
    pub(super) unwaited: Option<Instant>,
    /// Whether anything was committed since what is there was last read.
    pub(super) wrote: bool,
    /// The transaction that was opened for the next step.
    pub(super) opened: Option<Opened>,
}

/// Why a part of a step is not done.
enum Broken {
    /// The connection was lost: the database has to be asked.
    Lost(Loss),
    /// The run ends.
    Ended(Ending),
}

impl From<Ending> for Broken {
    fn from(ending: Ending) -> Self {
        Self::Ended(ending)
    }
}

/// What the parts of a step took.
#[derive(Debug, Clone, Copy, Default)]
struct Took {
    time: Duration,
    retries: u32,
}

impl Runner<'_> {
    /// Runs every step, then looks at the database.
    pub(super) async fn run(mut self, ready: &[Ready]) -> Outcome {
        let mut ending = Ending::Ran;
        for (at, step) in ready.iter().enumerate() {
            match Box::pin(self.step(step, ready.get(at + 1))).await {
                Ok(done) => self.done.push(done),
                Err(stopped) => {
                    ending = stopped;
                    break;
                }
            }
        }
        self.finish(ending).await
    }

    fn say(&self, doing: String) {
        self.control.say(self.done.len(), self.run.steps.len(), doing);
    }

    /// May a transaction start?
    fn may_start(&self) -> Result<(), Ending> {
        match () {
            () if self.control.cancel.is_cancelled() => Err(Ending::Cancelled),
            () if !(self.control.lease)() => Err(Ending::Interrupted),
            () => Ok(()),
        }
    }

    /// Runs one step; `next` comes after it.
    async fn step(&mut self, ready: &Ready, next: Option<&Ready>) -> Result<StepDone, Ending> {
        self.tally = Tally::default();
        self.standbys(ready).await?;
        // Also a file that fits into one transaction since it was mended: some of it is done.
        if !ready.is_one_transaction() || self.begun.contains(ready.step.version.as_str()) {
            return self.pieced(ready).await;
        }
        let part = Part { settings: Vec::new(), statements: &ready.script.statements, then: Then::Record };
        let mut lost = 0;
        loop {
            let tried_at = Instant::now();
            let loss = match self.transact(ready, &part, next).await {
                Ok(took) => {
                    return Ok(self.step_done(ready, Took { retries: took.retries + lost, ..took }));
                }
                Err(Broken::Ended(ending)) => return Err(ending),
                Err(Broken::Lost(loss)) => loss,
            };
            lost += 1;
            if let Some(done) = self.reconnect(ready, &loss).await? {
                return Ok(done);
            }
            // The records prove that nothing of it happened, and nothing of the lost session is left.
            if let Some(not) = self.not_again(&loss, lost).await {
                let hint =
                    "nothing of this migration was changed; look at the server's log, then run it again";
                let failed = Box::new(failure(FailureKind::Connection, not, hint));
                let failed = of_step(&ready.step, failed);
                self.note(&self.doing(ready, lost - 1), Some(&failed), tried_at).await;
                return Err(Ending::Failed(failed));
            }
            self.tally = Tally::default();
        }
    }

    fn step_done(&self, ready: &Ready, took: Took) -> StepDone {
        let time = Span(i64::try_from(took.time.as_millis()).unwrap_or(i64::MAX));
        // The record has all of it; a report of thousands of steps has what would be missed.
        let told = self.run.steps.len() <= FEW_STEPS || self.tally.is_notable();
        let observed = told.then(|| Box::new(self.tally.observed()));
        StepDone { version: ready.step.version.clone(), took: time, retries: took.retries, observed }
    }

    /// Runs a transaction of a step: tries it until it is done, fails for good, or the budget is used up. `next`: the step
    /// for which another transaction may be opened with it.
    async fn transact(
        &mut self,
        ready: &Ready,
        part: &Part<'_>,
        next: Option<&Ready>,
    ) -> Result<Took, Broken> {
        let began = Instant::now();
        let budget = duration(self.run.settings.lock_budget);
        let seen = self.tally.clone();
        let mut retries = 0;
        loop {
            // What only writes down what has happened is always written.
            if !part.statements.is_empty() {
                self.may_start()?;
                self.say(ready.title());
                self.others(ready, began, budget).await?;
                reach("before-intent").await;
            }
            let tried_at = Instant::now();
            let left = budget.saturating_sub(began.elapsed());
            let stop = match self.try_once(ready, part, (retries, left), next).await {
                Tried::Committed { later, opened } => {
                    (self.wrote, self.opened) = (true, opened);
                    self.unwaited = later.then(|| self.unwaited.unwrap_or(tried_at));
                    let took = Took { time: tried_at.elapsed(), retries };
                    if !matches!(part.then, Then::Write(_)) {
                        reach("after-commit").await;
                    }
                    return Ok(took);
                }
                Tried::Lost(loss) => return Err(Broken::Lost(loss)),
                Tried::RolledBack(stop) => stop,
            };
            let failure = match stop {
                Stop::Failed(failure) => failure,
                other @ (Stop::Cancelled | Stop::Stale { .. } | Stop::Lost(_)) => {
                    if matches!(other, Stop::Cancelled) {
                        self.note(&self.doing(ready, retries), None, tried_at).await;
                    }
                    return Err(self.stopped(other).into());
                }
            };
            if retries == 0 && is_not_prepared(&failure) {
                retries += 1;
                self.tally.go_back_to(&seen);
                continue;
            }
            let pause = pause(retries);
            if !is_passing(&failure) || began.elapsed() + pause >= budget {
                let failure =
                    of_step(&ready.step, told(failure, retries, began.elapsed(), &self.run.settings));
                self.note(&self.doing(ready, retries), Some(&failure), tried_at).await;
                return Err(Ending::Failed(failure).into());
            }
            retries += 1;
            self.tally.go_back_to(&seen);
            self.say(waiting_again(ready, retries, &failure));
            self.sleep(pause).await;
        }
    }

    /// Sleeps, but not when the run was cancelled.
    async fn sleep(&self, pause: Duration) {
        tokio::select! {
            () = sleep(pause) => {}
            () = self.control.cancel.cancelled() => {}
        }
    }

    /// The limits of a try, with so much left of the budget.
    fn limits_of_try(&self, ready: &Ready, (retries, left): (u32, Duration)) -> Limits {
        let settings = Limits::of(&self.run.settings);
        // The last wait ends with the budget.
        let most = settings.longest_lock.min(left.max(Duration::from_millis(1)));
        let lock = if self.waits_outside(ready) { others::first_wait(retries, most) } else { most };
        Limits { lock, longest_lock: most, ..settings }
    }

    /// The step for which a transaction may be opened beforehand: one that is sent as soon as the one before is done.
    fn next<'r>(&self, ready: Option<&'r Ready>) -> Option<Next<'r>> {
        let at_once = |ready: &&Ready| {
            ready.is_one_transaction()
                && !self.begun.contains(ready.step.version.as_str())
                && self.run.settings.replication_lag.is_none()
        };
        let ready = ready.filter(at_once)?;
        let limits = self.limits_of_try(ready, (0, duration(self.run.settings.lock_budget)));
        Next::of(ready.step.direction, &ready.script.statements, limits)
    }

    /// Rolls back what was opened beforehand: nobody is to wait for it.
    async fn roll_back_opened(&mut self) {
        if self.opened.take().is_some() {
            self.session.roll_back().await;
        }
    }

    async fn try_once(
        &mut self,
        ready: &Ready,
        part: &Part<'_>,
        (retries, left): (u32, Duration),
        next: Option<&Ready>,
    ) -> Tried {
        let limits = self.limits_of_try(ready, (retries, left));
        // What only writes down what has happened is never cancelled.
        let unstoppable = CancellationToken::new();
        let control = self.control;
        let cancel = if part.statements.is_empty() { &unstoppable } else { control.cancel };
        let among =
            Among { opened: self.opened.take(), next: self.next(next), later: self.may_come_to_disk_later() };
        let (waiting, doing) = (
            waiting(control, ready, (self.done.len(), self.run.steps.len())),
            doing((self.target, self.old.as_ref()), self.command, self.run, ready, retries),
        );
        let mut worker = Worker {
            session: &self.session,
            watcher: &mut self.watcher,
            cancel,
            limits,
            settings: &self.run.settings,
            tally: &mut self.tally,
            waiting: &waiting,
        };
        try_part(&mut worker, &doing, part, among).await
    }

    fn doing<'r>(&'r self, ready: &'r Ready, retries: u32) -> Doing<'r> {
        doing((self.target, self.old.as_ref()), self.command, self.run, ready, retries)
    }

    fn stopped(&self, stop: Stop) -> Ending {
        match stop {
            Stop::Cancelled => Ending::Cancelled,
            Stop::Failed(failure) => Ending::Failed(failure),
            Stop::Lost(loss) => Ending::Unknown(loss.why),
            // With steps recorded, what is recorded matters more than why the rest is not.
            Stop::Stale { seen } if self.done.is_empty() => {
                Ending::Refused(RefusedBecause::StaleFence { seen })
            }
            Stop::Stale { .. } => Ending::Interrupted,
        }
    }

    /// Why a step that was cut off is not tried again by itself; `None`: it is. A network that failed says nothing of the
    /// migration. Somebody who ended the session meant it, and a server that went down may do so again: then it is a
    /// person's turn.
    async fn not_again(&self, loss: &Loss, lost: u32) -> Option<String> {
        let life = self.session.life().await.ok();
        let because = match () {
            () if life.is_none() || life != self.life => "; the server was restarted, or crashed, meanwhile",
            () if loss.meant => "; somebody ended the session",
            () if lost > MOST_LOST => "",
            () => return None,
        };
        let times = if lost > 1 { format!("{lost} times, ") } else { String::new() };
        Some(format!("the connection was lost {times}before the migration was committed: {loss}{because}"))
    }

    /// Gets a new session, once nothing of the lost one is left; the step, if it is recorded.
    async fn reconnect(&mut self, ready: &Ready, loss: &Loss) -> Result<Option<StepDone>, Ending> {
        let why = &loss.why;
        tracing::warn!(why, step = ready.title(), "the connection was lost; reading what is recorded");
        self.say(format!("{}: the connection was lost; reading what is recorded", ready.title()));
        self.session.abandon();
        let settled = match Box::pin(settle(self.target, self.command)).await {
            Ok(settled) => settled,
            Err(error) => {
                let what = format!("the connection was lost during {} ({why})", ready.title());
                return Err(Ending::Unknown(format!(
                    "{what}, and the records could not be read since: {error}"
                )));
            }
        };
        self.session = settled.session;
        // Where steps are found, they are on disk by now, and pieces with them.
        self.wrote &= settled.done.is_empty();
        (self.unwaited, self.opened) = (None, None);
        self.still_recorded(&settled.done).map_err(|failed| Ending::Failed(of_step(&ready.step, failed)))?;
        let done = settled.done.into_iter().find(|done| done.version == ready.step.version);
        if done.is_some() {
            // What comes next begins in this life of the server.
            self.life = self.session.life().await.ok();
        }
        Ok(done)
    }

    /// Keeps an attempt that was rolled back. The rollback is what counts; this is for the record.
    async fn note(&self, doing: &Doing<'_>, failure: Option<&Failure>, tried_at: Instant) {
        let outcome = if failure.is_some() { "failed" } else { "cancelled" };
        let sql = doing.attempt_in_vain(outcome, failure, tried_at.elapsed());
        let sql = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; \
             RESET ALL; {OWN_PATH}; SET LOCAL lock_timeout = '2s'; SET LOCAL synchronous_commit = off; {sql}; COMMIT"
        );
        if let Err(fault) = self.session.tell(&sql).await {
            tracing::warn!(why = fault.words(), "an attempt that was rolled back could not be kept");
            // If this fails as well, the session is gone, and with it the transaction.
            let _ = self.session.tell("ROLLBACK").await;
        }
    }

    async fn finish(mut self, ending: Ending) -> Outcome {
        if let Ending::Refused(reason) = ending {
            self.session.close().await;
            return Outcome::Refused { reason };
        }
        let ending = Box::pin(self.on_disk(ending)).await;
        if let Ending::Unknown(why) = ending {
            return Outcome::Unknown { why };
        }
        self.say("looking at the database".to_owned());
        let (ending, observation) = Box::pin(self.observe(ending)).await;
        let done = std::mem::take(&mut self.done);
        self.session.close().await;
        match (ending, observation) {
            (Ending::Ran, Some(observation)) => Outcome::Ran { done, observation },
            (Ending::Ran, None) => {
                let why =
                    "every step is committed and recorded, but the database could not be read afterwards";
                Outcome::Unknown { why: why.to_owned() }
            }
            (Ending::Failed(failure), observation) => {
                Outcome::Failed { done, failure: *failure, observation }
            }
            (Ending::Unsettled(statement), observation) => {
                Outcome::Unsettled { done, statement: *statement, observation }
            }
            // With steps recorded and no look at them, the old state would seem to be the present one.
            (Ending::Cancelled | Ending::Interrupted, None) if !done.is_empty() => Outcome::Unknown {
                why: "the run was stopped after some of its steps, and the database could not be read afterwards"
                    .to_owned(),
            },
            (Ending::Cancelled, observation) => Outcome::Cancelled { done, observation },
            (Ending::Interrupted, observation) => Outcome::Interrupted { done, observation },
            (Ending::Earlier { done, seen }, _) => Outcome::Interrupted { done, observation: Some(*seen) },
            (Ending::Refused(reason), _) => Outcome::Refused { reason },
            (Ending::Unknown(why), _) => Outcome::Unknown { why },
        }
    }

    /// The database afterwards. When everything was run, it is worth a second connection, which may find less than the
    /// first has confirmed: a standby that was not waited for has taken over.
    async fn observe(&mut self, ending: Ending) -> (Ending, Option<Observation>) {
        match observe(&self.session, &self.target.schema).await {
            Ok(seen) => return (ending, Some(seen)),
            Err(error) => tracing::warn!(%error, "the database could not be read after the run"),
        }
        if !matches!(ending, Ending::Ran | Ending::Failed(_) | Ending::Unsettled(_)) {
            return (ending, None);
        }
        self.session.abandon();
        let Ok(settled) = Box::pin(settle(self.target, self.command)).await else { return (ending, None) };
        self.session = settled.session;
        let ending = self.still_true(ending, &settled.done);
        let seen = observe(&self.session, &self.target.schema).await.ok();
        (ending, seen)
    }
}

/// What says who is waited for.
fn waiting<'c>(
    control: &'c Control<'c>,
    ready: &Ready,
    (done, total): (usize, usize),
) -> impl Fn(&[String]) + Send + Sync + use<'c> {
    let title = ready.title();
    move |blockers: &[String]| {
        let held = blockers.join(", ");
        control.say(done, total, format!("{title}: waiting for a lock held by {held}"));
    }
}

fn doing<'r>(
    (target, old): (&'r Target, Option<&'r Old>),
    command: &'r WireCommand,
    run: &'r WireRun,
    ready: &'r Ready,
    retries: u32,
) -> Doing<'r> {
    Doing { schema: &target.schema, command, run, step: &ready.step, retries, old }
}

/// A schema that could not be read in the middle of a step.
fn unread(ready: &Ready, error: InspectError) -> Broken {
    match error {
        InspectError::Lost { why, meant } => Broken::Lost(Loss { why, meant }),
        error @ (InspectError::Connect(_)
        | InspectError::Query { .. }
        | InspectError::Locked
        | InspectError::Record { .. }) => Ending::Failed(of_step(&ready.step, unreadable(&error))).into(),
    }
}

/// Whether what a migration calls has dropped the statements that pgbelay had prepared.
fn is_not_prepared(failure: &Failure) -> bool {
    failure.line.is_none() && failure.sqlstate.as_deref() == Some(prepared::NOT_THERE)
}

fn is_passing(failure: &Failure) -> bool {
    failure.sqlstate.as_deref().is_some_and(|code| PASSING.contains(&code))
}

/// Exponential, with full jitter: sessions that collide do not collide again in step.
fn pause(retries: u32) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(retries)).min(LONGEST_PAUSE);
    longest.mul_f64(rand::rng().random_range(0.0..1.0))
}

fn waiting_again(ready: &Ready, retries: u32, failure: &Failure) -> String {
    let held = match failure.blockers.as_slice() {
        [] => String::new(),
        blockers => format!(", held by {}", blockers.join(", ")),
    };
    format!("{}: the lock was not to be had{held}; try {}", ready.title(), retries + 1)
}

/// The failure of the last try, told with all tries before it.
fn told(failure: Box<Failure>, retries: u32, took: Duration, settings: &ExecutionSettings) -> Box<Failure> {
    if !is_passing(&failure) {
        return failure;
    }
    let tries = retries + 1;
    let seconds = took.as_secs_f64();
    let message = format!(
        "{} ({tries} {} in {seconds:.1} s, lock_timeout {}, lock_budget {})",
        failure.message,
        if tries == 1 { "try" } else { "tries" },
        settings.lock_timeout,
        settings.lock_budget,
    );
    let hint = "nothing was changed; let the sessions that hold the lock finish or end them, or raise lock_budget in \
                the policy";
    Box::new(Failure { message, hint: Some(hint.to_owned()), ..*failure })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_have_an_end() {
        for retries in [0, 1, 5, 40] {
            let most = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(retries)).min(LONGEST_PAUSE);
            assert!((0..100).all(|_| pause(retries) <= most));
        }
    }
}
