//! Who may ask for what: every request against every kind of actor.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::access::{Certificate, Role};
use crate::command::Outcome;
use crate::database::Observation;
use crate::digest::Digest;
use crate::event::{Actor, Recorded};
use crate::evolve::evolve;
use crate::judge::AllJudged;
use crate::migration::MigrationSource;
use crate::name::{CommandId, DatabaseName, EnvironmentName};
use crate::origin::Layout;
use crate::plan::{Goal, PlanId};
use crate::policy::Policy;
use crate::release::Release;
use crate::rollout::{Confirmation, RolloutId};
use crate::time::{Span, Timestamp};

/// Staging with the databases `orders-1` and `orders-2`, and a rollout that has just begun on them.
struct World {
    state: State,
    plan: PlanId,
    rollout: RolloutId,
    command: CommandId,
}

fn certificate(serial: &str) -> Certificate {
    Certificate { serial: serial.to_owned(), not_after: Timestamp(1_000_000) }
}

fn operator(name: &str) -> Actor {
    Actor::Operator(name.parse().unwrap())
}

fn agent(name: &str) -> Actor {
    Actor::Agent(name.parse().unwrap())
}

fn staging() -> EnvironmentName {
    "staging".parse().unwrap()
}

fn observation(database: &DatabaseName) -> Observation {
    Observation {
        conditions: crate::database::no_conditions(),
        server_version: 150_018,
        system_identifier: database.to_string(),
        fingerprint: Digest::of("schema"),
        records: Vec::new(),
        unfinished: Vec::new(),
    }
}

fn release() -> Release {
    let (up, down) = ("CREATE TABLE t (id int)".to_owned(), None);
    let source = MigrationSource::plain("001".parse().unwrap(), "t", up, down);
    Release::new(Layout::Plain, vec![source.analyse().unwrap()]).unwrap()
}

fn create_token(id: &str, database: &DatabaseName) -> Request {
    Request::CreateToken {
        id: id.parse().unwrap(),
        secret: Digest::of("secret"),
        database: database.clone(),
        environment: staging(),
        labels: BTreeMap::new(),
        lifetime: Span::seconds(600),
    }
}

fn enrol(token: &str, database: &DatabaseName) -> Request {
    Request::Enrol {
        token: token.parse().unwrap(),
        secret: Digest::of("secret"),
        database: database.clone(),
        system_identifier: database.to_string(),
        certificate: certificate(token),
    }
}

fn add_operator(name: &str, role: Role, environments: &[&str]) -> Request {
    let places: BTreeSet<EnvironmentName> = environments.iter().map(|e| e.parse().unwrap()).collect();
    Request::AddOperator {
        name: name.parse().unwrap(),
        role,
        environments: (!places.is_empty()).then_some(places),
        certificate: certificate(name),
    }
}

fn ask(state: &mut State, actor: &Actor, request: &Request) -> Vec<Event> {
    let here = Circumstances { actor: actor.clone(), now: Timestamp(1_000) };
    let events = decide(state, request, &here).unwrap();
    for event in &events {
        evolve(state, &Recorded { seq: state.seq + 1, at: here.now, event: event.clone() }).unwrap();
    }
    events
}

fn start(plan: &PlanId) -> Request {
    // Nobody has judged it, so that it is of medium risk.
    let (confirmation, acknowledged) = (Confirmation::None, BTreeSet::new());
    Request::StartRollout {
        plan: plan.clone(),
        confirmation,
        acknowledged,
        sizes: Default::default(),
        looks: Default::default(),
    }
}

