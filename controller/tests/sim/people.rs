//! What people do: with a plan in mind, and at random.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use pgbelay_core::access::{Certificate, Role};
use pgbelay_core::backup::Looks;
use pgbelay_core::decide::rests_on;
use pgbelay_core::digest::Digest;
use pgbelay_core::event::{Actor, Event};
use pgbelay_core::judge::AllJudged;
use pgbelay_core::migration::{MigrationSource, Version};
use pgbelay_core::name::{DatabaseName, EnvironmentName};
use pgbelay_core::origin::Layout;
use pgbelay_core::plan::{Goal, PlanId};
use pgbelay_core::policy::{
    BackupEach, BackupPolicy, Blackout, OnFailure, Policy, Rehearsal, WaveRules, Window,
};
use pgbelay_core::release::Release;
use pgbelay_core::request::{Refusal, Request};
use pgbelay_core::rollout::{Confirmation, RolloutId, RolloutState, TargetState, Verdict};
use pgbelay_core::time::{Span, Timestamp};

use crate::agent::Agent;
use crate::world::{Happening, SECOND, World};

/// The first tables of a service, one more with each release.
static RELEASES: LazyLock<Vec<Release>> = LazyLock::new(|| (1..=5).map(release).collect());

const PEOPLE: [(&str, Role); 5] = [
    ("root", Role::Admin),
    ("olga", Role::Operator),
    ("alice", Role::Approver),
    ("bob", Role::Approver),
    ("vera", Role::Viewer),
];

fn release(count: usize) -> Release {
    let migration = |number: usize| {
        let version: Version = format!("{number:03}").parse().unwrap();
        let up = format!("CREATE TABLE t{number} (id int);");
        let down = Some(format!("DROP TABLE t{number};"));
        MigrationSource::plain(version, format!("t{number}"), &up, down).analyse().unwrap()
    };
    Release::new(Layout::Plain, (1..=count).map(migration).collect()).unwrap()
}

pub(crate) fn how_it_ended(state: &RolloutState) -> &'static str {
    match state {
        RolloutState::Finished { verdict: Verdict::Succeeded, .. } => "succeeded",
        RolloutState::Finished { verdict: Verdict::Failed, .. } => "failed",
        RolloutState::Finished { verdict: Verdict::Aborted, .. } => "aborted",
        RolloutState::Running | RolloutState::Paused { .. } | RolloutState::Aborting => "not over",
    }
}

fn environment(name: &str) -> EnvironmentName {
    name.parse().unwrap()
}

impl World {
    /// Asks as somebody does; nobody answers while the controller is down.
    fn ask(&mut self, who: &str, request: &Request) -> Option<Result<Vec<Event>, Refusal>> {
        self.controller.as_ref()?;
        let actor = Actor::Operator(who.parse().unwrap());
        Some(self.book().ask(&actor, request))
    }

    pub(crate) fn ask_itself(&mut self, request: &Request) -> Option<Result<Vec<Event>, Refusal>> {
        self.controller.as_ref()?;
        Some(self.book().ask(&Actor::Controller, request))
    }

    fn certificate(&self, serial: &str) -> Certificate {
        Certificate { serial: serial.to_owned(), not_after: Timestamp(i64::MAX) }
    }

    /// The first people, and the first policy.
    pub(crate) fn appoint(&mut self) {
        PEOPLE.into_iter().for_each(|person| self.add_operator(person));
        let policy = self.policy();
        self.ask("root", &Request::ApplyPolicy(policy)).unwrap().unwrap();
    }

    fn add_operator(&mut self, (name, role): (&str, Role)) {
        let certificate = self.certificate(name);
        let name = name.parse().unwrap();
        drop(self.ask_itself(&Request::AddOperator { name, role, environments: None, certificate }));
    }

