//! A server with one database, and what is asked of the agent there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pgbelay_agent::database::{self, Control, DEFAULT_SCHEMA, Progress, Secret, Target};
use pgbelay_core::command::{Failure, Outcome, StepDone};
use pgbelay_core::database::Observation;
use pgbelay_core::digest::Digest;
use pgbelay_core::plan::{Direction, ExecutionSettings, Expectation};
use pgbelay_core::time::{Span, Timestamp};
use pgbelay_proto::convert::{WireCommand, WireKind, WireRun, WireStep};
use pgbelay_tests::postgres::Cluster;
use pgbelay_tests::wait;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

pub(crate) const LONG: Duration = Duration::from_secs(60);

/// The database that is migrated.
pub(crate) const APP: &str = "app";

pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) target: Target,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) cancel: CancellationToken,
    pub(crate) leased: Arc<AtomicBool>,
    pub(crate) may_end: Vec<String>,
}

/// A migration with its way back.
#[derive(Clone)]
pub(crate) struct Sample {
    pub(crate) version: String,
    pub(crate) up: String,
    pub(crate) down: String,
}

pub(crate) fn sample(version: &str, up: &str, down: &str) -> Sample {
    Sample { version: version.to_owned(), up: up.to_owned(), down: down.to_owned() }
}

/// A table that is made and dropped.
pub(crate) fn table(version: &str, name: &str) -> Sample {
    sample(version, &format!("CREATE TABLE {name} (id int PRIMARY KEY);"), &format!("DROP TABLE {name};"))
}

/// A command that is ready to be run, with its SQL.
#[derive(Clone)]
pub(crate) struct Order {
    pub(crate) command: WireCommand,
    pub(crate) run: WireRun,
    pub(crate) sql: BTreeMap<Digest, String>,
}

pub(crate) fn settings() -> ExecutionSettings {
    ExecutionSettings::new(Span(400), Span(1_500), Span::seconds(60))
}

pub(crate) fn steps(samples: &[Sample], direction: Direction) -> (Vec<WireStep>, BTreeMap<Digest, String>) {
    let mut sql = BTreeMap::new();
    let mut steps = Vec::new();
    for sample in samples {
        let text = if direction == Direction::Up { &sample.up } else { &sample.down };
        sql.insert(Digest::of(text), text.clone());
        steps.push(WireStep {
            version: sample.version.parse().expect("a version"),
            name: format!("sample_{}", sample.version),
            direction,
            sql: Digest::of(text),
            checksum: Digest::of(&sample.up),
            autocommit: false,
            repeatable: false,
            replaces: None,
            origin: None,
        });
    }
    (steps, sql)
}

impl World {
    pub(crate) async fn new() -> anyhow::Result<Self> {
        Self::on(Cluster::start().await?).await
    }

    pub(crate) async fn on(cluster: Cluster) -> anyhow::Result<Self> {
        cluster.create_database(APP).await?;
        let target = target(&cluster, APP);
        let (progress, _) = watch::channel(Progress::default());
        let (cancel, leased) = (CancellationToken::new(), Arc::new(AtomicBool::new(true)));
        Ok(Self { cluster, target, progress, cancel, leased, may_end: Vec::new() })
    }

    pub(crate) async fn client(&self) -> anyhow::Result<Client> {
        self.cluster.connect(APP).await
    }

    pub(crate) async fn seen(&self) -> anyhow::Result<Observation> {
        Ok(database::inspect(&self.target).await?)
    }

    /// A command for the state that the database is in.
    pub(crate) async fn order(&self, samples: &[Sample], direction: Direction) -> anyhow::Result<Order> {
        let (steps, sql) = steps(samples, direction);
        let expect = Expectation::from(&self.seen().await?);
        let run = WireRun {
            direction,
            steps,
            expect,
            backup: None,
            settings: settings(),
            resolution: None,
            locks: Vec::new(),
        };
        let command = WireCommand {
            id: "c7".parse()?,
            database: APP.parse()?,
            rollout: "r3".parse()?,
            plan: Digest::of("plan"),
            attempt: 1,
            fence: 1,
            not_after: Timestamp(i64::MAX),
            kind: WireKind::Run(run.clone()),
        };
        Ok(Order { command, run, sql })
    }