fn world() -> World {
    let mut state = State::default();
    let controller = Actor::Controller;
    ask(
        &mut state,
        &controller,
        &Request::ApplyPolicy(Policy::initial(&[staging(), "production".parse().unwrap()])),
    );
    for (name, role, place) in [
        ("admin", Role::Admin, &[][..]),
        ("operator", Role::Operator, &[]),
        ("approver", Role::Approver, &[]),
        ("viewer", Role::Viewer, &[]),
        ("gone", Role::Admin, &[]),
        ("staging-admin", Role::Admin, &["staging"]),
        ("production-admin", Role::Admin, &["production"]),
    ] {
        ask(&mut state, &controller, &add_operator(name, role, place));
    }
    let reason = String::new();
    ask(&mut state, &controller, &Request::RevokeOperator { operator: "gone".parse().unwrap(), reason });
    let fresh: BTreeSet<DatabaseName> = ["orders-1", "orders-2"].map(|name| name.parse().unwrap()).into();
    for database in &fresh {
        ask(&mut state, &controller, &create_token(database.as_str(), database));
        ask(&mut state, &controller, &enrol(database.as_str(), database));
        let observation = observation(database);
        ask(&mut state, &controller, &Request::Observe { database: database.clone(), observation });
    }
    let (goal, environment) = (Goal::Release { release: release().id }, staging());
    ask(&mut state, &operator("operator"), &Request::RecordRelease(release()));
    ask(
        &mut state,
        &operator("operator"),
        &Request::CreatePlan {
            environment,
            goal,
            fresh,
            judged: AllJudged::new(),
            sizes: Default::default(),
            histories: Default::default(),
        },
    );
    let plan = state.plans.keys().next().unwrap().clone();
    let start = start(&plan);
    ask(&mut state, &operator("operator"), &start);
    let rollout = state.rollouts.keys().next().unwrap().clone();
    ask(&mut state, &controller, &Request::Advance { rollout: rollout.clone() });
    let command = state.databases[&"orders-1".parse().unwrap()].in_flight.clone().unwrap();
    let job = crate::job::Job {
        id: "j1".parse().unwrap(),
        database: "orders-1".parse().unwrap(),
        by: None,
        restore: crate::job::Restore { backup: "b".to_owned(), into: crate::job::Destination::Scratch },
        started_at: Timestamp(1_000),
        taken: false,
        cancelled: false,
        ended: None,
    };
    state.open_jobs.insert(job.database.clone(), vec![job.id.clone()]);
    state.jobs.insert(job.id.clone(), std::sync::Arc::new(job));
    World { state, plan, rollout, command }
}

/// The actors of a row, each with its letter: admin, operator, approver, viewer, admin of staging, admin of
/// production, somebody who was revoked, a stranger, the agent of orders-1, that of orders-2, the controller.
fn actors() -> [(char, Actor); 11] {
    [
        ('A', operator("admin")),
        ('O', operator("operator")),
        ('P', operator("approver")),
        ('V', operator("viewer")),
        ('s', operator("staging-admin")),
        ('p', operator("production-admin")),
        ('g', operator("gone")),
        ('x', operator("stranger")),
        ('1', agent("orders-1")),
        ('2', agent("orders-2")),
        ('C', Actor::Controller),
    ]
}

#[expect(clippy::too_many_lines, reason = "a line for each request")]
fn asks_of_people(world: &World) -> Vec<(Request, &'static str)> {
    let (database, moved): (DatabaseName, DatabaseName) =
        ("orders-1".parse().unwrap(), "orders-3".parse().unwrap());
    let (plan, rollout, reason) = (&world.plan, &world.rollout, String::new);
    let restore = |into| crate::job::Restore { backup: "b".to_owned(), into };
    let start_job =
        |into| Request::StartJob { database: "orders-1".parse().unwrap(), restore: restore(into) };
    vec![
        (start_job(crate::job::Destination::Scratch), "AO  s     C"),
        // Whoever puts another database in the place of a live one is an admin.
        (start_job(crate::job::Destination::InPlace { cut_off: Vec::new() }), "A   s     C"),
        (Request::CancelJob { job: "j1".parse().unwrap() }, "AO  s     C"),
        (Request::AcceptLedger { reason: reason() }, "A         C"),
        (Request::SetAside { database: database.clone(), reason: "lies".to_owned() }, "A         C"),
        (Request::HearAgain { database: database.clone() }, "A         C"),
        (Request::ApplyPolicy(Policy::initial(&[staging()])), "A         C"),
        (add_operator("new", Role::Viewer, &[]), "A         C"),
        (Request::RevokeOperator { operator: "viewer".parse().unwrap(), reason: reason() }, "A         C"),
        (create_token("t", &moved), "A   s     C"),
        (Request::RevokeAgent { database: database.clone(), reason: reason() }, "A   s     C"),
        (Request::RemoveDatabase { database, reason: reason() }, "A   s     C"),
        (Request::Freeze { environment: None, reason: reason() }, "A         C"),
        (Request::Freeze { environment: Some(staging()), reason: reason() }, "A   s     C"),
        (Request::Unfreeze { environment: None }, "A         C"),
        (Request::Unfreeze { environment: Some(staging()) }, "A   s     C"),
        (Request::OverrideWindow { rollout: rollout.clone(), reason: reason() }, "A   s     C"),
        (Request::RecordRelease(release()), "AO  sp    C"),
        (
            Request::CreatePlan {
                environment: staging(),
                goal: Goal::Back { target: None },
                fresh: BTreeSet::new(),
                judged: AllJudged::new(),
                sizes: Default::default(),
                histories: Default::default(),
            },
            "AO  s     C",
        ),
        (Request::Approve { plan: plan.clone() }, "A P s     C"),
        (Request::RecordTrial { plan: plan.clone(), databases: 1, failed: 0 }, "AO  s     C"),
        (start(plan), "AO  s     C"),
        (Request::PauseRollout { rollout: rollout.clone() }, "AO  s     C"),
        (Request::ResumeRollout { rollout: rollout.clone() }, "AO  s     C"),
        (Request::AbortRollout { rollout: rollout.clone() }, "AO  s     C"),
        (Request::RetryRollout { rollout: rollout.clone() }, "AO  s     C"),
        (
            Request::SkipTarget {
                rollout: rollout.clone(),
                database: "orders-1".parse().unwrap(),
                reason: "r".to_owned(),
            },
            "AO  s     C",
        ),
        (Request::PassWave { rollout: rollout.clone() }, "A P s     C"),
        (
            Request::CancelTarget { rollout: rollout.clone(), database: "orders-1".parse().unwrap() },
            "AO  s     C",
        ),
        (
            Request::Resolve {
                database: "orders-1".parse().unwrap(),
                version: "1".parse().unwrap(),
                done: true,
                reason: reason(),
            },
            "AO  s     C",
        ),
        (
            Request::RecordCheck {
                database: "orders-1".parse().unwrap(),
                backup: "b".to_owned(),
                problems: Vec::new(),
                notes: Vec::new(),
            },
            "AO  s     C",
        ),
        (Request::Condemn { database: "orders-1".parse().unwrap(), backups: BTreeSet::new() }, "AO  s     C"),
    ]
}