    fn policy(&mut self) -> Policy {
        let mut policy = Policy::initial(&[environment("staging"), environment("production")]);
        for environment in &mut policy.environments {
            environment.approvals = u32::try_from(self.dice.below(3)).unwrap().into();
            if self.dice.one_in(5) {
                let rules = serde_json::json!([{ "count": 1 }, { "count": 1, "roles": ["admin"] }]);
                environment.approvals = serde_json::from_value(rules).unwrap();
            }
            if environment.name.as_str() == "production" && self.dice.one_in(3) {
                environment.soak = Some(Span::seconds(60 * self.dice.between(5, 90)));
                environment.unreachable_after = Span::seconds(60 * self.dice.between(5, 60));
            }
            if self.dice.one_in(2) {
                let queries = serde_json::json!([
                    { "name": "orphans", "query": "SELECT count(*) FROM t1", "expect": 0 },
                    { "name": "alive", "query": "SELECT true" },
                ]);
                environment.verify = serde_json::from_value(queries).unwrap();
            }
            if self.dice.one_in(3) {
                environment.rehearsal = Rehearsal::Schema;
            }
            environment.on_failure =
                [OnFailure::Halt, OnFailure::RollbackWave, OnFailure::RollbackAll][self.dice.below(3)];
            environment.max_parallel = u32::try_from(self.dice.between(1, 5)).unwrap();
            if self.dice.one_in(4) {
                environment.backup = BackupPolicy::Off;
            }
            (environment.windows, environment.blackouts) = self.hours();
            if self.dice.one_in(16) {
                environment.freeze = Some("an incident".to_owned());
            }
            (environment.waves, environment.first_bake) = self.waves();
            environment.max_failures = u32::try_from(self.dice.below(2)).unwrap();
            environment.max_unknown = u32::try_from(self.dice.below(2)).unwrap();
            if self.dice.one_in(4) {
                environment.step_deadline = Some(Span::seconds(300));
            }
            if self.dice.one_in(3) {
                environment.progress_deadline = Some(Span::seconds(60 * self.dice.between(4, 30)));
            }
            if let BackupPolicy::Required(rules) = &mut environment.backup
                && self.dice.one_in(4)
            {
                rules.each = BackupEach::Migration;
            }
        }
        if self.dice.one_in(30) {
            policy.freeze = Some("an incident".to_owned());
        }
        policy
    }

    /// When work may begin: in each form that there is.
    fn hours(&mut self) -> (Vec<Window>, Vec<Blackout>) {
        let (mut windows, mut blackouts) = (Vec::new(), Vec::new());
        if self.dice.one_in(3) {
            let from = self.dice.between(0, 23);
            windows.push(serde_json::json!({
                "from": format!("{from:02}:00"),
                "to": format!("{:02}:30", (from + self.dice.between(4, 12)) % 24),
            }));
        }
        if self.dice.one_in(8) {
            windows.push(self.schedule(4));
        }
        if self.dice.one_in(8) {
            // Every history begins on the evening of a 14th, and goes wrong until the night is over.
            let from = self.dice.between(19, 27);
            let to = from + self.dice.between(1, 4);
            let moment = |hour: i64| format!("2023-11-{} {:02}:{:02}", 14 + hour / 24, hour % 24, hour % 7);
            blackouts.push(serde_json::json!({ "from": moment(from), "to": moment(to), "reason": "a sale" }));
        }
        if self.dice.one_in(8) {
            blackouts.push(self.schedule(1));
        }
        let read = |json: Vec<_>| serde_json::from_value(serde_json::Value::Array(json));
        (read(windows).unwrap(), serde_json::from_value(serde_json::Value::Array(blackouts)).unwrap())
    }

    /// As cron has it, for some hours: in UTC, or by a clock that is never set.
    fn schedule(&mut self, least: i64) -> serde_json::Value {
        let (minute, hour) = (self.dice.between(0, 59), self.dice.between(0, 23));
        let days = [
            "* * *",
            "14-16 11 *",
            "* * TUE-THU",
            "31 * 2",
            "*/14,15 * *",
            "* * WED#3,TUE#2",
            "L,15 11 THUL",
        ];
        let days = days[self.dice.below(days.len())];
        serde_json::json!({
            "schedule": format!("{minute} {hour} {days}"),
            "duration": format!("{}h", least + self.dice.between(0, 3 * least)),
            "zone": if self.dice.one_in(2) { "Asia/Kolkata" } else { "UTC" },
        })
    }

