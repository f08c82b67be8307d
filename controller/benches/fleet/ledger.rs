//! The start from a long ledger: years of a fleet whose databases are migrated and rolled back in turn.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use pgbelay_controller::ledger::{Head, Ledger as _, NewEntry, OpenError, SqliteLedger};
use pgbelay_controller::sequencer::entry;
use pgbelay_core::access::Certificate;
use pgbelay_core::backup::Looks;
use pgbelay_core::command::{Backup, Command, CommandKind, Outcome, StepDone};
use pgbelay_core::database::{AppliedRecord, Observation, no_conditions};
use pgbelay_core::decide::{decide, rests_on};
use pgbelay_core::digest::Digest;
use pgbelay_core::event::{Actor, Event, Recorded};
use pgbelay_core::evolve::evolve;
use pgbelay_core::judge::AllJudged;
use pgbelay_core::migration::{MigrationSource, Version};
use pgbelay_core::name::DatabaseName;
use pgbelay_core::origin::Layout;
use pgbelay_core::plan::{Direction, Goal, PlanId};
use pgbelay_core::release::Release;
use pgbelay_core::request::{Circumstances, Request};
use pgbelay_core::rollout::Confirmation;
use pgbelay_core::state::State;
use pgbelay_core::time::{Span, Timestamp};

use crate::controller::Controller;
use crate::{say, start_figure};

const DATABASES: usize = 100;
const BATCH: usize = 10_000;

/// The longest that a snapshot is waited for.
const SNAPSHOT: Duration = Duration::from_secs(300);

/// A controller without its shell, that writes down what happens.
struct Years {
    state: State,
    now: Timestamp,
    ledger: SqliteLedger,
    head: Head,
    unwritten: Vec<NewEntry>,
    databases: BTreeMap<DatabaseName, Vec<AppliedRecord>>,
}