fn witness(database: &DatabaseName) -> Request {
    use crate::witness::{Checkpoint, Incarnation, Looked};
    let incarnation = Incarnation::from_bytes([1; 16]);
    let head = Checkpoint { incarnation, acceptances: 0, seq: 9, hash: Digest::of("head") };
    Request::Witness {
        database: database.clone(),
        witnessed: head,
        looked: Looked { head, hash: Some(head.hash) },
    }
}

fn asks_of_agents(world: &World) -> Vec<(Request, &'static str)> {
    let database: DatabaseName = "orders-1".parse().unwrap();
    let (command, past) = (&world.command, "c0-past".parse::<CommandId>().unwrap());
    let outcome = || Outcome::Unknown { why: String::new() };
    let end = || crate::job::JobEnd::Cancelled;
    vec![
        (Request::JobTaken { job: "j1".parse().unwrap() }, "        1 C"),
        (Request::EndJob { job: "j1".parse().unwrap(), end: end() }, "        1 C"),
        (Request::EndJob { job: "j0".parse().unwrap(), end: end() }, "        12C"),
        (enrol("orders-1", &database), "          C"),
        (
            Request::Renew {
                database: database.clone(),
                serial: "1".to_owned(),
                certificate: certificate("2"),
            },
            "        1 C",
        ),
        (Request::CertificateSeen { database: database.clone(), serial: "1".to_owned() }, "        1 C"),
        (Request::Observe { database: database.clone(), observation: observation(&database) }, "        1 C"),
        (
            Request::RecordLook { database: database.clone(), backup: "b".to_owned(), problems: Vec::new() },
            "          C",
        ),
        (Request::BackupGone { database: database.clone(), backup: "b".to_owned() }, "          C"),
        (Request::NoticeWindows { environment: staging(), within: Span::seconds(1) }, "          C"),
        (Request::Contest { database: database.clone(), places: Vec::new() }, "          C"),
        (witness(&database), "        1 C"),
        (Request::Advance { rollout: world.rollout.clone() }, "          C"),
        (Request::GiveUpUndo { rollout: world.rollout.clone(), why: String::new() }, "          C"),
        (Request::Accepted { command: command.clone(), attempt: 1 }, "        1 C"),
        (Request::Accepted { command: past.clone(), attempt: 1 }, "        12C"),
        (Request::Report { command: command.clone(), attempt: 1, outcome: outcome() }, "        1 C"),
        // It may have come to its end: who tells it once more is told that it is known.
        (Request::Report { command: past, attempt: 1, outcome: outcome() }, "        12C"),
        (Request::Unreachable { database: database.clone(), since: Timestamp(0) }, "          C"),
        (Request::Reachable { database: database.clone() }, "          C"),
        (Request::AgentSilent { database: database.clone() }, "          C"),
        (Request::AgentBack { database }, "        1 C"),
    ]
}

