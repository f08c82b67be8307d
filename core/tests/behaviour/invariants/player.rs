//! Lets a history happen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use pgbelay_core::access::Role;
use pgbelay_core::command::{Backup, Command, CommandKind, Outcome, StepDone};
use pgbelay_core::database::{AppliedRecord, Observation};
use pgbelay_core::digest::Digest;
use pgbelay_core::event::{Actor, Event};
use pgbelay_core::judge::AllJudged;
use pgbelay_core::name::{DatabaseName, EnvironmentName};
use pgbelay_core::outstanding::{Effect, outstanding};
use pgbelay_core::plan::{Goal, PlanId};
use pgbelay_core::policy::{BackupEach, BackupPolicy, Policy, Retention};
use pgbelay_core::release::Release;
use pgbelay_core::request::{Refusal, Request};
use pgbelay_core::rollout::{Confirmation, RolloutId};
use pgbelay_core::time::{Span, Timestamp};
use pgbelay_core::witness::{Checkpoint, Incarnation, Looked};

use super::history::{Act, Deed, History, How, Lie, RELEASES};
use crate::agent::Fate;
use crate::releases::{tables, version};
use crate::world::{Asked, World, operator};

static ALL_RELEASES: LazyLock<Vec<Release>> = LazyLock::new(|| (1..=RELEASES).map(tables).collect());

const PEOPLE: [(&str, Role); 5] = [
    ("root", Role::Admin),
    ("olga", Role::Operator),
    ("alice", Role::Approver),
    ("bob", Role::Approver),
    ("vera", Role::Viewer),
];

/// A world with a history going on in it.
pub(super) struct Player {
    pub(super) world: World,
    pub(super) fleet: Vec<DatabaseName>,
    eager: bool,
    /// Results that were not told yet.
    pub(super) untold: Vec<(DatabaseName, Command, Outcome)>,
    told: Vec<(DatabaseName, Command, Outcome)>,
    looks: Vec<(DatabaseName, Observation)>,
    /// Databases with something in them that the controller was not told of in a way that it listens to.
    pub(super) unheard: BTreeSet<DatabaseName>,
    /// Those that were like this at any time.
    pub(super) ever_unheard: BTreeSet<DatabaseName>,
}

/// One of several policies: with and without approvals and backups, wide and narrow.
fn policy(which: usize) -> Policy {
    let mut policy = Policy::initial(&[environment(false), environment(true)]);
    for (at, environment) in policy.environments.iter_mut().enumerate() {
        environment.approvals = u32::from(which == 1 || (which == 3 && at == 1)).into();
        environment.backup = if which == 2 { BackupPolicy::Off } else { BackupPolicy::required() };
        if which == 3
            && let BackupPolicy::Required(rules) = &mut environment.backup
        {
            rules.each = BackupEach::Migration;
        }
        environment.backup_retention = match which {
            0 => Some(Retention { keep: Some(1), days: None }),
            3 => Some(Retention { keep: Some(2), days: Some(1) }),
            _ => None,
        };
        if which == 4 {
            let (window, blackout) = if at == 0 {
                (
                    r#"{"days":"mon-sat","from":"05:00","to":"23:30","zone":"Europe/Berlin"}"#,
                    r#"{"from":"12:00","to":"13:00","zone":"Asia/Tokyo"}"#,
                )
            } else {
                (
                    r#"{"schedule":"0 5 * * mon-sat","duration":"1110m","zone":"Europe/Berlin"}"#,
                    r#"{"schedule":"0 */12 * * *","duration":"1h","zone":"Asia/Tokyo"}"#,
                )
            };
            environment.windows = vec![serde_json::from_str(window).unwrap()];
            environment.blackouts = vec![serde_json::from_str(blackout).unwrap()];
        }
        environment.freeze = (which == 5 && at == 1).then(|| "an incident".to_owned());
        environment.max_parallel = if which == 3 { 1 } else { 4 };
        if which == 6 {
            let waves = serde_json::json!([
                { "select": "region=eu", "count": 1, "bake": "2h", "allow_empty": true },
                { "percent": 50, "max_parallel": 1, "pause": true, "allow_empty": true },
            ]);
            environment.waves = serde_json::from_value(waves).unwrap();
            (environment.max_failures, environment.max_unknown) = (1, 1);
            environment.step_deadline = Some(Span::hours(1));
            environment.progress_deadline = Some(Span::hours(3));
        }
    }
    policy
}

