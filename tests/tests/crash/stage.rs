//! A fleet of one database, a step that is held at a point, and what is killed meanwhile.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::{Context as _, bail, ensure};
use pgbelay_tests::process::agent_with_failpoints;
use pgbelay_tests::proxy::{Mode, Proxy};
use pgbelay_tests::scratch::Scratch;
use pgbelay_tests::wait::{self, Look};
use pgbelay_tests::world::{PATIENCE, World};
use serde_json::Value;
use tokio_postgres::Client;

use crate::kind::Kind;

const ORDERS: &str = "orders";

/// What every migration may run into.
const GATES: &str = "CREATE TABLE gate (version text PRIMARY KEY); CREATE TABLE vault (id bigint)";

/// Holds what is written last before COMMIT, while somebody has the lock. A lock on the table would hold the step's opening,
/// where the statement is prepared that writes to it.
const HOLD: &str = "CREATE FUNCTION pgbelay.hold() RETURNS trigger LANGUAGE plpgsql AS \
    'BEGIN PERFORM pg_advisory_xact_lock_shared(4711, NEW.version::int); RETURN NEW; END'; \
    CREATE TRIGGER hold BEFORE INSERT ON pgbelay.migration_attempts FOR EACH ROW EXECUTE FUNCTION pgbelay.hold()";

/// Where a step is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    BeforeIntent,
    AfterIntent,
    DuringTheStatement,
    AfterEffect,
    BeforeCommitReturns,
    AnswerOnItsWay,
    AfterCommit,
    BeforeTheReport,
    AfterTheReport,
}

impl Point {
    pub(crate) const ALL: [Self; 9] = [
        Self::BeforeIntent,
        Self::AfterIntent,
        Self::DuringTheStatement,
        Self::AfterEffect,
        Self::BeforeCommitReturns,
        Self::AnswerOnItsWay,
        Self::AfterCommit,
        Self::BeforeTheReport,
        Self::AfterTheReport,
    ];

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::BeforeIntent => "before intent",
            Self::AfterIntent => "after intent",
            Self::DuringTheStatement => "during the statement",
            Self::AfterEffect => "after effect",
            Self::BeforeCommitReturns => "before COMMIT returns",
            Self::AnswerOnItsWay => "its answer on its way",
            Self::AfterCommit => "after COMMIT",
            Self::BeforeTheReport => "before the report",
            Self::AfterTheReport => "after the report",
        }
    }

    /// Its failpoint; `None`: somebody's lock holds the step there, or the network its answer.
    fn failpoint(self) -> Option<&'static str> {
        match self {
            Self::BeforeIntent => Some("before-intent"),
            Self::AfterIntent => Some("after-intent"),
            Self::AfterEffect => Some("after-effect"),
            Self::AfterCommit => Some("after-commit"),
            Self::BeforeTheReport => Some("before-report"),
            Self::AfterTheReport => Some("after-report"),
            Self::DuringTheStatement | Self::BeforeCommitReturns | Self::AnswerOnItsWay => None,
        }
    }
}

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    Agent,
    Connection,
    Postgres,
    Controller,
}

impl Victim {
    pub(crate) const ALL: [Self; 4] = [Self::Agent, Self::Connection, Self::Postgres, Self::Controller];
}

/// What holds a step.
enum Held {
    Failpoint(PathBuf),
    /// Whose, its session's process, and which locks of others wait for it.
    Lock(Client, i32, &'static str),
}

pub(crate) struct Stage {
    kind: Kind,
    world: World,
    proxy: Proxy,
    points: PathBuf,
    files: BTreeMap<String, String>,
    number: u32,
}

/// The agent with failpoints, built once.
pub(crate) fn program() -> anyhow::Result<PathBuf> {
    static BUILT: OnceLock<Result<(PathBuf, Scratch), String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let scratch = Scratch::new("failpoints").map_err(|error| format!("{error:#}"))?;
        let program = agent_with_failpoints(scratch.path()).map_err(|error| format!("{error:#}"))?;
        Ok((program, scratch))
    });
    match built {
        Ok((program, _)) => Ok(program.clone()),
        Err(error) => bail!("{error}"),
    }
}

