//! What an application notices while migrations wait for their locks: by psql as it is, by psql with a `lock_timeout`
//! that is tried again, and by pgbelay with and without its waiting outside of the queue.
//!
//! pgbench reads and writes one table at a steady rate, so that a transaction that could not begin counts as waiting
//! too. A report holds the table for seconds, ends, and begins again. Meanwhile three migrations need strong locks on
//! that table. Every run has a database of its own; the ways are interleaved, because the machine does not stay the same.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use pgbelay_tests::process::Process;
use pgbelay_tests::scratch::Scratch;
use pgbelay_tests::wait;
use pgbelay_tests::world::{World, run};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Runs of each way. Odd, so that the median is one of them.
const ROUNDS: usize = 5;

/// How long pgbench runs.
const TRAFFIC: Duration = Duration::from_secs(25);

/// Transactions that arrive in a second, and the connections that serve them. Far below what two cores can do.
const RATE: u32 = 300;
const CLIENTS: u32 = 8;

/// How long a report holds the table, and how long nobody does before the next one.
const REPORT: Duration = Duration::from_secs(8);
const BETWEEN: Duration = Duration::from_secs(2);

/// After the first report has begun, the migration does.
const HEAD_START: Duration = Duration::from_millis(200);

/// Who waits as long as this is somebody who notices.
const NOTICED: Duration = Duration::from_millis(500);

/// `lock_timeout` of those ways that name one; psql pauses for a second before it tries again.
const LOCK_TIMEOUT: &str = "1s";

/// Rows of the table.
const ROWS: u32 = 10_000;

/// What pgbench runs.
const TRANSACTION: &str = "\\set id random(1, 10000)\n\
    BEGIN;\n\
    SELECT balance FROM accounts WHERE id = :id;\n\
    UPDATE accounts SET balance = balance + 1 WHERE id = :id;\n\
    COMMIT;\n";

/// What is migrated: each of them needs ACCESS EXCLUSIVE, for a moment.
const MIGRATIONS: [(&str, &str); 3] = [
    ("001_note.sql", "ALTER TABLE accounts ADD COLUMN note text;\n"),
    ("002_legacy.sql", "ALTER TABLE accounts DROP COLUMN legacy;\n"),
    ("003_balance.sql", "ALTER TABLE accounts ALTER COLUMN balance SET DEFAULT 100;\n"),
];

/// How the migrations are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// They are not: what the machine does by itself.
    Nothing,
    /// psql, one transaction for each file.
    Psql,
    /// The same, with a `lock_timeout`, until it succeeds.
    PsqlAgain,
    /// pgbelay that does not look for blockers first.
    PgbelayAgain,
    /// pgbelay with everything at its default.
    Pgbelay,
}

impl Way {
    const ALL: [Self; 5] = [Self::Nothing, Self::Psql, Self::PsqlAgain, Self::PgbelayAgain, Self::Pgbelay];

    fn title(self) -> String {
        match self {
            Self::Nothing => "no migration".to_owned(),
            Self::Psql => "psql".to_owned(),
            Self::PsqlAgain => format!("psql, lock_timeout {LOCK_TIMEOUT}, again after 1 s"),
            Self::PgbelayAgain => format!("pgbelay, blockers.wait: false, lock_timeout {LOCK_TIMEOUT}"),
            Self::Pgbelay => "pgbelay".to_owned(),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Psql => "psql",
            Self::PsqlAgain => "psql-again",
            Self::PgbelayAgain => "pgbelay-again",
            Self::Pgbelay => "pgbelay",
        }
    }

    fn is_pgbelay(self) -> bool {
        matches!(self, Self::PgbelayAgain | Self::Pgbelay)
    }

    fn policy(self) -> String {
        if self == Self::PgbelayAgain {
            format!("    lock_timeout: {LOCK_TIMEOUT}\n    blockers: {{ wait: false }}\n")
        } else {
            String::new()
        }
    }
}

/// What one run showed.
#[derive(Debug, Clone, Copy)]
struct Figures {
    longest: f64,
    p99: f64,
    noticed: f64,
    per_second: f64,
    took: f64,
}

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(bench())
}