    /// In which groups databases are reached, and how long is waited after the first that changed something.
    fn waves(&mut self) -> (Vec<WaveRules>, Option<Span>) {
        let waves = match self.dice.below(6) {
            0 | 1 => serde_json::json!([
                { "count": 1, "bake": "20m" },
                { "percent": 50, "max_parallel": 2, "pause": self.dice.one_in(2), "allow_empty": true },
            ]),
            2 => serde_json::json!([
                { "select": "tier=canary", "bake": "10m", "allow_empty": true },
                { "select": ["region=eu"], "count": 2, "order_by": "tier", "allow_empty": true },
                { "select": "region=us,tier=main", "allow_empty": true, "pause": self.dice.one_in(3) },
            ]),
            _ => return (Vec::new(), None),
        };
        let first_bake = self.dice.one_in(2).then(|| Span::seconds(60 * self.dice.between(5, 45)));
        (serde_json::from_value(waves).unwrap(), first_bake)
    }

    /// Lets an agent in, the first time or again.
    pub(crate) fn enrol(&mut self, name: &DatabaseName, place: &str) {
        if self.controller.is_none() {
            return;
        }
        self.tokens += 1;
        let (token, secret) = (format!("t{}", self.tokens).parse().unwrap(), Digest::of("secret"));
        let create = Request::CreateToken {
            id: token,
            secret,
            database: name.clone(),
            environment: environment(place),
            labels: self.labels(),
            lifetime: Span::hours(1),
        };
        let created = self.ask("root", &create).is_some_and(|asked| asked.is_ok());
        let Request::CreateToken { id: token, .. } = create else { return };
        let serial = format!("{name}-{}", self.tokens);
        let certificate = self.certificate(&serial);
        let system_identifier = format!("system-of-{name}");
        let enrol = Request::Enrol { token, secret, database: name.clone(), system_identifier, certificate };
        if !created || self.ask_itself(&enrol).is_none_or(|asked| asked.is_err()) {
            return;
        }
        let agent =
            self.agents.entry(name.clone()).or_insert_with(|| Agent::new(name.clone(), String::new()));
        agent.serial = serial;
        let (process, link) = (agent.process, agent.link.take());
        if let Some(controller) = &mut self.controller {
            controller.enrolled(name);
        }
        if let Some(link) = link {
            self.cut(link);
        }
        self.after(SECOND, Happening::Connect { database: name.clone(), process });
    }

    /// They are others each time that an agent is let in.
    fn labels(&mut self) -> BTreeMap<String, String> {
        let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let region = ["eu", "us"][self.dice.below(2)];
        let tier = ["canary", "main", "main"].get(self.dice.below(4));
        tier.map(|tier| label("tier", tier)).into_iter().chain([label("region", region)]).collect()
    }

    /// Somebody does something.
    pub(crate) fn act(&mut self) {
        match self.dice.below(26) {
            0..=7 => self.migrate(),
            8 => self.roll_back(),
            9 => {
                let by = ["root", "olga", "alice", "bob", "vera"][self.dice.below(5)];
                if let Some(plan) = self.some_plan() {
                    drop(self.ask(by, &Request::Approve { plan }));
                }
            }
            10 => {
                if let Some(plan) = self.some_plan() {
                    self.start("olga", plan);
                }
            }
            11 => self.steer(|rollout| Request::PauseRollout { rollout }),
            12 | 13 => self.steer(|rollout| Request::ResumeRollout { rollout }),
            14 => self.steer(|rollout| Request::AbortRollout { rollout }),
            15 => self.cancel_one(),
            16 => self.resolve_all(),
            17 if self.dice.one_in(3) => {
                let policy = self.policy();
                drop(self.ask("root", &Request::ApplyPolicy(policy)));
            }
            18 if self.dice.one_in(2) => self.revoke_or_enrol(),
            19 if self.dice.one_in(3) => self.dismiss_or_appoint(),
            20 | 21 => self.steer(|rollout| Request::RetryRollout { rollout }),
            22 => {
                let names: Vec<_> = self.agents.keys().cloned().collect();
                if let Some(database) = self.dice.pick(&names).cloned() {
                    let skip = |rollout| Request::SkipTarget {
                        rollout,
                        database: database.clone(),
                        reason: "broken".to_owned(),
                    };
                    self.steer(skip);
                }
            }
            23 => self.steer_as("root", |rollout| Request::PassWave { rollout }),
            24 if self.dice.one_in(2) => {
                let reason = "it cannot wait".to_owned();
                self.steer_as("root", |rollout| Request::OverrideWindow { rollout, reason: reason.clone() });
            }
            25 => self.freeze_or_thaw(),
            _ => self.release_one(),
        }
    }