fn labels(at: usize) -> BTreeMap<String, String> {
    [("region".to_owned(), if at.is_multiple_of(3) { "eu" } else { "us" }.to_owned())].into()
}

fn environment(production: bool) -> EnvironmentName {
    if production { "production" } else { "staging" }.parse().unwrap()
}

fn start(world: &World, plan: PlanId, confirmation: Confirmation) -> Request {
    let (looks, sizes) = (world.looks(&plan), Default::default());
    Request::StartRollout { plan, confirmation, acknowledged: BTreeSet::new(), sizes, looks }
}

impl Player {
    pub(super) fn new(history: &History, watch: impl FnMut(&Asked<'_>) + 'static) -> Self {
        let mut world = World::new().watched(watch);
        world.ask(&operator("root"), &Request::ApplyPolicy(policy(history.policy))).unwrap();
        let mut fleet = Vec::new();
        for (at, production) in history.fleet.iter().enumerate() {
            let name: DatabaseName = format!("db{}", at + 1).parse().unwrap();
            world.enrol(&name, &environment(*production), labels(at)).unwrap();
            fleet.push(name);
        }
        let (untold, told, looks) = (Vec::new(), Vec::new(), Vec::new());
        let (unheard, ever_unheard) = (BTreeSet::new(), BTreeSet::new());
        Self { world, fleet, eager: history.eager, untold, told, looks, unheard, ever_unheard }
    }

    pub(super) fn act(&mut self, act: &Act) {
        match act {
            Act::Migrate { production, release, how } => {
                let release = self.push(*release);
                self.go(*production, Goal::Release { release }, *how);
            }
            Act::RollBack { production, to, how } => {
                let target = (*to > 0).then(|| version(&format!("{to:03}")));
                self.go(*production, Goal::Back { target }, *how);
            }
            Act::Push { release } => drop(self.push(*release)),
            Act::Approve { plan, by } => self.approve(*plan, PEOPLE[*by].0),
            Act::Start { plan } => self.start(*plan),
            Act::Pause { rollout } => self.steer(*rollout, |rollout| Request::PauseRollout { rollout }),
            Act::Resume { rollout } => self.steer(*rollout, |rollout| Request::ResumeRollout { rollout }),
            Act::Abort { rollout } => self.steer(*rollout, |rollout| Request::AbortRollout { rollout }),
            Act::Retry { rollout } => self.steer(*rollout, |rollout| Request::RetryRollout { rollout }),
            Act::Skip { rollout, database } => {
                let (database, reason) =
                    (self.fleet[database % self.fleet.len()].clone(), "it is odd".to_owned());
                self.steer(*rollout, |rollout| Request::SkipTarget {
                    rollout,
                    database: database.clone(),
                    reason: reason.clone(),
                });
            }
            Act::PassWave { rollout } => self.pass_wave(*rollout),
            Act::Relabel { database } => self.relabel(*database),
            Act::Advance => drop(self.world.advance()),
            Act::Policy { which } => drop(self.ask("root", &Request::ApplyPolicy(policy(*which)))),
            Act::Wait { hours } => self.world.now = self.world.now + Span::hours(*hours),
            Act::Prune { database } => self.prune(*database),
            Act::RevokeOperator { which } => self.revoke_operator(PEOPLE[*which].0),
            Act::AddOperator { which } => self.add_operator(PEOPLE[*which]),
            Act::AcceptLedger => self.accept_ledger(),
            Act::GoOn => self.go_on(),
            Act::Tell { which } => self.tell(*which),
            Act::TellAgain { which } => self.tell_again(*which),
            Act::TellOldLook { which } => self.tell_old_look(*which),
            Act::To { database, what } => {
                let name = self.pick(*database);
                self.happens_to(name, what);
            }
        }
        if self.eager {
            self.world.advance();
        }
    }

    /// One that has something to do, if there is one: most of what happens, happens to it.
    fn pick(&self, which: usize) -> DatabaseName {
        let busy: Vec<_> = self.fleet.iter().filter(|name| self.world.in_hand(name).is_some()).collect();
        match busy.get(which) {
            Some(name) => (*name).clone(),
            None => self.fleet[which % self.fleet.len()].clone(),
        }
    }

    /// Long enough for a backup and a run.
    fn go_on(&mut self) {
        for _ in 0..3 {
            self.world.advance();
            for name in self.fleet.clone() {
                self.work(&name, &Fate::Well, true);
            }
        }
    }

    fn happens_to(&mut self, name: DatabaseName, what: &Deed) {
        let from_agent = Actor::Agent(name.clone());
        match what {
            Deed::Work(fate) => self.work(&name, fate, true),
            Deed::WorkQuietly(fate) => self.work(&name, fate, false),
            Deed::Accept => {
                if let Some(command) = self.world.in_hand(&name) {
                    let request = Request::Accepted { command: command.id, attempt: command.attempt };
                    drop(self.world.ask(&from_agent, &request));
                }
            }
            Deed::FindOut => self.find_out(&name),
            Deed::Observe => self.observe(&name),
            Deed::Look => self.looks.push((name.clone(), self.world.agents[&name].observation())),
            Deed::Silent => {
                drop(self.world.ask(&Actor::Controller, &Request::AgentSilent { database: name }));
            }
            Deed::Lost { minutes } => {
                let since = self.world.now + Span::seconds(-60 * minutes);
                drop(self.world.ask(&Actor::Controller, &Request::Unreachable { database: name, since }));
            }
            Deed::Found => {
                drop(self.world.ask(&Actor::Controller, &Request::Reachable { database: name }));
            }
            Deed::Back => drop(self.world.ask(&from_agent, &Request::AgentBack { database: name })),
            Deed::Change => {
                self.world.agents.get_mut(&name).unwrap().changes += 1;
                self.not_heard(&name);
            }
            Deed::Check { which, quick, whole } => self.check(name, *which, (*quick, *whole)),
            Deed::Delete => self.delete(&name),
            Deed::Revoke => {
                drop(self.ask("root", &Request::RevokeAgent { database: name, reason: "lost".to_owned() }));
            }
            Deed::Enrol => {
                let place = self.world.state.databases[&name].environment.clone();
                let labels = self.world.state.databases[&name].labels.clone();
                if self.world.enrol(&name, &place, labels).is_ok() {
                    self.unheard.remove(&name);
                }
            }
            Deed::Doubt => self.doubt(name),
            Deed::Lie(lie) => self.lie(&name, lie),
        }
    }

    /// Whoever is left of the admins: it is about the ledger, not about them.
    pub(super) fn accept_ledger(&mut self) {
        let request = Request::AcceptLedger { reason: "it is the right one".to_owned() };
        drop(self.world.ask(&Actor::Controller, &request));
    }

    fn doubt(&mut self, database: DatabaseName) {
        let (incarnation, acceptances) =
            (Incarnation::from_bytes([1; 16]), self.world.state.trust.acceptances);
        let at = |seq| Checkpoint { incarnation, acceptances, seq, hash: Digest::of("entry") };
        let head = at(self.world.state.seq);
        let looked = Looked { head, hash: None };
        let request = Request::Witness { database: database.clone(), witnessed: at(head.seq + 1), looked };
        drop(self.world.ask(&Actor::Agent(database), &request));
    }

    fn ask(&mut self, who: &str, request: &Request) -> Result<Vec<Event>, Refusal> {
        self.world.ask(&operator(who), request)
    }

    fn push(&mut self, release: usize) -> Digest {
        let release = ALL_RELEASES[release].clone();
        let id = release.id;
        drop(self.ask("olga", &Request::RecordRelease(release)));
        id
    }

    /// What a person does to get something done; any step may be refused.
    fn go(&mut self, production: bool, goal: Goal, how: How) {
        for name in self.fleet.clone() {
            self.observe(&name);
        }
        let fresh = self.fleet.iter().cloned().collect();
        let (author, approver) = match how {
            How::Properly | How::WithAWordThatIsGone => ("olga", "alice"),
            How::Alone => ("root", "root"),
        };
        // Nobody judges: what is acknowledged has a story of its own.
        let judged = AllJudged::new();
        let request = Request::CreatePlan {
            environment: environment(production),
            goal,
            fresh,
            judged,
            sizes: Default::default(),
            histories: Default::default(),
        };
        let made = self.ask(author, &request);
        let Ok([Event::PlanCreated { plan }]) = made.as_deref() else { return };
        let plan = plan.id.clone();
        drop(self.ask(approver, &Request::Approve { plan: plan.clone() }));
        if let How::WithAWordThatIsGone = how {
            self.revoke_operator(approver);
        }
        let start = start(&self.world, plan, Confirmation::Typed);
        drop(self.ask(author, &start));
        if let How::WithAWordThatIsGone = how {
            self.add_operator((approver, Role::Approver));
        }
    }

    fn plan(&self, which: usize) -> Option<PlanId> {
        let plans: Vec<_> = self.world.state.plans.keys().collect();
        plans.get(which % plans.len().max(1)).map(|plan| (*plan).clone())
    }

    fn approve(&mut self, plan: usize, by: &str) {
        if let Some(plan) = self.plan(plan) {
            drop(self.ask(by, &Request::Approve { plan }));
        }
    }

    fn start(&mut self, plan: usize) {
        if let Some(plan) = self.plan(plan) {
            let start = start(&self.world, plan, Confirmation::Forced);
            drop(self.ask("olga", &start));
        }
    }

    fn pass_wave(&mut self, which: usize) {
        let rollouts: Vec<_> = self.world.state.rollouts.keys().cloned().collect();
        if let Some(rollout) = rollouts.get(rollouts.len().saturating_sub(1 + which % 2)).cloned() {
            drop(self.ask("alice", &Request::PassWave { rollout }));
        }
    }

    /// A new invitation gives a database other labels.
    fn relabel(&mut self, which: usize) {
        let name = self.fleet[which % self.fleet.len()].clone();
        let database = &self.world.state.databases[&name];
        let (place, was) = (database.environment.clone(), database.labels["region"].clone());
        let region = if was == "eu" { "us" } else { "eu" }.to_owned();
        if self.world.enrol(&name, &place, [("region".to_owned(), region)].into()).is_ok() {
            self.unheard.remove(&name);
        }
    }

    fn steer(&mut self, which: usize, how: impl Fn(RolloutId) -> Request) {
        let rollouts: Vec<_> = self.world.state.rollouts.keys().cloned().collect();
        if let Some(rollout) = rollouts.get(rollouts.len().saturating_sub(1 + which % 2)) {
            drop(self.ask("olga", &how(rollout.clone())));
        }
    }

    fn prune(&mut self, which: usize) {
        let database = self.fleet[which % self.fleet.len()].clone();
        let backups = self.world.state.backups_of(&database).map(|known| known.id().to_owned()).collect();
        drop(self.ask("olga", &Request::Condemn { database, backups }));
    }

    fn check(&mut self, database: DatabaseName, which: usize, (quick, whole): (bool, bool)) {
        let all: Vec<_> = self.world.state.backups_of(&database).map(|known| known.id().to_owned()).collect();
        let Some(backup) = all.get(which % all.len().max(1)).cloned() else { return };
        let problems = if whole { Vec::new() } else { vec!["a part is missing".to_owned()] };
        let request = if quick {
            Request::RecordLook { database, backup, problems }
        } else {
            Request::RecordCheck { database, backup, problems, notes: Vec::new() }
        };
        drop(self.world.ask(&Actor::Controller, &request));
    }

    fn delete(&mut self, name: &DatabaseName) {
        for effect in outstanding(&self.world.state, self.world.now) {
            if let Effect::DeleteBackup { database, backup } = effect
                && database == *name
            {
                drop(self.world.ask(&Actor::Controller, &Request::BackupGone { database, backup }));
            }
        }
    }

    fn revoke_operator(&mut self, name: &str) {
        let request = Request::RevokeOperator { operator: name.parse().unwrap(), reason: "gone".to_owned() };
        drop(self.world.ask(&Actor::Controller, &request));
    }

    fn add_operator(&mut self, (name, role): (&str, Role)) {
        let certificate = self.world.certificate(name);
        let name = name.parse().unwrap();
        let request = Request::AddOperator { name, role, environments: None, certificate };
        drop(self.world.ask(&Actor::Controller, &request));
    }

    pub(super) fn observe(&mut self, name: &DatabaseName) {
        if self.world.observe(name).is_ok() {
            self.unheard.remove(name);
        }
    }

    pub(super) fn work(&mut self, name: &DatabaseName, fate: &Fate, tells: bool) {
        let Some(command) = self.world.in_hand(name) else { return };
        let now = self.world.now;
        let outcome = self.world.agents.get_mut(name).unwrap().carry_out(&command, fate, now);
        self.untold.push((name.clone(), command, outcome));
        if tells {
            self.tell(self.untold.len() - 1);
        }
    }

    pub(super) fn find_out(&mut self, name: &DatabaseName) {
        let Some(command) = self.world.in_hand(name) else { return };
        let found = self.world.agents.get_mut(name).unwrap().find_out(&command.id);
        if let Some(outcome) = found {
            self.untold.push((name.clone(), command, outcome));
            self.tell(self.untold.len() - 1);
        }
    }

    pub(super) fn tell(&mut self, which: usize) {
        if self.untold.is_empty() {
            return;
        }
        let (name, command, outcome) = self.untold.remove(which % self.untold.len());
        let heard = self.world.report(&name, &command, outcome.clone());
        if !heard.is_ok_and(|events| !events.is_empty()) {
            self.not_heard(&name);
        }
        self.told.push((name, command, outcome));
    }

    /// The controller then believes what was, until somebody looks again; no window may be lost by it.
    fn tell_old_look(&mut self, which: usize) {
        if self.looks.is_empty() {
            return;
        }
        let (database, observation) = self.looks.remove(which % self.looks.len());
        self.unheard.insert(database.clone());
        let request = Request::Observe { database: database.clone(), observation };
        drop(self.world.ask(&Actor::Agent(database), &request));
    }

    fn not_heard(&mut self, name: &DatabaseName) {
        self.unheard.insert(name.clone());
        self.ever_unheard.insert(name.clone());
    }

    fn tell_again(&mut self, which: usize) {
        if let Some((name, command, outcome)) = self.told.get(which % self.told.len().max(1)).cloned() {
            drop(self.world.report(&name, &command, outcome));
        }
    }

    fn lie(&mut self, name: &DatabaseName, lie: &Lie) {
        let Some(mut command) = self.world.in_hand(name) else { return };
        let teller =
            if let Lie::Foreign { by } = lie { &self.fleet[by % self.fleet.len()] } else { name }.clone();
        if matches!(lie, Lie::OtherAttempt) {
            command.attempt += 1;
        }
        let outcome = self.untrue(name, &command, lie);
        drop(self.world.report(&teller, &command, outcome));
    }

    fn untrue(&self, name: &DatabaseName, command: &Command, lie: &Lie) -> Outcome {
        let mut observation = self.world.agents[name].observation();
        let (mut done, mut records) = (Vec::new(), Vec::new());
        if let CommandKind::Run(run) = &command.kind {
            for step in &run.steps {
                done.push(StepDone {
                    version: step.version.clone(),
                    took: Span(1),
                    retries: 0,
                    observed: None,
                });
                records.push(AppliedRecord {
                    version: step.version.clone(),
                    name: step.name.clone(),
                    checksum: step.checksum,
                    applied_at: Timestamp(0),
                    repeatable: step.repeatable,
                    adopted: false,
                });
            }
        }
        match lie {
            Lie::Ran { with_records } => {
                if *with_records {
                    observation.records.extend(records);
                }
                Outcome::Ran { done, observation }
            }
            Lie::RanNothing => Outcome::Ran { done: Vec::new(), observation },
            Lie::BackedUp => {
                let (path, sha256) = ("/nowhere".to_owned(), Digest::of("nothing"));
                Outcome::BackedUp {
                    backup: Backup {
                        path,
                        copies: Vec::new(),
                        sha256,
                        bytes: 0,
                        took: Span(0),
                        method: Default::default(),
                        reason: None,
                        outside: None,
                        sealed_key: None,
                    },
                }
            }
            Lie::DiedElsewhere => {
                let done =
                    vec![StepDone { version: version("999"), took: Span(1), retries: 0, observed: None }];
                Outcome::Interrupted { done, observation: Some(observation) }
            }
            Lie::OtherAttempt | Lie::Foreign { .. } => {
                Outcome::Interrupted { done: Vec::new(), observation: None }
            }
            Lie::Unknown => Outcome::Unknown { why: "nobody knows".to_owned() },
        }
    }
}
