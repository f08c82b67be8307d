//! Carries out what is outstanding. Level-triggered: it looks at the state and at who is connected, whenever either
//! has changed and every second, and does what is missing; doing it twice does no harm.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use pgbelay_core::access::Certificates;
use pgbelay_core::decide::due_proofs;
use pgbelay_core::event::Actor;
use pgbelay_core::job::JobEnd;
use pgbelay_core::outstanding::{Effect, outstanding};
use pgbelay_core::request::Request;
use pgbelay_core::rollout::{PauseReason, Rollout, RolloutState};
use pgbelay_core::state::State;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::fleet::Fleet;
use crate::keeper::Keeper;
use crate::rpc::Operators;
use crate::sequencer::{AskError, Controller};
use crate::undo::Undoer;

/// How often is looked without a change: what depends on the clock alone is late by at most this.
const TICK: Duration = Duration::from_secs(1);

/// Whoever has not looked for so long has not seen who was there, and holds that against nobody.
const STOOD_STILL: Duration = Duration::from_secs(30);

/// Requests of its own that wait together: they share commits, and leave room in the queue for everybody else.
const AT_ONCE: usize = 64;

/// What it takes to carry something out.
pub struct Effects {
    /// The way to the sequencer.
    pub controller: Controller,
    /// The agents.
    pub fleet: Fleet,
    /// The operators' connections.
    pub operators: Operators,
    /// Looks after the backups.
    pub keeper: Keeper,
    /// Takes back what rollouts did.
    pub undoer: Undoer,
}

impl Effects {
    /// Works until `shutdown`. A request that is on its way then is answered to nobody; it stands all the same.
    pub async fn run(self, shutdown: CancellationToken) {
        // Ends by itself only when the sequencer does, which is told elsewhere.
        let _ = shutdown.run_until_cancelled(self.work()).await;
    }

    async fn work(mut self) {
        let mut states = self.controller.states();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut looked: Option<Instant> = None;
        loop {
            let is_tick = tokio::select! {
                changed = states.changed() => match changed {
                    Ok(()) => false,
                    Err(_) => return,
                },
                () = self.fleet.changed() => false,
                _ = tick.tick() => true,
            };
            let Some(state) = states.borrow_and_update().clone() else { continue };
            let mut requests = heal(&self.fleet, &state);
            if is_tick {
                if looked.is_none_or(|looked| looked.elapsed() > STOOD_STILL) {
                    self.fleet.watches_anew();
                }
                looked = Some(Instant::now());
                self.sweep(&state);
                self.fleet.forget_keys(&state);
                requests.extend(self.keeper.tick(&state, (Instant::now(), clock::now())));
                requests.extend(self.proofs(&state));
                requests.extend(absences(&self.fleet, &state));
            }
            requests.extend(
                outstanding(&state, clock::now())
                    .into_iter()
                    .filter_map(|effect| self.perform(&state, effect)),
            );
            // What leaves the process has left: only what waits for the disk is waited for.
            stream::iter(requests).for_each_concurrent(AT_ONCE, |request| self.ask(request)).await;
        }
    }

    /// Carries an effect out, or says what has to be asked for it.
    fn perform(&self, state: &State, effect: Effect) -> Option<Request> {
        match effect {
            Effect::DeleteBackup { database, backup } => self.keeper.delete(database, backup),
            Effect::Undo { rollout } => self.undoer.undo(rollout),
            Effect::Disconnect { whose: Actor::Operator(name) } => self.operators.disconnect(&name),
            effect @ (Effect::Advance { .. }
            | Effect::Deliver { .. }
            | Effect::Cancel { .. }
            | Effect::StartJob { .. }
            | Effect::CancelJob { .. }
            | Effect::GiveUpJob { .. }
            | Effect::Disconnect { .. }) => return carry_out(&self.fleet, state, effect),
        }
        None
    }

    /// Cuts the connections of those who are dead, or whose certificate was replaced.
    fn sweep(&self, state: &State) {
        let accepts = |certificates: Option<&Certificates>, serial: &str| {
            certificates.is_some_and(|c| c.accepts(serial))
        };
        self.fleet.sweep(|database, serial| accepts(state.agents.get(database), serial));
        self.operators
            .sweep(|name, serial| accepts(state.operators.get(name).map(|o| &o.certificates), serial));
    }