    fn push(&mut self) -> Digest {
        let release = self.dice.pick(&RELEASES).unwrap().clone();
        let id = release.id;
        drop(self.ask("olga", &Request::RecordRelease(release)));
        id
    }

    fn place(&mut self) -> EnvironmentName {
        environment(if self.dice.one_in(2) { "production" } else { "staging" })
    }

    fn migrate(&mut self) {
        let (release, place) = (self.push(), self.place());
        self.go(place, Goal::Release { release });
    }

    fn roll_back(&mut self) {
        let (to, place) = (self.dice.below(4), self.place());
        let target = (to > 0).then(|| format!("{to:03}").parse().unwrap());
        self.go(place, Goal::Back { target });
    }

    /// What people do to get something done. Any step may be refused, or be forgotten.
    fn go(&mut self, place: EnvironmentName, goal: Goal) {
        let fresh = self.look();
        let author = if self.dice.one_in(4) { "root" } else { "olga" };
        let request = Request::CreatePlan {
            environment: place,
            goal,
            fresh,
            judged: AllJudged::new(),
            sizes: Default::default(),
            histories: Default::default(),
        };
        let Some(Ok(made)) = self.ask(author, &request) else { return };
        let Some(Event::PlanCreated { plan }) = made.first() else { return };
        for by in ["alice", "bob", author] {
            if !self.dice.one_in(3) {
                drop(self.ask(by, &Request::Approve { plan: plan.id.clone() }));
            }
        }
        if !self.dice.one_in(8) {
            self.start(author, plan.id.clone());
        }
    }

    /// Every agent that is connected tells what it reads.
    pub(crate) fn look(&mut self) -> BTreeSet<DatabaseName> {
        let Some(controller) = &self.controller else { return BTreeSet::new() };
        let mut fresh = BTreeSet::new();
        for (name, agent) in &self.agents {
            if agent.up && controller.is_connected(name) {
                let observe = Request::Observe { database: name.clone(), observation: agent.observation() };
                if self.book().ask(&Actor::Agent(name.clone()), &observe).is_ok() {
                    fresh.insert(name.clone());
                }
            }
        }
        fresh
    }

    fn start(&mut self, who: &str, plan: PlanId) {
        let known = self.book().state.plans.get(&plan).map(|known| known.plan.clone());
        let Some(known) = known else { return };
        let rests = rests_on(&self.book().state, &known);
        let looks: Looks = rests.into_iter().map(|backup| (backup, Ok(()))).collect();
        let request = Request::StartRollout {
            plan,
            confirmation: Confirmation::Typed,
            acknowledged: BTreeSet::new(),
            sizes: Default::default(),
            looks,
        };
        drop(self.ask(who, &request));
    }

    fn some_plan(&mut self) -> Option<PlanId> {
        let plans: Vec<_> = self.book().state.plans.keys().cloned().collect();
        self.dice.pick(&plans).cloned()
    }

    /// Mostly one of the last rollouts.
    fn steer(&mut self, how: impl Fn(RolloutId) -> Request) {
        let who = if self.dice.one_in(6) { "vera" } else { "olga" };
        self.steer_as(who, how);
    }

    fn steer_as(&mut self, who: &str, how: impl Fn(RolloutId) -> Request) {
        let mut rollouts: Vec<_> =
            self.book().state.rollouts.values().map(|r| (r.started_at, r.id.clone())).collect();
        rollouts.sort();
        let last = rollouts.len().saturating_sub(3);
        if let Some((_, rollout)) = self.dice.pick(&rollouts[last..]).cloned() {
            drop(self.ask(who, &how(rollout)));
        }
    }

    fn cancel_one(&mut self) {
        let names: Vec<_> = self.agents.keys().cloned().collect();
        if let Some(database) = self.dice.pick(&names).cloned() {
            self.steer(|rollout| Request::CancelTarget { rollout, database: database.clone() });
        }
    }

    /// Somebody looks at what was cut off, and says what is so: here, that it did not take effect.
    fn resolve_all(&mut self) {
        let state = self.book().state.clone();
        for rollout in state.rollouts.values() {
            for (database, target) in &rollout.targets {
                if let TargetState::Unsettled { statement } = &target.state {
                    let request = Request::Resolve {
                        database: database.clone(),
                        version: statement.version.clone(),
                        done: false,
                        reason: "looked".to_owned(),
                    };
                    drop(self.ask("root", &request));
                }
            }
        }
    }

