//! A controller without its shell, and its agents: `decide`, `evolve` and `outstanding` under a clock that stands
//! still until somebody moves it.

use std::collections::BTreeMap;

use pgbelay_core::access::{Certificate, Role};
use pgbelay_core::backup::Looks;
use pgbelay_core::command::{Command, CommandId, Outcome};
use pgbelay_core::decide::{decide, rests_on};
use pgbelay_core::digest::Digest;
use pgbelay_core::event::{Actor, Event, Recorded};
use pgbelay_core::evolve::evolve;
use pgbelay_core::name::{DatabaseName, EnvironmentName};
use pgbelay_core::outstanding::{Effect, outstanding};
use pgbelay_core::plan::PlanId;
use pgbelay_core::request::{Circumstances, Refusal, Request};
use pgbelay_core::rollout::RolloutId;
use pgbelay_core::state::State;
use pgbelay_core::time::{Span, Timestamp};

use crate::agent::Agent;

/// When every world begins.
pub(crate) const START: Timestamp = Timestamp(1_700_000_000_000);

/// More rounds than any history of these tests needs: who is still busy then never comes to rest.
const MANY_ROUNDS: usize = 1_000;

/// A request, and what came of it.
pub(crate) struct Asked<'a> {
    pub(crate) before: &'a State,
    pub(crate) request: &'a Request,
    pub(crate) actor: &'a Actor,
    pub(crate) result: &'a Result<Vec<Event>, Refusal>,
    pub(crate) after: &'a State,
    pub(crate) now: Timestamp,
}

type Watch = Box<dyn FnMut(&Asked<'_>)>;

/// The controller's state with its ledger, and the agents with theirs.
pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) state: State,
    pub(crate) ledger: Vec<Recorded>,
    pub(crate) agents: BTreeMap<DatabaseName, Agent>,
    watch: Option<Watch>,
    tokens: u32,
}

pub(crate) fn operator(name: &str) -> Actor {
    Actor::Operator(name.parse().unwrap())
}

pub(crate) fn database(name: &str) -> DatabaseName {
    name.parse().unwrap()
}

impl World {
    /// A controller with one operator of each kind: the admin `root`, the operator `olga`, the approvers `alice` and
    /// `bob`, the viewer `vera`.
    pub(crate) fn new() -> Self {
        let mut world = Self {
            now: START,
            state: State::default(),
            ledger: Vec::new(),
            agents: BTreeMap::new(),
            watch: None,
            tokens: 0,
        };
        let people = [
            ("root", Role::Admin),
            ("olga", Role::Operator),
            ("alice", Role::Approver),
            ("bob", Role::Approver),
            ("vera", Role::Viewer),
        ];
        for (name, role) in people {
            let certificate = world.certificate(name);
            let name = name.parse().unwrap();
            let add = Request::AddOperator { name, role, environments: None, certificate };
            world.ask(&Actor::Controller, &add).unwrap();
        }
        world
    }

