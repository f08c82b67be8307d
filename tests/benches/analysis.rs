//! What `pgbelay lint` needs for many statements, beside squawk, and whether it grows with their number alone.
//!
//! Both are run as a script runs them: the whole process, one file, findings as JSON into a file. The runs are
//! interleaved, because the machine does not stay the same. They do not look for the same things: squawk has its rules
//! of style, pgbelay carries a catalog from statement to statement. squawk is the one in PATH.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use pgbelay_tests::process::bin;
use pgbelay_tests::scratch::Scratch;

/// Statements of the comparison.
const STATEMENTS: usize = 10_000;

/// Statements of the runs that show how it grows.
const SIZES: [usize; 3] = [1_000, STATEMENTS, 50_000];

/// Runs of each. Odd, so that the median is one of them.
const ROUNDS: usize = 7;

/// Statements of one release, see [`statement`].
const RELEASE: usize = 20;

fn main() -> anyhow::Result<()> {
    let scratch = Scratch::new("analysis")?;
    let pgbelay = Linter::new("pgbelay", &bin("pgbelay")?, &["lint", "--output", "json"]);
    let squawk = Linter::new("squawk", Path::new("squawk"), &["--reporter", "Json"]);
    compare(&pgbelay, &squawk, &scratch)?;
    growth(&pgbelay, &scratch)
}

fn compare(pgbelay: &Linter, squawk: &Linter, scratch: &Scratch) -> anyhow::Result<()> {
    let file = write_statements(scratch, STATEMENTS)?;
    let linters = [pgbelay, squawk];
    say(&format!("{STATEMENTS} statements, {ROUNDS} interleaved runs of each, seconds"));
    for linter in linters {
        let warm_up = linter.run(&file)?;
        say(&format!("  {}: {} kB of findings", linter.name, warm_up.output_bytes / 1000));
    }
    let mut seconds = linters.map(|_| Vec::new());
    for round in 1..=ROUNDS {
        let mut line = format!("  round {round}:");
        for (linter, seconds) in linters.iter().zip(&mut seconds) {
            let run = linter.run(&file)?;
            write!(line, "  {} {:.3}", linter.name, run.seconds)?;
            seconds.push(run.seconds);
        }
        say(&line);
    }
    let [by_pgbelay, by_squawk] = seconds.map(median);
    let ratio = by_pgbelay / by_squawk;
    say(&format!("median: pgbelay {by_pgbelay:.3}  squawk {by_squawk:.3}  ratio {ratio:.2}"));
    Ok(())
}

fn growth(pgbelay: &Linter, scratch: &Scratch) -> anyhow::Result<()> {
    let files: Vec<PathBuf> =
        SIZES.iter().map(|count| write_statements(scratch, *count)).collect::<Result<_, _>>()?;
    let mut seconds = SIZES.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (file, seconds) in files.iter().zip(&mut seconds) {
            seconds.push(pgbelay.run(file)?.seconds);
        }
    }
    for (count, seconds) in SIZES.into_iter().zip(seconds.map(median)) {
        let each = seconds / count as f64 * 1e6;
        say(&format!("pgbelay, {count:>5} statements: {seconds:.3} s, {each:.1} µs each"));
    }
    Ok(())
}

/// A program that reports on a file of SQL.
struct Linter {
    name: &'static str,
    program: PathBuf,
    args: &'static [&'static str],
}

/// What one run took and wrote.
struct Run {
    seconds: f64,
    output_bytes: usize,
}