impl Stage {
    pub(crate) async fn set(kind: Kind) -> anyhow::Result<Self> {
        program()?;
        let backup = if kind == Kind::Backup { "required" } else { "off" };
        let policy = format!(
            "environments:\n  - name: staging\n    backup: \"{backup}\"\n    lock_timeout: 2m\n    lock_budget: 4m\n    \
             blockers:\n      wait: false\n"
        );
        let mut world = World::builder().databases(&[(ORDERS, "staging")]).policy(&policy).start().await?;
        world.connect(ORDERS).await?.batch_execute(GATES).await?;
        let port = world.cluster.port();
        let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], port))).await?;
        let points = world.path().join("points");
        fs::create_dir_all(&points)?;
        world.kill_agent(ORDERS)?;
        let file = world.member(ORDERS).home.join("agent.yaml");
        let (from, to) = (format!("port: {port}\n"), format!("port: {}\n", proxy.address().port()));
        fs::write(&file, fs::read_to_string(&file)?.replace(&from, &to))?;
        let mut stage = Self { kind, world, proxy, points, files: BTreeMap::new(), number: 0 };
        stage.start_agent()?;
        // One migration that is not looked at: it makes what pgbelay keeps in the database.
        let first = stage.next();
        stage.files.insert(format!("{first}_first.sql"), "CREATE TABLE first (id int);\n".to_owned());
        stage.write()?;
        stage.world.all_connected().await?;
        let rollout = stage.migrate().await?;
        let view = stage.ends(&rollout).await?;
        ensure!(view["state"] == "succeeded", "{view:#}");
        stage.world.connect(ORDERS).await?.batch_execute(HOLD).await?;
        Ok(stage)
    }

    fn start_agent(&mut self) -> anyhow::Result<()> {
        let points = self.points.clone();
        self.world.start_agent_as(ORDERS, &program()?, &[("PGBELAY_FAILPOINTS", &points)])
    }

    fn next(&mut self) -> String {
        self.number += 1;
        format!("{:03}", self.number)
    }

    fn write(&self) -> anyhow::Result<()> {
        let files: Vec<_> = self.files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        self.world.write_migrations(&files).map(drop)
    }

    /// Holds a step at a point, kills the victim, and sees what becomes of it.
    pub(crate) async fn cell(&mut self, point: Point, victim: Victim) -> anyhow::Result<&'static str> {
        let (before, v) = (self.next(), self.next());
        self.world.connect(ORDERS).await?.batch_execute(&self.kind.before(&v)).await?;
        self.files.insert(format!("{v}_step.sql"), self.kind.up(&v));
        if let Some([first, last]) = self.kind.around(&v) {
            self.files.insert(format!("{before}_first.sql"), first);
            let after = self.next();
            self.files.insert(format!("{after}_last.sql"), last);
        }
        if self.kind == Kind::Rollback {
            self.files.insert(format!("rollback/{v}_rollback.sql"), self.kind.down(&v));
        }
        self.write()?;
        self.world.all_connected().await?;
        if self.kind == Kind::Rollback {
            let rollout = self.migrate().await?;
            let view = self.ends(&rollout).await?;
            ensure!(view["state"] == "succeeded", "{view:#}");
        }
        let held = self.arm(point, &v).await?;
        let rollout = self.begin().await?;
        self.reached(&held).await?;
        if point == Point::AnswerOnItsWay {
            self.proxy.set(Mode::HoldDownstream);
            self.let_go(held).await?;
            self.committed(&v).await?;
            self.strike(victim).await?;
            self.proxy.set(Mode::Open);
        } else {
            self.strike(victim).await?;
            self.let_go(held).await?;
        }
        let how = self.follow(&rollout, &v).await?;
        self.is_true(&v).await?;
        if self.kind == Kind::Rollback {
            // What was taken back is not to be run again with the next one.
            self.files.retain(|path, _| !path.contains(&v));
        }
        Ok(how)
    }

    async fn arm(&self, point: Point, v: &str) -> anyhow::Result<Held> {
        let client = self.world.connect(ORDERS).await?;
        let (sql, wanted) = match point.failpoint() {
            Some(name) => {
                let name = self.kind.failpoint(name);
                fs::write(self.points.join(format!("arm-{name}")), self.kind.passes(point).to_string())?;
                return Ok(Held::Failpoint(self.points.join(format!("at-{name}"))));
            }
            None if point == Point::DuringTheStatement => (self.kind.in_the_way(v), "true"),
            // The last thing that is written before it.
            None => (format!("SELECT pg_advisory_xact_lock(4711, {v}::int)"), "locktype = 'advisory'"),
        };
        // Before the transaction: a portal that is left in it keeps its snapshot, and holds up the build of an index.
        let pid = client.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
        client.batch_execute(&format!("BEGIN; {sql}")).await?;
        Ok(Held::Lock(client, pid, wanted))
    }

    async fn reached(&self, held: &Held) -> anyhow::Result<()> {
        match held {
            Held::Failpoint(at) => wait::until("the point", PATIENCE, async || Ok(at.exists())).await,
            Held::Lock(_, pid, wanted) => {
                // By another session: what looks in an open transaction holds up the build of an index.
                let looks = self.world.connect(ORDERS).await?;
                let sql = format!(
                    "SELECT FROM pg_locks WHERE NOT granted AND {pid} = ANY (pg_blocking_pids(pid)) AND {wanted} LIMIT 1"
                );
                wait::until("a session that waits for the lock", PATIENCE, async || {
                    Ok(looks.query_opt(&sql, &[]).await?.is_some())
                })
                .await
            }
        }
    }

    /// Waits until the step is committed, of which the agent does not hear.
    async fn committed(&self, v: &str) -> anyhow::Result<()> {
        let client = self.world.connect(ORDERS).await?;
        let (sql, done) = (recorded(v), self.kind.stays());
        wait::until("the commit", PATIENCE, async || {
            Ok(client.query_one(&sql, &[]).await?.get::<_, i64>(0) == done)
        })
        .await
    }

    async fn strike(&mut self, victim: Victim) -> anyhow::Result<()> {
        match victim {
            Victim::Agent => {
                self.world.kill_agent(ORDERS)?;
                self.start_agent()
            }
            Victim::Connection => self.proxy.sever().await,
            Victim::Postgres => {
                self.world.cluster.stop_immediate()?;
                self.world.cluster.start_again().await
            }
            Victim::Controller => {
                self.world.kill_controller()?;
                self.world.start_controller().await
            }
        }
    }

    async fn let_go(&self, held: Held) -> anyhow::Result<()> {
        match held {
            Held::Failpoint(at) => Ok(fs::remove_file(at)?),
            // A server that was killed has let go already.
            Held::Lock(client, ..) => Ok(client.batch_execute("ROLLBACK").await.or_else(|error| {
                if error.is_closed() || error.as_db_error().is_some() { Ok(()) } else { Err(error) }
            })?),
        }
    }

    /// Follows the rollout to its end, as a person would; how it went.
    async fn follow(&mut self, rollout: &str, v: &str) -> anyhow::Result<&'static str> {
        let (mut rollout, mut how) = (rollout.to_owned(), "ok");
        for _ in 0..3 {
            let view = self.ends(&rollout).await?;
            let error = &view["targets"][0]["error"];
            match view["state"].as_str() {
                Some("succeeded") => return Ok(how),
                Some("paused") if error["kind"] == "unsettled" => {
                    how = "word";
                    let args = ["resolve", ORDERS, v, "--not-done", "--reason", "looked"];
                    self.world.json(&args).await?;
                }
                Some("failed" | "paused") => {
                    ensure!(
                        error["kind"].as_str().is_some_and(|kind| !kind.is_empty()),
                        "no reason: {view:#}"
                    );
                    how = "again";
                    self.world.all_connected().await?;
                    rollout = self.begin().await?;
                }
                other => bail!("{other:?}: {view:#}"),
            }
        }
        bail!("it does not come to an end: {:#}", self.world.json(&["rollout", "show", &rollout]).await?)
    }

    async fn migrate(&self) -> anyhow::Result<String> {
        self.start(&["migrate", "--env", "staging", "--force", "--detach"]).await
    }

    /// Starts what the cell is about.
    async fn begin(&self) -> anyhow::Result<String> {
        if self.kind != Kind::Rollback {
            return self.migrate().await;
        }
        self.start(&["rollback", "--env", "staging", "--target", "001", "--force", "--detach"]).await
    }

    async fn start(&self, args: &[&str]) -> anyhow::Result<String> {
        let view = self.world.json(args).await?;
        Ok(view["id"].as_str().context("a rollout has an id")?.to_owned())
    }

    /// Waits for the end of a rollout, or for a pause that only a person ends.
    async fn ends(&self, rollout: &str) -> anyhow::Result<Value> {
        wait::until("the end of the rollout", PATIENCE, async || {
            let view = self.world.json(&["rollout", "show", rollout]).await?;
            let word = view["state"].as_str().unwrap_or_default();
            let halted = view["reason"].as_str().is_some_and(|reason| reason.starts_with("budget"));
            let waits = word == "paused" && (view["targets"][0]["error"]["kind"] == "unsettled" || halted);
            let over = ["succeeded", "failed", "aborted"].contains(&word) || waits;
            Ok(if over { Look::Done(view) } else { Look::not_yet(view) })
        })
        .await
    }

    /// The schema agrees with the record, nothing is left over, and everybody agrees.
    async fn is_true(&self, v: &str) -> anyhow::Result<()> {
        let client = self.world.connect(ORDERS).await?;
        let number = async |sql: &str| anyhow::Ok(client.query_one(sql, &[]).await?.get::<_, i64>(0));
        let done = self.kind.stays();
        for effect in self.kind.effects(v) {
            let found = number(&effect).await?;
            ensure!(found == done, "{effect} gives {found}, and should give {done}");
        }
        ensure!(number(&recorded(v)).await? == done, "the record of {v} is wrong");
        if self.kind == Kind::Series {
            let all =
                "SELECT count(*) FROM pgbelay.migration_records WHERE success AND rolled_back_at IS NULL";
            let (found, files) = (number(all).await?, self.files.len());
            ensure!(usize::try_from(found) == Ok(files), "{found} are recorded, of {files}");
        }
        for left in [
            "SELECT count(*) FROM pg_index WHERE NOT indisvalid",
            "SELECT count(*) FROM pgbelay.migration_pieces WHERE closed_at IS NULL",
        ] {
            let found = number(left).await?;
            ensure!(found == 0, "{left} gives {found}");
        }
        self.world
            .status_until(ORDERS, "a status that agrees", |row| {
                row["health"] == "ok"
                    && row["connected"] == true
                    && row["unfinished"].as_array().is_none_or(Vec::is_empty)
            })
            .await
            .map(drop)
    }
}

/// How often a version is recorded as applied.
fn recorded(v: &str) -> String {
    format!(
        "SELECT count(*) FROM pgbelay.migration_records WHERE version = '{v}' AND success AND rolled_back_at IS NULL"
    )
}