/// Has every variant: a new one does not compile until it has a name, and does not pass until it has a row.
const fn name(request: &Request) -> &'static str {
    match request {
        Request::ApplyPolicy(_) => "apply policy",
        Request::AddOperator { .. } => "add operator",
        Request::RevokeOperator { .. } => "revoke operator",
        Request::CreateToken { .. } => "create token",
        Request::Enrol { .. } => "enrol",
        Request::Renew { .. } => "renew",
        Request::CertificateSeen { .. } => "certificate seen",
        Request::RevokeAgent { .. } => "revoke agent",
        Request::RemoveDatabase { .. } => "remove database",
        Request::Observe { .. } => "observe",
        Request::RecordRelease(_) => "record release",
        Request::CreatePlan { .. } => "create plan",
        Request::Approve { .. } => "approve",
        Request::RecordTrial { .. } => "record trial",
        Request::StartRollout { .. } => "start rollout",
        Request::PauseRollout { .. } => "pause rollout",
        Request::ResumeRollout { .. } => "resume rollout",
        Request::AbortRollout { .. } => "abort rollout",
        Request::OverrideWindow { .. } => "override window",
        Request::Freeze { .. } => "freeze",
        Request::Unfreeze { .. } => "unfreeze",
        Request::CancelTarget { .. } => "cancel target",
        Request::RetryRollout { .. } => "retry rollout",
        Request::SkipTarget { .. } => "skip target",
        Request::PassWave { .. } => "pass wave",
        Request::Resolve { .. } => "resolve",
        Request::RecordCheck { .. } => "record check",
        Request::StartJob { .. } => "start job",
        Request::CancelJob { .. } => "cancel job",
        Request::JobTaken { .. } => "job taken",
        Request::EndJob { .. } => "end job",
        Request::RecordLook { .. } => "record look",
        Request::Condemn { .. } => "condemn",
        Request::BackupGone { .. } => "backup gone",
        Request::Advance { .. } => "advance",
        Request::GiveUpUndo { .. } => "give up undo",
        Request::Accepted { .. } => "accepted",
        Request::Report { .. } => "report",
        Request::Unreachable { .. } => "unreachable",
        Request::Reachable { .. } => "reachable",
        Request::AgentSilent { .. } => "agent silent",
        Request::AgentBack { .. } => "agent back",
        Request::Witness { .. } => "witness",
        Request::AcceptLedger { .. } => "accept ledger",
        Request::SetAside { .. } => "set aside",
        Request::HearAgain { .. } => "hear again",
        Request::Contest { .. } => "contest",
        Request::NoticeWindows { .. } => "notice windows",
    }
}

const REQUESTS: usize = 48;

#[test]
fn every_request_is_for_some_and_for_nobody_else() {
    let world = world();
    let rows: Vec<_> = asks_of_people(&world).into_iter().chain(asks_of_agents(&world)).collect();
    for (request, expected) in &rows {
        let may = |actor: &Actor| authorise(&world.state, request, actor).is_ok();
        let allowed: String =
            actors().iter().map(|(letter, actor)| if may(actor) { *letter } else { ' ' }).collect();
        assert_eq!(allowed, *expected, "{}", name(request));
    }
    let named: BTreeSet<_> = rows.iter().map(|(request, _)| name(request)).collect();
    assert_eq!(named.len(), REQUESTS);
}

#[test]
fn a_database_is_moved_by_an_admin_of_everything() {
    let world = world();
    let mut request = create_token("t", &"orders-1".parse().unwrap());
    if let Request::CreateToken { environment, .. } = &mut request {
        *environment = "production".parse().unwrap();
    }
    let may = |name| authorise(&world.state, &request, &operator(name)).is_ok();
    assert_eq!(["admin", "staging-admin", "production-admin"].map(may), [true, false, false]);
}

/// Whoever silences the agent that speaks against the ledger lets everything go on, everywhere.
#[test]
fn an_agent_that_doubts_is_silenced_by_an_admin_of_everything() {
    let mut world = world();
    let database: DatabaseName = "orders-1".parse().unwrap();
    let requests = [
        Request::RevokeAgent { database: database.clone(), reason: String::new() },
        Request::RemoveDatabase { database: database.clone(), reason: String::new() },
        create_token("t", &database),
    ];
    let may = |world: &World| {
        requests.each_ref().map(|it| authorise(&world.state, it, &operator("staging-admin")).is_ok())
    };
    assert_eq!(may(&world), [true; 3]);
    let incarnation = crate::witness::Incarnation::from_bytes([7; 16]);
    let witnessed =
        crate::witness::Checkpoint { incarnation, acceptances: 0, seq: 9_999, hash: Digest::of("x") };
    let finding = crate::witness::Finding::Beyond;
    let doubt = crate::witness::Doubt { witnessed, finding, head: 5, since: Timestamp(0) };
    world.state.trust.doubts.insert(database, doubt);
    assert_eq!(may(&world), [false; 3]);
    assert!(authorise(&world.state, &requests[0], &operator("admin")).is_ok());
}