impl Linter {
    fn new(name: &'static str, program: &Path, args: &'static [&'static str]) -> Self {
        Self { name, program: program.to_owned(), args }
    }

    /// Runs it to its end. Findings are a failure for its exit code and none for us: it has done its work when it has
    /// written a document.
    fn run(&self, file: &Path) -> anyhow::Result<Run> {
        let findings = file.with_extension(format!("{}.json", self.name));
        let mut command = Command::new(&self.program);
        command.args(self.args).arg(file).stdin(Stdio::null()).stdout(File::create(&findings)?);
        let start = Instant::now();
        let output = command.output().with_context(|| format!("failed to run {}", self.name))?;
        let seconds = start.elapsed().as_secs_f64();
        let written = fs::read(&findings)?;
        let said = String::from_utf8_lossy(&output.stderr);
        let document = serde_json::from_slice::<serde_json::Value>(&written);
        ensure!(document.is_ok(), "{command:?} ended with {} and no findings: {said}", output.status);
        Ok(Run { seconds, output_bytes: written.len() })
    }
}

#[expect(clippy::print_stdout, reason = "the figures are what the bench is for")]
fn say(line: &str) {
    println!("{line}");
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn write_statements(scratch: &Scratch, count: usize) -> anyhow::Result<PathBuf> {
    let file = scratch.path().join(format!("{count}.sql"));
    fs::write(&file, (0..count).map(statement).collect::<String>())?;
    Ok(file)
}

/// Statement `n` of a service's history, one that runs on a PostgreSQL which has run those before it. Each release
/// makes a table and changes one from long ago, so that what a statement means is found far above it.
fn statement(n: usize) -> String {
    let release = n / RELEASE;
    let (new, old) = (format!("t{release}"), format!("t{}", release / 2));
    let sql = match n % RELEASE {
        0 => format!(
            "CREATE TABLE {new} (\n    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n    \
             owner_id bigint NOT NULL REFERENCES {old} (id),\n    name text NOT NULL,\n    \
             state varchar(20) NOT NULL DEFAULT 'new',\n    amount numeric(12, 2),\n    \
             changed_at timestamptz NOT NULL DEFAULT now()\n)"
        ),
        1 => format!("CREATE INDEX {new}_owner_id ON {new} (owner_id)"),
        2 => format!("ALTER TABLE {old} ADD COLUMN note_{release} text"),
        3 => format!("UPDATE {old} SET note_{release} = name WHERE note_{release} IS NULL"),
        4 => format!("ALTER TABLE {old} ALTER COLUMN note_{release} SET NOT NULL"),
        5 => format!("ALTER TABLE {old} ADD COLUMN {new}_id bigint"),
        6 => format!(
            "ALTER TABLE {old} ADD CONSTRAINT {old}_{new}_fkey FOREIGN KEY ({new}_id) REFERENCES {new} (id) NOT VALID"
        ),
        7 => format!("ALTER TABLE {old} VALIDATE CONSTRAINT {old}_{new}_fkey"),
        8 => format!("CREATE INDEX CONCURRENTLY {old}_{new}_id ON {old} ({new}_id)"),
        9 => format!("ALTER TABLE {new} ADD CONSTRAINT {new}_amount_check CHECK (amount >= 0)"),
        10 => format!(
            "CREATE VIEW {new}_open AS\n    SELECT n.id, o.name FROM {new} n JOIN {old} o ON o.id = n.owner_id \
             WHERE n.state = 'new'"
        ),
        11 => format!(
            "INSERT INTO {new} (owner_id, name) SELECT id, name || '-{release}' FROM {old} WHERE state = 'done'"
        ),
        12 => format!("ALTER TABLE {new} ADD CONSTRAINT {new}_name_key UNIQUE (name)"),
        13 => format!("COMMENT ON COLUMN {new}.state IS 'new, paid or done; see release {release}'"),
        14 => format!("GRANT SELECT ON {new} TO PUBLIC"),
        15 => format!("ALTER TABLE {old} ALTER COLUMN amount TYPE numeric(14, 2)"),
        16 => format!(
            "CREATE FUNCTION {new}_changed() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n    \
             NEW.changed_at := now();\n    RETURN NEW;\nEND\n$$"
        ),
        17 => format!(
            "CREATE TRIGGER {new}_changed BEFORE UPDATE ON {new} FOR EACH ROW EXECUTE FUNCTION {new}_changed()"
        ),
        18 => format!("ALTER TABLE {old} DROP COLUMN note_{release}"),
        _ => format!("ALTER INDEX {new}_owner_id RENAME TO {new}_owner"),
    };
    sql + ";\n"
}
