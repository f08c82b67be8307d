//! Tells a story: a world, the names that its readers use, and what is outstanding.

use std::collections::BTreeMap;

use pgbelay_core::command::{Command, Outcome};
use pgbelay_core::database::Observation;
use pgbelay_core::digest::Digest;
use pgbelay_core::event::{Actor, Event};
use pgbelay_core::migration::Migration;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::outstanding::{Effect, outstanding};
use pgbelay_core::plan::{AllHistories, PlanId};
use pgbelay_core::request::{Refusal, Request};
use pgbelay_core::rollout::RolloutId;

use super::{commands, words};
use crate::world::World;

/// Who tells a story.
pub(crate) struct Teller {
    pub(crate) world: World,
    /// The SQL that the story wrote itself, by version.
    pub(crate) written: BTreeMap<String, Migration>,
    /// The text of everything that may run, by its digest.
    pub(crate) texts: BTreeMap<Digest, String>,
    /// What the history tables of other tools hold.
    pub(crate) histories: AllHistories,
    /// The releases in the order in which they were pushed.
    pub(crate) releases: Vec<Digest>,
    /// The plans in the order in which they were made.
    pub(crate) plans: Vec<PlanId>,
    /// The plan that was spoken of last.
    pub(crate) plan: Option<PlanId>,
    pub(crate) rollout: Option<RolloutId>,
    /// The last result that each agent told, or would tell.
    pub(crate) results: BTreeMap<DatabaseName, (Command, Outcome)>,
    /// What agents saw and did not tell yet.
    pub(crate) looks: BTreeMap<DatabaseName, Observation>,
    commands: Vec<String>,
    outstanding: Vec<String>,
    lines: Vec<String>,
}

impl Teller {
    pub(crate) fn new() -> Self {
        Self {
            world: World::new(),
            written: BTreeMap::new(),
            texts: BTreeMap::new(),
            histories: AllHistories::new(),
            releases: Vec::new(),
            plans: Vec::new(),
            plan: None,
            rollout: None,
            results: BTreeMap::new(),
            looks: BTreeMap::new(),
            commands: Vec::new(),
            outstanding: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// Carries one command out and says what happens, with the steps that the controller takes by itself.
    pub(crate) fn tell(&mut self, command: &str) -> Vec<String> {
        commands::carry_out(self, command);
        let events = self.world.advance();
        self.happened(&events);
        self.outstanding();
        let lines = std::mem::take(&mut self.lines);
        lines.iter().map(|line| self.in_words(line)).collect()
    }

    pub(crate) fn say(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    pub(crate) fn ask(&mut self, actor: &Actor, request: &Request) {
        let result = self.world.ask(actor, request);
        self.answered(&result);
    }

    pub(crate) fn answered(&mut self, result: &Result<Vec<Event>, Refusal>) {
        match result {
            Ok(events) if events.is_empty() => self.say("nothing changes"),
            Ok(events) => self.happened(events),
            Err(refusal) => {
                self.say(format!("refused: {refusal}"));
                self.say(format!("  next: {}", refusal.next_step()));
                self.say(format!("  class: {:?}", refusal.class()));
            }
        }
    }

    fn happened(&mut self, events: &[Event]) {
        for event in events {
            self.remember(event);
            self.lines.push(words::line(event));
        }
    }

    fn remember(&mut self, event: &Event) {
        match event {
            Event::ReleaseRecorded { release } if !self.releases.contains(&release.id) => {
                self.releases.push(release.id);
            }
            Event::PlanCreated { plan } => {
                self.plans.push(plan.id.clone());
                self.plan = Some(plan.id.clone());
            }
            Event::RolloutStarted { rollout, .. } => self.rollout = Some(rollout.clone()),
            Event::CommandIssued { command } => self.commands.push(command.id.to_string()),
            Event::JobStarted { job, .. } => self.commands.push(job.to_string()),
            Event::ReleaseRecorded { .. }
            | Event::PolicyApplied { .. }
            | Event::OperatorAdded { .. }
            | Event::OperatorRevoked { .. }
            | Event::TokenCreated { .. }
            | Event::AgentEnrolled { .. }
            | Event::AgentRenewed { .. }
            | Event::RenewalUsed { .. }
            | Event::AgentRevoked { .. }
            | Event::DatabaseRemoved { .. }
            | Event::DatabaseObserved { .. }
            | Event::PlanApproved { .. }
            | Event::PlanTried { .. }
            | Event::BackupChecked { .. }
            | Event::BackupCondemned { .. }
            | Event::BackupRemoved { .. }
            | Event::RolloutPaused { .. }
            | Event::RolloutResumed { .. }
            | Event::RolloutAborted { .. }
            | Event::RolloutFinished { .. }
            | Event::WaveStarted { .. }
            | Event::WaveBakes { .. }
            | Event::WaveVerifies { .. }
            | Event::UndoGivenUp { .. }
            | Event::WavePassed { .. }
            | Event::RolloutRetried { .. }
            | Event::TargetSkipped { .. }
            | Event::TargetOverdue { .. }
            | Event::WindowOverridden { .. }
            | Event::Frozen { .. }
            | Event::Unfrozen { .. }
            | Event::TargetUpToDate { .. }
            | Event::TargetGivenUp { .. }
            | Event::TargetCancelled { .. }
            | Event::StatementResolved { .. }
            | Event::AgentContested { .. }
            | Event::DriftFound { .. }
            | Event::DatabaseUnreachable { .. }
            | Event::DatabaseReachable { .. }
            | Event::WindowsClosing { .. }
            | Event::LedgerDoubted { .. }
            | Event::LedgerAccepted { .. }
            | Event::WitnessSetAside { .. }
            | Event::WitnessHeard { .. }
            | Event::JobTaken { .. }
            | Event::JobCancelled { .. }
            | Event::JobEnded { .. }
            | Event::CommandAccepted { .. }
            | Event::CommandFinished { .. } => {}
        }
    }

    /// What is to be done, when it is not what it was after the command before.
    fn outstanding(&mut self) {
        let now: Vec<_> = outstanding(&self.world.state, self.world.now).iter().map(effect).collect();
        if now != self.outstanding {
            let all = if now.is_empty() { "nothing".to_owned() } else { now.join(", ") };
            self.say(format!("outstanding: {all}"));
            self.outstanding = now;
        }
    }

    /// Digests in the words of the story: `plan-1`, `release-1`, `c1`.
    fn in_words(&self, line: &str) -> String {
        let mut line = line.to_owned();
        for (at, release) in self.releases.iter().enumerate() {
            line = line.replace(&release.to_string(), &format!("release-{}", at + 1));
        }
        for (at, plan) in self.plans.iter().enumerate() {
            line = line.replace(plan.as_str(), &format!("plan-{}", at + 1));
        }
        for command in &self.commands {
            let number = command.split('-').next().unwrap_or(command);
            line = line.replace(command, number);
        }
        line
    }
}

fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Advance { rollout } => format!("advance {rollout}"),
        Effect::Undo { rollout } => format!("undo {rollout}"),
        Effect::Deliver { database, command } => format!("deliver {command} to {database}"),
        Effect::Cancel { database, command } => format!("cancel {command} on {database}"),
        Effect::StartJob { database, job } => format!("start {job} on {database}"),
        Effect::CancelJob { database, job } => format!("cancel {job} on {database}"),
        Effect::GiveUpJob { job } => format!("give up {job}"),
        Effect::DeleteBackup { database, backup } => format!("delete {backup} of {database}"),
        Effect::Disconnect { whose } => format!("disconnect {whose}"),
    }
}