    /// Shows every request and what came of it to `watch`.
    pub(crate) fn watched(mut self, watch: impl FnMut(&Asked<'_>) + 'static) -> Self {
        self.watch = Some(Box::new(watch));
        self
    }

    /// Decides, and takes what happened into the state and the ledger.
    pub(crate) fn ask(&mut self, actor: &Actor, request: &Request) -> Result<Vec<Event>, Refusal> {
        let here = Circumstances { actor: actor.clone(), now: self.now };
        let before = self.state.clone();
        let result = decide(&self.state, request, &here);
        for event in result.iter().flatten() {
            let recorded = Recorded { seq: self.state.seq + 1, at: self.now, event: event.clone() };
            if let Err(illegal) = evolve(&mut self.state, &recorded) {
                panic!("{request:?} was granted with an event that cannot follow: {illegal}");
            }
            self.ledger.push(recorded);
        }
        if let Some(watch) = &mut self.watch {
            let (after, now) = (&self.state, self.now);
            watch(&Asked { before: &before, request, actor, result: &result, after, now });
        }
        result
    }

    pub(crate) fn certificate(&self, serial: &str) -> Certificate {
        Certificate { serial: serial.to_owned(), not_after: self.now + Span::hours(720) }
    }

    /// Invites an agent, lets it in, and hears what it reads from its database.
    pub(crate) fn enrol(
        &mut self,
        name: &DatabaseName,
        environment: &EnvironmentName,
        labels: BTreeMap<String, String>,
    ) -> Result<Vec<Event>, Refusal> {
        self.tokens += 1;
        let (id, secret) = (format!("t{}", self.tokens).parse().unwrap(), Digest::of("secret"));
        let create = Request::CreateToken {
            id,
            secret,
            database: name.clone(),
            environment: environment.clone(),
            labels,
            lifetime: Span::seconds(600),
        };
        let mut events = self.ask(&operator("root"), &create)?;
        let Request::CreateToken { id: token, .. } = create else { return Ok(events) };
        let agent = self.agents.entry(name.clone()).or_insert_with(|| Agent::new(name.clone()));
        let system_identifier = agent.observation().system_identifier;
        let certificate = self.certificate(&format!("{name}-{}", self.tokens));
        let enrol = Request::Enrol { token, secret, database: name.clone(), system_identifier, certificate };
        events.extend(self.ask(&Actor::Controller, &enrol)?);
        events.extend(self.observe(name)?);
        Ok(events)
    }

    /// The agent tells what it reads.
    pub(crate) fn observe(&mut self, name: &DatabaseName) -> Result<Vec<Event>, Refusal> {
        let observation = self.agents[name].observation();
        self.ask(&Actor::Agent(name.clone()), &Request::Observe { database: name.clone(), observation })
    }

    /// The agent tells what came of a command.
    pub(crate) fn report(
        &mut self,
        name: &DatabaseName,
        command: &Command,
        outcome: Outcome,
    ) -> Result<Vec<Event>, Refusal> {
        let report = Request::Report { command: command.id.clone(), attempt: command.attempt, outcome };
        self.ask(&Actor::Agent(name.clone()), &report)
    }

    /// The command that the controller knows to be in an agent's hands.
    pub(crate) fn in_hand(&self, name: &DatabaseName) -> Option<Command> {
        let id = self.state.databases.get(name)?.in_flight.as_ref()?;
        Some(self.command(id))
    }

    pub(crate) fn command(&self, id: &CommandId) -> Command {
        self.state.commands[id].command.as_ref().clone()
    }

    /// The backups that a plan's way back rests on, all of them looked at.
    pub(crate) fn looks(&self, plan: &PlanId) -> Looks {
        let Ok(known) = self.state.plan(plan) else { return Looks::new() };
        rests_on(&self.state, &known.plan).into_iter().map(|backup| (backup, Ok(()))).collect()
    }

    /// Asks for the next steps of every rollout that wants them, until none does. Asking in vain is a busy loop.
    pub(crate) fn advance(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        for _ in 0..MANY_ROUNDS {
            let due = outstanding(&self.state, self.now).into_iter().find_map(rollout_to_advance);
            let Some(rollout) = due else { return events };
            let caused =
                self.ask(&Actor::Controller, &Request::Advance { rollout: rollout.clone() }).unwrap();
            assert!(!caused.is_empty(), "{rollout} wants to be advanced, and nothing comes of it");
            events.extend(caused);
        }
        panic!("the rollouts never come to rest");
    }
}

fn rollout_to_advance(effect: Effect) -> Option<RolloutId> {
    match effect {
        Effect::Advance { rollout } => Some(rollout),
        Effect::Deliver { .. }
        | Effect::Cancel { .. }
        | Effect::Undo { .. }
        | Effect::StartJob { .. }
        | Effect::CancelJob { .. }
        | Effect::GiveUpJob { .. }
        | Effect::DeleteBackup { .. }
        | Effect::Disconnect { .. } => None,
    }
}