    /// Backups that policy wants to be proven now, where somebody is there to do it.
    fn proofs(&self, state: &State) -> impl Iterator<Item = Request> {
        let is_believed = !state.trust.is_doubted();
        let due =
            due_proofs(state, clock::now(), |database| is_believed && self.fleet.is_connected(database));
        due.into_iter().map(|(database, restore)| Request::StartJob { database, restore })
    }

    async fn ask(&self, request: Request) {
        match self.controller.ask(Actor::Controller, request).await {
            Ok(_) | Err(AskError::Stopped) => {}
            // The state has moved on since the snapshot: the next look sees what is missing.
            Err(AskError::Refused(refusal)) => tracing::debug!(%refusal, "an effect was refused"),
            Err(error) => tracing::error!(%error, "an effect could not be carried out"),
        }
    }
}

/// Carries out what is about agents, or says what has to be asked for it.
pub fn carry_out(fleet: &Fleet, state: &State, effect: Effect) -> Option<Request> {
    let known = |command| state.commands.get(command).map(|known| &known.command);
    match effect {
        Effect::Advance { rollout } => return Some(Request::Advance { rollout }),
        Effect::Deliver { database, command } => {
            if let Some(command) = known(&command) {
                fleet.deliver(&database, command, state.seq);
            }
        }
        Effect::Cancel { database, command } => {
            if let Some(command) = known(&command) {
                fleet.cancel(&database, command);
            }
        }
        Effect::StartJob { job, .. } => return fleet.start_job(state, state.jobs.get(&job)?),
        Effect::CancelJob { database, job } => return fleet.cancel_job(&database, &job),
        Effect::GiveUpJob { job } => {
            let why = "its agent was revoked, or its database is not managed any more".to_owned();
            return Some(Request::EndJob { job, end: JobEnd::Interrupted { why } });
        }
        Effect::Disconnect { whose: Actor::Agent(database) } => fleet.disconnect(&database),
        Effect::Disconnect { whose: Actor::Operator(_) | Actor::Controller }
        | Effect::Undo { .. }
        | Effect::DeleteBackup { .. } => {}
    }
    None
}

/// Databases that have been out of reach for longer than policy lets pass, and those that are there again.
pub fn absences(fleet: &Fleet, state: &State) -> impl Iterator<Item = Request> {
    let environments = &state.policy.environments;
    let lets_pass: BTreeMap<_, _> =
        environments.iter().map(|policy| (&policy.name, policy.unreachable_after)).collect();
    let seen = state.databases.values().filter(|database| database.observed.is_some());
    seen.filter_map(move |known| {
        let database = known.name.clone();
        match (known.unreachable, fleet.out_of_reach(&database)) {
            (None, Some((long, since))) => {
                let is_late = lets_pass.get(&known.environment).is_some_and(|most| long >= *most);
                is_late.then_some(Request::Unreachable { database, since })
            }
            (Some(_), None) => Some(Request::Reachable { database }),
            (None, None) | (Some(_), Some(_)) => None,
        }
    })
}

/// Work in the hands of an agent that has been away for too long pauses its rollout; its return ends the pause.
#[must_use]
pub fn heal(fleet: &Fleet, state: &State) -> Vec<Request> {
    let mut requests = Vec::new();
    for rollout in state.open_rollouts() {
        match &rollout.state {
            RolloutState::Paused { reason: PauseReason::AgentUnreachable { database } } => {
                if fleet.is_connected(database) {
                    requests.push(Request::AgentBack { database: database.clone() });
                }
            }
            RolloutState::Running | RolloutState::Aborting => requests.extend(silent(fleet, rollout)),
            RolloutState::Paused {
                reason:
                    PauseReason::Operator
                    | PauseReason::Unknown { .. }
                    | PauseReason::Unsettled { .. }
                    | PauseReason::Budget { .. }
                    | PauseReason::Wave { .. }
                    | PauseReason::NoProgress { .. }
                    | PauseReason::Verification { .. }
                    | PauseReason::ApprovalStale { .. }
                    | PauseReason::Window { .. }
                    | PauseReason::Freeze { .. },
            }
            | RolloutState::Finished { .. } => {}
        }
    }
    requests
}

/// All of them: an abort waits for none.
fn silent(fleet: &Fleet, rollout: &Rollout) -> impl Iterator<Item = Request> {
    let held = rollout.targets.iter().filter(|(_, target)| target.state.command().is_some());
    let silent = held.map(|(name, _)| name).filter(|name| fleet.is_silent(name));
    silent.map(|database| Request::AgentSilent { database: database.clone() })
}