    pub(crate) async fn up(&self, samples: &[Sample]) -> anyhow::Result<Order> {
        self.order(samples, Direction::Up).await
    }

    pub(crate) async fn run(&self, order: &Order) -> Outcome {
        self.run_at(&self.target, order).await
    }

    /// Runs at another address of the same database.
    pub(crate) async fn run_at(&self, target: &Target, order: &Order) -> Outcome {
        let lease = || self.leased.load(Ordering::SeqCst);
        let control =
            Control { progress: &self.progress, cancel: &self.cancel, lease: &lease, may_end: &self.may_end };
        database::run(target, &order.command, &order.run, &order.sql, &control).await
    }

    /// Runs beside the test, until it ends or is aborted.
    pub(crate) fn start(&self, order: Order) -> JoinHandle<Outcome> {
        let (target, leased) = (self.target.clone(), Arc::clone(&self.leased));
        let (progress, cancel) = (self.progress.clone(), self.cancel.clone());
        tokio::spawn(async move {
            let lease = || leased.load(Ordering::SeqCst);
            let control = Control { progress: &progress, cancel: &cancel, lease: &lease, may_end: &[] };
            database::run(&target, &order.command, &order.run, &order.sql, &control).await
        })
    }

    /// Has the server take so many seconds more for each definition that looks like this.
    pub(crate) async fn slow_tables(&self, seconds: &str, like: &str) -> anyhow::Result<()> {
        let sql = format!(
            "CREATE FUNCTION slow() RETURNS event_trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_sleep({seconds}) WHERE current_query() LIKE '{like}'; END $$; \
             CREATE EVENT TRIGGER slow ON ddl_command_end EXECUTE FUNCTION slow()"
        );
        Ok(self.client().await?.batch_execute(&sql).await?)
    }

    /// Waits until a session of a run is at work on a statement that contains `words`.
    pub(crate) async fn until_running(&self, words: &str) -> anyhow::Result<i32> {
        let client = self.client().await?;
        wait::until("the statement to run", LONG, async || {
            let sql = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'pgbelay-agent c%' \
                       AND state = 'active' AND query LIKE '%' || $1 || '%'";
            Ok(client.query_opt(sql, &[&words]).await?.map(|row| row.get::<_, i32>(0)))
        })
        .await
    }

    /// One number of the database.
    pub(crate) async fn number(&self, sql: &str) -> anyhow::Result<i64> {
        Ok(self.client().await?.query_one(sql, &[]).await?.get(0))
    }

    pub(crate) async fn has_table(&self, name: &str) -> anyhow::Result<bool> {
        let row = self.client().await?.query_one("SELECT to_regclass($1) IS NOT NULL", &[&name]).await?;
        Ok(row.get(0))
    }

    /// The versions that are recorded as applied, and no other sign of them.
    pub(crate) async fn applied(&self) -> anyhow::Result<Vec<String>> {
        Ok(self.seen().await?.records.iter().map(|record| record.version.to_string()).collect())
    }
}

pub(crate) fn target(cluster: &Cluster, name: &str) -> Target {
    Target {
        host: "127.0.0.1".to_owned(),
        port: cluster.port(),
        name: name.to_owned(),
        user: cluster.user().to_owned(),
        password: Some(Secret::new(cluster.password())),
        schema: DEFAULT_SCHEMA.to_owned(),
    }
}

#[track_caller]
pub(crate) fn ran(outcome: Outcome) -> (Vec<StepDone>, Observation) {
    match outcome {
        Outcome::Ran { done, observation } => (done, observation),
        other => panic!("not run: {other:?}"),
    }
}

/// What failed, and the versions that were done before.
#[track_caller]
pub(crate) fn failed(outcome: Outcome) -> (Vec<String>, Failure) {
    match outcome {
        Outcome::Failed { done, failure, .. } => (versions(&done), failure),
        other => panic!("not failed: {other:?}"),
    }
}

pub(crate) fn versions(done: &[StepDone]) -> Vec<String> {
    done.iter().map(|step| step.version.to_string()).collect()
}
