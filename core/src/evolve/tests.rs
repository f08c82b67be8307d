//! What events do to what is known of a database, where no story comes by.

use std::collections::BTreeSet;

use super::*;
use crate::command::{Command, CommandKind, Outcome, RefusedBecause, StepDone};
use crate::database::AppliedRecord;
use crate::decide::decide;
use crate::digest::Digest;
use crate::event::Actor;
use crate::judge::AllJudged;
use crate::migration::MigrationSource;
use crate::origin::Layout;
use crate::plan::Goal;
use crate::policy::{BackupPolicy, Policy};
use crate::request::{Circumstances, Request};
use crate::rollout::{Confirmation, TargetState};

const NOW: Timestamp = Timestamp(1_000_000_000);

struct Told(State);

impl Told {
    fn events(&mut self, events: Vec<Event>) {
        for event in events {
            let recorded = Recorded { seq: self.0.seq + 1, at: NOW, event };
            evolve(&mut self.0, &recorded).unwrap();
        }
    }

    fn ask(&mut self, actor: &Actor, request: &Request) {
        let here = Circumstances { actor: actor.clone(), now: NOW };
        let events = decide(&self.0, request, &here).unwrap();
        self.events(events);
    }

    fn command(&self) -> Command {
        self.0.commands.values().next().unwrap().command.as_ref().clone()
    }

    fn database(&self) -> &Database {
        self.0.databases.values().next().unwrap()
    }

    fn finish(&mut self, outcome: Outcome) {
        let command = self.command().id;
        self.events(vec![Event::CommandFinished { command, outcome }]);
    }
}

fn release() -> Release {
    let migration = |number: &str| {
        let up = format!("CREATE TABLE t{number} (id int)");
        let source = MigrationSource::plain(number.parse().unwrap(), "t", up, None);
        source.analyse().unwrap()
    };
    Release::new(Layout::Plain, ["1", "2"].map(migration).into()).unwrap()
}

fn seen(applied: &[&str], schema: &str) -> Observation {
    let record = |number: &&str| AppliedRecord {
        version: number.parse().unwrap(),
        name: "t".to_owned(),
        checksum: release().migration(&number.parse().unwrap()).map_or(Digest::of("x"), |m| m.up.checksum),
        applied_at: Timestamp(NOW.0 - 1_000),
        repeatable: false,
        adopted: false,
    };
    let records = applied.iter().map(record).collect();
    let (system_identifier, fingerprint) = ("1".to_owned(), Digest::of(schema));
    Observation {
        server_version: 150_018,
        system_identifier,
        fingerprint,
        conditions: crate::database::no_conditions(),
        records,
        unfinished: Vec::new(),
    }
}

/// A run of two migrations in the hands of an agent, without a backup.
fn at_work() -> Told {
    let mut told = Told(State::default());
    let environment = "staging".parse().unwrap();
    let mut policy = Policy::initial(std::slice::from_ref(&environment));
    policy.environments[0].backup = BackupPolicy::Off;
    let database: DatabaseName = "orders".parse().unwrap();
    let certificate = || Certificate { serial: "1".to_owned(), not_after: Timestamp(i64::MAX) };
    let token = JoinToken {
        id: "t1".parse().unwrap(),
        secret: Digest::of("s"),
        database: database.clone(),
        environment: environment.clone(),
        labels: Default::default(),
        expires_at: Timestamp(i64::MAX),
        used: false,
    };
    let operator = crate::access::Operator {
        name: "olga".parse().unwrap(),
        role: crate::access::Role::Admin,
        environments: None,
        certificates: Certificates::new(certificate()),
    };
    told.events(vec![
        Event::PolicyApplied { policy },
        Event::OperatorAdded { operator },
        Event::TokenCreated { token },
        Event::AgentEnrolled {
            token: "t1".parse().unwrap(),
            system_identifier: "1".to_owned(),
            certificate: certificate(),
        },
        Event::DatabaseObserved { database: database.clone(), observation: seen(&[], "empty") },
        Event::ReleaseRecorded { release: release() },
    ]);
    let olga = Actor::Operator("olga".parse().unwrap());
    let goal = Goal::Release { release: release().id };
    let (fresh, judged) = (BTreeSet::from([database]), AllJudged::new());
    told.ask(
        &olga,
        &Request::CreatePlan {
            environment,
            goal,
            fresh,
            judged,
            sizes: Default::default(),
            histories: Default::default(),
        },
    );
    let plan = told.0.plans.keys().next().unwrap().clone();
    let (confirmation, acknowledged) = (Confirmation::None, BTreeSet::new());
    told.ask(
        &olga,
        &Request::StartRollout {
            plan,
            confirmation,
            acknowledged,
            sizes: Default::default(),
            looks: Default::default(),
        },
    );
    let rollout = told.0.rollouts.keys().next().unwrap().clone();
    told.ask(&Actor::Controller, &Request::Advance { rollout });
    told
}