async fn bench() -> anyhow::Result<()> {
    let names: Vec<(String, String)> = Way::ALL
        .iter()
        .filter(|way| way.is_pgbelay())
        .flat_map(|way| (1..=ROUNDS).map(move |round| (way, round)))
        .map(|(way, round)| (format!("{}-{round}", way.word()), format!("{}{round}-env", way.word())))
        .collect();
    let databases: Vec<(&str, &str)> = names.iter().map(|(d, e)| (d.as_str(), e.as_str())).collect();
    let world = World::builder().databases(&databases).policy(&policy()).start().await?;
    let bench = Bench { dir: world.write_migrations(&MIGRATIONS)?, scratch: Scratch::new("locks")?, world };
    say(&format!(
        "{RATE} transactions a second, reports of {} s with {} s between them, {} migrations; {ROUNDS} interleaved \
         runs of each",
        REPORT.as_secs(),
        BETWEEN.as_secs(),
        MIGRATIONS.len()
    ));
    let mut all = Way::ALL.map(|way| (way, Vec::new()));
    for round in 1..=ROUNDS {
        for (way, figures) in &mut all {
            let seen = bench.measure(*way, round).await.with_context(|| format!("{way:?}, round {round}"))?;
            say(&format!("  round {round}: {:14} {}", way.word(), seen.words()));
            figures.push(seen);
        }
    }
    say(&table(&all));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the figures are what the bench is for")]
fn say(line: &str) {
    println!("{line}");
}

/// Each run has an environment of its own.
fn policy() -> String {
    let mut yaml = "environments:\n".to_owned();
    for way in Way::ALL.into_iter().filter(|way| way.is_pgbelay()) {
        for round in 1..=ROUNDS {
            let (word, more) = (way.word(), way.policy());
            yaml += &format!("  - name: {word}{round}-env\n    requires: []\n    backup: off\n{more}");
        }
    }
    yaml
}

impl Figures {
    /// Reads what pgbench has written, one file for each of its threads.
    fn read(log: &Path, took: Duration) -> anyhow::Result<Self> {
        let (dir, prefix) = (log.parent().context("no directory")?, log.file_name().context("no name")?);
        let prefix = format!("{}.", prefix.to_string_lossy());
        let mut seconds = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if !entry.file_name().to_string_lossy().starts_with(&prefix) {
                continue;
            }
            for line in fs::read_to_string(entry.path())?.lines() {
                // client, transaction, microseconds from when it should have begun, script, end, lag.
                let micros: f64 = line.split(' ').nth(2).context("not a line of pgbench")?.parse()?;
                seconds.push(micros / 1e6);
            }
        }
        ensure!(!seconds.is_empty(), "pgbench has run no transaction");
        seconds.sort_by(f64::total_cmp);
        let noticed = seconds.iter().filter(|waited| **waited >= NOTICED.as_secs_f64()).count();
        Ok(Self {
            longest: seconds[seconds.len() - 1],
            p99: seconds[(seconds.len() - 1) * 99 / 100],
            noticed: noticed as f64,
            per_second: seconds.len() as f64 / TRAFFIC.as_secs_f64(),
            took: took.as_secs_f64(),
        })
    }

    fn words(&self) -> String {
        let Self { longest, p99, noticed, per_second, took } = self;
        format!(
            "longest {longest:.2} s, p99 {p99:.3} s, {noticed:.0} noticed, {per_second:.0}/s, took {took:.1} s"
        )
    }

    /// The median of each figure by itself.
    fn medians(runs: &[Self]) -> Self {
        let median = |of: fn(&Self) -> f64| {
            let mut all: Vec<_> = runs.iter().map(of).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        Self {
            longest: median(|f| f.longest),
            p99: median(|f| f.p99),
            noticed: median(|f| f.noticed),
            per_second: median(|f| f.per_second),
            took: median(|f| f.took),
        }
    }
}

fn table(all: &[(Way, Vec<Figures>)]) -> String {
    let mut text = format!(
        "medians\n| migrations by | longest wait | worst of all | p99 | waited {} ms or more | a second | took |\n\
         |---|---|---|---|---|---|---|",
        NOTICED.as_millis()
    );
    for (way, runs) in all {
        let Figures { longest, p99, noticed, per_second, took } = Figures::medians(runs);
        let worst = runs.iter().map(|run| run.longest).fold(0.0, f64::max);
        let took = if *way == Way::Nothing { String::new() } else { format!("{took:.1} s") };
        // Writing to a String does not fail.
        let _ = write!(
            text,
            "\n| {} | {longest:.2} s | {worst:.2} s | {p99:.3} s | {noticed:.0} | {per_second:.0} | {took} |",
            way.title()
        );
    }
    text
}

/// Where it is measured.
struct Bench {
    world: World,
    dir: PathBuf,
    scratch: Scratch,
}

impl Bench {
    async fn measure(&self, way: Way, round: usize) -> anyhow::Result<Figures> {
        let name = format!("{}-{round}", way.word()).replace('-', "_");
        if !way.is_pgbelay() {
            self.world.cluster.create_database(&name).await?;
        }
        let client = self.world.cluster.connect(&name).await?;
        client
            .batch_execute(&format!(
                "CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL, legacy text); \
                 INSERT INTO accounts SELECT n, 0, 'x' FROM generate_series(1, {ROWS}) n"
            ))
            .await?;
        let log = self.scratch.path().join(&name);
        let mut traffic = self.traffic(&name, &log)?;
        wait::until("pgbench at work", Duration::from_secs(20), async || {
            let sql = "SELECT balance > 0 FROM accounts ORDER BY balance DESC LIMIT 1";
            Ok(client.query_one(sql, &[]).await?.get::<_, bool>(0))
        })
        .await?;
        let reports = self.reports(&name).await?;
        sleep(HEAD_START).await;
        let began = Instant::now();
        if let Some(command) = self.migrate(way, round, &name)? {
            let ran = run(command).await?;
            ensure!(ran.code == 0, "the migrations ended with {}: {}{}", ran.code, ran.stdout, ran.stderr);
        }
        let took = began.elapsed();
        ensure!(took + Duration::from_secs(1) < TRAFFIC, "the migrations took longer than pgbench: {took:?}");
        let ended = traffic.wait(TRAFFIC + Duration::from_secs(30)).await?;
        ensure!(ended.success(), "pgbench ended with {ended}: {}", traffic.log_tail());
        reports.abort();
        Figures::read(&log, took)
    }

    /// Starts pgbench, which writes what each transaction took to files that begin with `log`.
    fn traffic(&self, database: &str, log: &Path) -> anyhow::Result<Process> {
        let script = self.scratch.path().join("transaction.sql");
        fs::write(&script, TRANSACTION)?;
        let mut pgbench = Command::new(self.world.cluster.programs().join("pgbench"));
        pgbench
            .args(["--no-vacuum", "--log", "--jobs=2"])
            .arg("--log-prefix")
            .arg(log)
            .arg("--file")
            .arg(script);
        pgbench.args([format!("--client={CLIENTS}"), format!("--rate={RATE}")]);
        pgbench.arg(format!("--time={}", TRAFFIC.as_secs()));
        pgbench.envs(self.world.cluster.environment(database));
        let name = format!("pgbench-{database}");
        Process::spawn(pgbench, &name, self.scratch.path()).context("pgbench comes with PostgreSQL's server")
    }

    /// Reads the table in long transactions, one after the other, until it is aborted; the first has begun.
    async fn reports(&self, database: &str) -> anyhow::Result<JoinHandle<anyhow::Result<()>>> {
        let client = self.world.cluster.connect(database).await?;
        client.batch_execute("BEGIN; SELECT sum(balance) FROM accounts").await?;
        Ok(tokio::spawn(async move {
            loop {
                sleep(REPORT).await;
                client.batch_execute("COMMIT").await?;
                sleep(BETWEEN).await;
                client.batch_execute("BEGIN; SELECT sum(balance) FROM accounts").await?;
            }
        }))
    }

    /// What runs the migrations.
    fn migrate(&self, way: Way, round: usize, database: &str) -> anyhow::Result<Option<Command>> {
        let psql = self.world.cluster.programs().join("psql");
        let script = match way {
            Way::Nothing => return Ok(None),
            Way::Psql => "for file; do \"$PSQL\" -X -q -v ON_ERROR_STOP=1 -1 -f \"$file\" || exit; done",
            Way::PsqlAgain => {
                "for file; do until \"$PSQL\" -X -q -v ON_ERROR_STOP=1 -1 -f \"$file\"; do sleep 1; done; done"
            }
            Way::PgbelayAgain | Way::Pgbelay => {
                let (dir, environment) = (self.dir.to_string_lossy(), format!("{}{round}-env", way.word()));
                let args =
                    ["migrate", "--env", &environment, "--migrations", &dir, "--force", "--output", "json"];
                return self.world.command(&args).map(Some);
            }
        };
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "sh"]).args(MIGRATIONS.map(|(name, _)| self.dir.join(name)));
        shell.env("PSQL", psql).envs(self.world.cluster.environment(database)).stdin(Stdio::null());
        if way == Way::PsqlAgain {
            shell.env("PGOPTIONS", format!("-c lock_timeout={LOCK_TIMEOUT}"));
        }
        Ok(Some(shell))
    }
}
