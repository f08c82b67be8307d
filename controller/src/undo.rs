//! Takes back what a rollout did when too much of it failed, where policy wants that: makes the plan and starts it.
//!
//! What it remembers is when to try again; all else is in the state, so that a restart needs no code of its own.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pgbelay_core::decide::undo_wanted;
use pgbelay_core::event::{Actor, Event};
use pgbelay_core::plan::PlanId;
use pgbelay_core::request::Request;
use pgbelay_core::rollout::{Confirmation, RolloutId};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::rpc::Services;

/// How long after a try that failed comes the next one. One value, so that tests can wait for less.
#[derive(Debug, Clone, Copy)]
pub struct UndoTiming {
    /// Between two tries: an agent that was away may be back.
    pub retry: Duration,
    /// After so many tries a person is asked.
    pub tries: u32,
}

impl Default for UndoTiming {
    fn default() -> Self {
        Self { retry: Duration::from_secs(10), tries: 12 }
    }
}

/// Takes back what rollouts did. What it has begun ends with it.
pub struct Undoer {
    services: Services,
    timing: UndoTiming,
    known: Arc<Mutex<HashMap<RolloutId, Try>>>,
    stop: CancellationToken,
    _stop: DropGuard,
}

/// How far a rollout is.
#[derive(Debug, Clone, Copy)]
struct Try {
    tries: u32,
    /// Not before this moment again; `None`: it is under way.
    not_before: Option<Instant>,
}

impl Undoer {
    /// Nothing is begun yet.
    #[must_use]
    pub fn new(services: Services, timing: UndoTiming) -> Self {
        let stop = CancellationToken::new();
        Self { services, timing, known: Arc::default(), stop: stop.clone(), _stop: stop.drop_guard() }
    }

    /// Tries to take back what a rollout did, unless that is under way or has just failed.
    pub fn undo(&self, rollout: RolloutId) {
        let mut known = lock(&self.known);
        let entry =
            known.entry(rollout.clone()).or_insert(Try { tries: 0, not_before: Some(Instant::now()) });
        if entry.not_before.is_none_or(|at| Instant::now() < at) {
            return;
        }
        (entry.tries, entry.not_before) = (entry.tries + 1, None);
        let is_last = entry.tries >= self.timing.tries;
        drop(known);
        let (services, known, retry) = (self.services.clone(), Arc::clone(&self.known), self.timing.retry);
        let work = async move {
            let Err(why) = Box::pin(attempt(&services, &rollout)).await else {
                lock(&known).remove(&rollout);
                return;
            };
            tracing::warn!(%rollout, why, "what a rollout did could not be taken back by itself");
            if is_last {
                give_up(&services, &rollout, why).await;
                lock(&known).remove(&rollout);
            } else if let Some(entry) = lock(&known).get_mut(&rollout) {
                entry.not_before = Some(Instant::now() + retry);
            }
        };
        let stop = self.stop.clone();
        tokio::spawn(async move {
            let _ = stop.run_until_cancelled(work).await;
        });
    }
}

/// Makes the plan and starts it; why not, in words.
async fn attempt(services: &Services, id: &RolloutId) -> Result<(), String> {
    let state = services.state().map_err(|status| words(&status))?;
    let rollout = state.rollout(id).map_err(|refusal| refusal.to_string())?;
    let Some(goal) = undo_wanted(&state, rollout) else { return Ok(()) };
    let environment = rollout.environment.clone();
    let (plan, _) = services.plan(&Actor::Controller, &environment, &goal).await.map_err(|s| words(&s))?;
    start(services, plan).await
}

async fn start(services: &Services, plan: PlanId) -> Result<(), String> {
    let state = services.state().map_err(|status| words(&status))?;
    let known = state.plan(&plan).map_err(|refusal| refusal.to_string())?;
    let (sizes, looks) = services.look_at_plan(&state, &known.plan).await.map_err(|status| words(&status))?;
    let acknowledged = BTreeSet::new();
    let ask = Request::StartRollout { plan, confirmation: Confirmation::None, acknowledged, sizes, looks };
    let granted = services.controller.ask(Actor::Controller, ask).await.map_err(|error| error.to_string())?;
    let started = granted.events.iter().find_map(|event| {
        if let Event::RolloutStarted { rollout, .. } = event { Some(rollout) } else { None }
    });
    tracing::info!(rollout = started.map(ToString::to_string), "what a rollout did is taken back");
    Ok(())
}

async fn give_up(services: &Services, rollout: &RolloutId, why: String) {
    let ask = Request::GiveUpUndo { rollout: rollout.clone(), why };
    if let Err(error) = services.controller.ask(Actor::Controller, ask).await {
        tracing::error!(%rollout, %error, "that nothing is taken back could not be recorded");
    }
}

/// One line.
fn words(status: &tonic::Status) -> String {
    status.message().lines().next().unwrap_or_default().to_owned()
}

fn lock(known: &Mutex<HashMap<RolloutId, Try>>) -> MutexGuard<'_, HashMap<RolloutId, Try>> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}