fn expected_next(told: &Told) -> crate::plan::Expectation {
    told.0.rollouts.values().next().unwrap().targets.values().next().unwrap().expect.clone()
}

fn interrupted(done: &[&str], observation: Observation) -> Outcome {
    let step = |number: &&str| StepDone {
        version: number.parse().unwrap(),
        took: Span(1),
        retries: 0,
        observed: None,
    };
    Outcome::Interrupted { done: done.iter().map(step).collect(), observation: Some(observation) }
}

#[test]
fn what_somebody_else_did_behind_an_interruption_is_not_what_the_next_run_expects() {
    for (done, applied, is_explained) in [
        (&[][..], &[][..], false),
        (&["1"], &["1"], true),
        // Recorded behind the plan's back: not by this command.
        (&["1"], &["0", "1"], false),
    ] {
        let mut told = at_work();
        let CommandKind::Run(run) = told.command().kind else { panic!("not a run") };
        told.finish(interrupted(done, seen(applied, "changed")));
        let next = expected_next(&told);
        assert_eq!(next != run.expect, is_explained, "{done:?} {applied:?}");
    }
}

#[test]
fn a_migration_that_ran_again_is_explained_by_what_it_replaced() {
    let mut command = at_work().command();
    let after = seen(&["1", "2"], "changed");
    let mut before = after.records.clone();
    before[0].checksum = Digest::of("an earlier text");
    let done = [StepDone { version: "1".parse().unwrap(), took: Span(1), retries: 0, observed: None }];
    for (replaces, expected) in
        [(Some(Digest::of("an earlier text")), true), (Some(Digest::of("another")), false), (None, false)]
    {
        let CommandKind::Run(run) = &mut command.kind else { panic!("not a run") };
        run.expect.records = crate::database::records_digest(&before);
        run.steps[0].replaces = replaces;
        assert_eq!(commands::explains(&command, &done, &after), expected, "{replaces:?}");
    }
}

#[test]
fn what_was_applied_without_a_word_can_be_taken_back_as_well() {
    let mut told = at_work();
    let database = told.database().name.clone();
    let observation = seen(&["1"], "t1");
    told.events(vec![Event::DatabaseObserved { database, observation }]);
    let window = &told.database().windows[&"1".parse().unwrap()];
    let applied_at = Timestamp(NOW.0 - 1_000);
    assert_eq!((window.opened_at, window.until), (applied_at, applied_at + Span::hours(24)));
}

#[test]
fn a_fence_that_is_ahead_is_learnt_from_the_refusal() {
    let mut told = at_work();
    told.finish(Outcome::Refused { reason: RefusedBecause::StaleFence { seen: 50 } });
    assert_eq!(told.database().fence, 50);
}

#[test]
fn a_command_that_came_too_late_is_due_again() {
    let mut told = at_work();
    told.finish(Outcome::Refused { reason: RefusedBecause::TooLate });
    let target = told.0.rollouts.values().next().unwrap().targets.values().next().unwrap();
    assert_eq!(target.state, TargetState::Due);
}