/// Writes a ledger of so many events, and starts a controller on it.
pub(crate) async fn start(events: u64) -> anyhow::Result<()> {
    let mut controller = Controller::set_up()?;
    let begun = Instant::now();
    let written = Years::begin(&controller)?.live(events)?;
    let bytes = fs::metadata(controller.home.ledger())?.len();
    say(&format!("\na ledger of {written} events was made in {:.0} s\n", begun.elapsed().as_secs_f64()));
    say("| what | is | aim |\n|---|---:|---:|");
    let begun = Instant::now();
    controller.run().await?;
    start_figure(written, bytes, "without a snapshot", begun.elapsed());
    memory_figure(&controller)?;
    let snapshot = controller.home.ledger().with_file_name("state.snapshot");
    while !snapshot.exists() {
        ensure!(begun.elapsed() < SNAPSHOT, "no snapshot is written");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    say(&format!("| it has a snapshot after | {:.1} s | |", begun.elapsed().as_secs_f64()));
    say(&format!("| its size | {:.0} MB | |", fs::metadata(&snapshot)?.len() as f64 / 1e6));
    controller.kill()?;
    let begun = Instant::now();
    controller.run().await?;
    start_figure(written, bytes, "with a snapshot", begun.elapsed());
    memory_figure(&controller)
}

fn memory_figure(controller: &Controller) -> anyhow::Result<()> {
    let memory = controller.memory()? as f64 / 1_048_576.0;
    say(&format!("| memory of the controller then | {memory:.0} MiB | |"));
    Ok(())
}

impl Years {
    fn begin(controller: &Controller) -> anyhow::Result<Self> {
        let mut state = State::default();
        let ledger = SqliteLedger::open(&controller.home.ledger(), |stored| {
            if let Ok(event) = serde_json::from_str(&stored.body) {
                // Init's own events follow each other.
                drop(evolve(&mut state, &Recorded { seq: stored.seq, at: stored.at, event }));
            }
            Ok::<_, OpenError>(())
        })?;
        let head = ledger.head()?;
        let now = Timestamp(1_700_000_000_000);
        let (unwritten, databases) = (Vec::new(), BTreeMap::new());
        Ok(Self { state, now, ledger, head, unwritten, databases })
    }

    fn live(mut self, events: u64) -> anyhow::Result<u64> {
        for number in 1..=DATABASES {
            self.enrol(format!("db{number:03}").parse()?)?;
        }
        let up = MigrationSource::plain(
            "001".parse()?,
            "t1",
            "CREATE TABLE t1 (id int);",
            Some("DROP TABLE t1;".to_owned()),
        );
        let release = Release::new(Layout::Plain, vec![up.analyse()?])?;
        let id = release.id;
        let olga = Actor::Operator("root".parse()?);
        self.ask(&olga, &Request::RecordRelease(release))?;
        let mut forward = true;
        while self.state.seq < events {
            let goal = if forward { Goal::Release { release: id } } else { Goal::Back { target: None } };
            self.rollout(&olga, goal)?;
            forward = !forward;
        }
        self.write()?;
        Ok(self.state.seq)
    }

    fn ask(&mut self, actor: &Actor, request: &Request) -> anyhow::Result<Vec<Event>> {
        let here = Circumstances { actor: actor.clone(), now: self.now };
        let events = decide(&self.state, request, &here)?;
        for event in &events {
            self.unwritten.push(entry(event, &here)?);
            let recorded = Recorded { seq: self.state.seq + 1, at: self.now, event: event.clone() };
            evolve(&mut self.state, &recorded)?;
        }
        if self.unwritten.len() >= BATCH {
            self.write()?;
        }
        Ok(events)
    }

    fn write(&mut self) -> anyhow::Result<()> {
        self.head = self.ledger.append(&self.head, &self.unwritten)?;
        self.unwritten.clear();
        Ok(())
    }

    fn enrol(&mut self, name: DatabaseName) -> anyhow::Result<()> {
        let (token, secret) = (format!("t{}", self.databases.len()).parse()?, Digest::of("secret"));
        let create = Request::CreateToken {
            id: token,
            secret,
            database: name.clone(),
            environment: "staging".parse()?,
            labels: BTreeMap::new(),
            lifetime: Span::hours(1),
        };
        self.ask(&Actor::Operator("root".parse()?), &create)?;
        let Request::CreateToken { id: token, .. } = create else { return Ok(()) };
        let certificate = Certificate { serial: name.to_string(), not_after: Timestamp(i64::MAX) };
        let system_identifier = format!("731/{name}");
        let enrol = Request::Enrol { token, secret, database: name.clone(), system_identifier, certificate };
        self.ask(&Actor::Controller, &enrol)?;
        self.databases.insert(name.clone(), Vec::new());
        self.observe(&name)
    }

    fn observe(&mut self, name: &DatabaseName) -> anyhow::Result<()> {
        let observe = Request::Observe { database: name.clone(), observation: self.observation(name) };
        self.ask(&Actor::Agent(name.clone()), &observe).map(drop)
    }

    fn observation(&self, name: &DatabaseName) -> Observation {
        let records = self.databases.get(name).cloned().unwrap_or_default();
        Observation {
            conditions: no_conditions(),
            server_version: 150_018,
            system_identifier: format!("731/{name}"),
            fingerprint: Digest::of(records.len().to_string()),
            records,
            unfinished: Vec::new(),
        }
    }

    fn rollout(&mut self, who: &Actor, goal: Goal) -> anyhow::Result<()> {
        self.now = self.now + Span::hours(1);
        let fresh = self.databases.keys().cloned().collect();
        let request = Request::CreatePlan {
            environment: "staging".parse()?,
            goal,
            fresh,
            judged: AllJudged::new(),
            sizes: Default::default(),
            histories: Default::default(),
        };
        let made = self.ask(who, &request)?;
        let Some(Event::PlanCreated { plan }) = made.first() else { anyhow::bail!("no plan: {made:?}") };
        let plan: PlanId = plan.id.clone();
        let looks: Looks = rests_on(&self.state, &self.state.plan(&plan)?.plan)
            .into_iter()
            .map(|backup| (backup, Ok(())))
            .collect();
        let start = Request::StartRollout {
            plan,
            confirmation: Confirmation::Typed,
            acknowledged: BTreeSet::new(),
            sizes: Default::default(),
            looks,
        };
        let started = self.ask(who, &start)?;
        let Some(Event::RolloutStarted { rollout, .. }) = started.first() else {
            anyhow::bail!("not started")
        };
        let rollout = rollout.clone();
        loop {
            let issued = self.ask(&Actor::Controller, &Request::Advance { rollout: rollout.clone() })?;
            let commands: Vec<Command> = issued
                .into_iter()
                .filter_map(|event| match event {
                    Event::CommandIssued { command } => Some(command),
                    _ => None,
                })
                .collect();
            if commands.is_empty() {
                return self
                    .state
                    .rollout(&rollout)?
                    .state
                    .is_finished()
                    .then_some(())
                    .context("it does not end");
            }
            for command in commands {
                let agent = Actor::Agent(command.database.clone());
                self.ask(
                    &agent,
                    &Request::Accepted { command: command.id.clone(), attempt: command.attempt },
                )?;
                let outcome = self.carry_out(&command);
                self.ask(
                    &agent,
                    &Request::Report { command: command.id.clone(), attempt: command.attempt, outcome },
                )?;
            }
        }
    }

    fn carry_out(&mut self, command: &Command) -> Outcome {
        let CommandKind::Run(run) = &command.kind else {
            let backup = Backup {
                path: format!("/var/backups/pgbelay/{}/{}", command.database, command.id),
                sha256: Digest::of(command.id.as_str()),
                bytes: 4_096,
                took: Span::seconds(1),
                method: Default::default(),
                copies: Vec::new(),
                reason: None,
                outside: None,
                sealed_key: None,
            };
            return Outcome::BackedUp { backup };
        };
        let records = self.databases.entry(command.database.clone()).or_default();
        let mut done = Vec::new();
        for step in &run.steps {
            let version: Version = step.version.clone();
            match step.direction {
                Direction::Up => records.push(AppliedRecord {
                    version: version.clone(),
                    name: step.name.clone(),
                    checksum: step.checksum,
                    applied_at: self.now,
                    repeatable: false,
                    adopted: false,
                }),
                Direction::Down => records.retain(|record| record.version != version),
            }
            done.push(StepDone { version, took: Span(5), retries: 0, observed: None });
        }
        Outcome::Ran { done, observation: self.observation(&command.database) }
    }
}