    fn revoke_or_enrol(&mut self) {
        let names: Vec<_> = self.agents.keys().cloned().collect();
        let Some(database) = self.dice.pick(&names).cloned() else { return };
        let revoked = self.book().state.agents.get(&database).is_none_or(|agent| agent.revoked);
        if revoked {
            self.enrol_again(&database);
        } else {
            drop(self.ask("root", &Request::RevokeAgent { database, reason: "lost".to_owned() }));
        }
    }

    fn enrol_again(&mut self, database: &DatabaseName) {
        let place = self.book().state.databases.get(database).map(|known| known.environment.to_string());
        if let Some(place) = place {
            self.enrol(database, &place);
        }
    }

    fn dismiss_or_appoint(&mut self) {
        let person = PEOPLE[1 + self.dice.below(PEOPLE.len() - 1)];
        let operator: pgbelay_core::name::OperatorName = person.0.parse().unwrap();
        let revoked = self.book().state.operators.get(&operator).is_some_and(|o| o.certificates.revoked);
        if revoked {
            self.add_operator(person);
        } else {
            drop(self.ask_itself(&Request::RevokeOperator { operator, reason: "gone".to_owned() }));
        }
    }

    fn freeze_or_thaw(&mut self) {
        let environment = if self.dice.one_in(3) { None } else { Some(self.place()) };
        let frozen = self.book().state.freezes.contains_key(&environment);
        let request = if frozen {
            Request::Unfreeze { environment }
        } else {
            Request::Freeze { environment, reason: "an incident".to_owned() }
        };
        drop(self.ask("root", &request));
    }

    /// Something that was pushed and never planned.
    fn release_one(&mut self) {
        self.push();
    }

    /// People see to it that everything can come to its end: they answer what only people can.
    pub(crate) fn help(&mut self) {
        PEOPLE.into_iter().for_each(|person| self.add_operator(person));
        self.resolve_all();
        let state = self.book().state.clone();
        if self.now.lock().unwrap().elapsed > 0 && !self.eased {
            let mut policy = (*state.policy).clone();
            for environment in &mut policy.environments {
                environment.approvals = 0.into();
                environment.windows.clear();
                environment.blackouts.clear();
                environment.freeze = None;
            }
            policy.freeze = None;
            // Nobody hears it while the controller is down.
            self.eased = self.ask("root", &Request::ApplyPolicy(policy)).is_some_and(|asked| asked.is_ok());
        }
        self.helped += 1;
        for environment in state.freezes.keys() {
            drop(self.ask("root", &Request::Unfreeze { environment: environment.clone() }));
        }
        for rollout in state.rollouts.values().filter(|rollout| !rollout.state.is_finished()) {
            drop(self.ask("root", &Request::ResumeRollout { rollout: rollout.id.clone() }));
            drop(self.ask("root", &Request::PassWave { rollout: rollout.id.clone() }));
            if self.helped.is_multiple_of(3) {
                self.leave_out(rollout);
            } else {
                drop(self.ask("root", &Request::RetryRollout { rollout: rollout.id.clone() }));
            }
            for by in ["alice", "bob", "root"] {
                drop(self.ask(by, &Request::Approve { plan: rollout.plan.clone() }));
            }
        }
    }

    /// What goes wrong again and again is left out.
    fn leave_out(&mut self, rollout: &pgbelay_core::rollout::Rollout) {
        let bad = rollout.targets.iter().filter(|(_, target)| target.state.is_bad());
        for (database, _) in bad {
            let (rollout, database, reason) =
                (rollout.id.clone(), database.clone(), "it does not work".to_owned());
            drop(self.ask("root", &Request::SkipTarget { rollout, database, reason }));
        }
    }

    /// Whether every rollout is over.
    pub(crate) fn is_quiet(&self) -> bool {
        let book = self.book();
        self.controller.is_some() && book.state.rollouts.values().all(|rollout| rollout.state.is_finished())
    }

    pub(crate) fn abort_all(&mut self) {
        let open: Vec<_> = {
            let book = self.book();
            let open = book.state.rollouts.values().filter(|rollout| !rollout.state.is_finished());
            open.map(|rollout| rollout.id.clone()).collect()
        };
        for rollout in open {
            drop(self.ask("root", &Request::AbortRollout { rollout }));
        }
    }
}