#[test]
fn a_revoked_agent_is_not_listened_to() {
    let mut world = world();
    let revoke = Request::RevokeAgent { database: "orders-1".parse().unwrap(), reason: String::new() };
    ask(&mut world.state, &operator("admin"), &revoke);
    for (request, _) in asks_of_agents(&world) {
        assert!(authorise(&world.state, &request, &agent("orders-1")).is_err(), "{}", name(&request));
    }
    // Nor is one that was never let in.
    let back = Request::AgentBack { database: "orders-9".parse().unwrap() };
    assert!(authorise(&world.state, &back, &agent("orders-9")).is_err());
}

#[test]
fn what_does_not_exist_is_named() {
    let world = world();
    let here = Circumstances { actor: operator("admin"), now: Timestamp(1_000) };
    for (request, expected) in [
        (Request::Approve { plan: "p0".parse().unwrap() }, "there is no plan called p0"),
        (Request::PauseRollout { rollout: "r9".parse().unwrap() }, "there is no rollout called r9"),
        (
            Request::RevokeAgent { database: "orders-9".parse().unwrap(), reason: String::new() },
            "there is no database called orders-9",
        ),
        (
            Request::CreatePlan {
                environment: "nowhere".parse().unwrap(),
                goal: Goal::Back { target: None },
                fresh: BTreeSet::new(),
                judged: AllJudged::new(),
                sizes: Default::default(),
                histories: Default::default(),
            },
            "there is no environment called nowhere",
        ),
        (
            Request::CreatePlan {
                environment: staging(),
                goal: Goal::Release { release: Digest::of("nothing") },
                fresh: world.state.databases.keys().cloned().collect(),
                judged: AllJudged::new(),
                sizes: Default::default(),
                histories: Default::default(),
            },
            &format!("there is no release called {}", Digest::of("nothing")),
        ),
    ] {
        assert_eq!(decide(&world.state, &request, &here).unwrap_err().to_string(), expected);
    }
}

/// A deputy whose certificate has expired could not add anybody either.
#[test]
fn an_admin_is_the_last_one_when_the_others_cannot_get_in() {
    let World { mut state, .. } = world();
    let revoke =
        |name: &str| Request::RevokeOperator { operator: name.parse().unwrap(), reason: String::new() };
    let at = |now| Circumstances { actor: Actor::Controller, now: Timestamp(now) };
    let last = Err(Refusal::LastAdmin { operator: "admin".parse().unwrap() });
    // One that was revoked and two that are limited to an environment do not count.
    assert_eq!(decide(&state, &revoke("admin"), &at(1_000)), last);
    ask(&mut state, &Actor::Controller, &add_operator("deputy", Role::Admin, &[]));
    assert!(decide(&state, &revoke("admin"), &at(999_999)).is_ok());
    assert_eq!(decide(&state, &revoke("admin"), &at(1_000_000)), last);
    assert!(decide(&state, &revoke("staging-admin"), &at(1_000_000)).is_ok());
}

#[test]
fn a_second_successor_waits_until_the_first_is_used_or_a_minute_old() {
    let World { mut state, .. } = world();
    let database: DatabaseName = "orders-1".parse().unwrap();
    let renew = |serial: &str, not_after| Request::Renew {
        database: database.clone(),
        serial: "orders-1".to_owned(),
        certificate: Certificate { serial: serial.to_owned(), not_after: Timestamp(not_after) },
    };
    let (orders, here) =
        (agent("orders-1"), Circumstances { actor: agent("orders-1"), now: Timestamp(1_000) });
    ask(&mut state, &orders, &renew("2", 2_000_000));
    let refused = decide(&state, &renew("3", 2_059_999), &here);
    assert_eq!(refused, Err(Refusal::JustRenewed { database: database.clone() }));
    ask(&mut state, &orders, &renew("3", 2_060_000));
    ask(
        &mut state,
        &orders,
        &Request::CertificateSeen { database: database.clone(), serial: "3".to_owned() },
    );
    let used = Request::Renew {
        database: database.clone(),
        serial: "3".to_owned(),
        certificate: Certificate { serial: "4".to_owned(), not_after: Timestamp(2_060_001) },
    };
    ask(&mut state, &orders, &used);
}
