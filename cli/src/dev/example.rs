//! The walk through: one migration's way from a plan to production and back, with the commands that a person would
//! type, explained. Every command is the real program, and what it prints is its own.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pgbelay_core::name::EnvironmentName;

use super::environment::shell_quoted;
use super::environments::Environments;

/// Where migrations are when nothing else is said; where `pgbelay plan` looks as well.
const USUAL_DIRECTORY: &str = "migrations";

/// The version to go back to with the sample migrations: everything after it has rollback SQL.
const TARGET: &str = "005";

/// One command, and why it comes here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// An explanation of two lines.
    pub(crate) text: String,
    /// What is typed after `pgbelay`.
    pub(crate) args: Vec<OsString>,
}

impl Step {
    /// The command as a person types it.
    pub(crate) fn line(&self) -> String {
        let words = self.args.iter().map(shown);
        std::iter::once("pgbelay".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
    }
}

/// A word as a shell wants it: quoted if there is need.
fn shown(word: &OsString) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:".contains(c);
    match word.to_str() {
        Some(text) if text.chars().all(plain) => text.to_owned(),
        _ => String::from_utf8_lossy(&shell_quoted(word)).into_owned(),
    }
}

/// Why there is nothing to be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExampleError {
    /// There is no directory.
    #[error(
        "there are no migrations in {}; run this beside the directory migrations, or name another one with --migrations",
        path.display()
    )]
    NoMigrations {
        /// Where they were looked for.
        path: PathBuf,
    },
    /// The directory cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// There is nowhere to promote to.
    #[error("the example promotes from one environment to the next: name at least two with --databases")]
    OneEnvironment,
}

/// What is walked through: the steps in their order.
#[derive(Debug)]
pub(crate) struct Example {
    /// The steps in their order.
    pub(crate) steps: Vec<Step>,
}

impl Example {
    /// Looks whether there is something to be shown, before anything is started.
    pub(crate) fn prepare(
        environments: &Environments,
        migrations: Option<&Path>,
    ) -> Result<Self, ExampleError> {
        let mut names = environments.names();
        let (Some(first), Some(second)) = (names.next(), names.next()) else {
            return Err(ExampleError::OneEnvironment);
        };
        let directory = migrations.unwrap_or(Path::new(USUAL_DIRECTORY));
        let versions = versions(directory)?;
        let target = match versions.as_slice() {
            [] => return Err(ExampleError::NoMigrations { path: directory.to_owned() }),
            versions if versions.iter().any(|version| version == TARGET) => TARGET,
            [_] => "base",
            [.., before, _] => before,
        };
        Ok(Self { steps: steps(first, second, target, migrations) })
    }
}

/// The versions of the migrations in a directory, lowest first.
fn versions(directory: &Path) -> Result<Vec<String>, ExampleError> {
    let read = |source| ExampleError::Read { path: directory.to_owned(), source };
    if !directory.exists() {
        return Err(ExampleError::NoMigrations { path: directory.to_owned() });
    }
    let mut versions = Vec::new();
    for entry in fs::read_dir(directory).map_err(read)? {
        let name = entry.map_err(read)?.file_name();
        let version = name.to_str().and_then(|name| Some(name.strip_suffix(".sql")?.split_once('_')?.0));
        versions.extend(version.map(str::to_owned));
    }
    versions.sort();
    Ok(versions)
}

/// Explanations of two lines each, and what is typed. `{a}` and `{b}` are the environments, `{t}` the version to go back
/// to, `{m}` the option that names the migrations.
const STEPS: [(&str, &str); 10] = [
    (
        "The fleet before anything: no migration is applied anywhere.\n\
         Each line is a database with an agent of its own, which has just enrolled with a one-time token.",
        "status",
    ),
    (
        "What would the migrations in this directory do to {a}?\n\
         The plan pushes them as a release and judges the risk of every statement. It changes nothing.",
        "plan --env {a} {m}",
    ),
    (
        "Carry it out: a verified backup first, then each migration in a transaction that records it too.\n\
         The risk is high, so a person would have to type {a}; --force stands for that, and is recorded.",
        "migrate --env {a} {m} --force",
    ),
    (
        "{a} has every migration, and its rollback window is open.\n\
         {b} has none: a release gets there by promotion, once it has succeeded everywhere before.",
        "status",
    ),
    (
        "The release that {a} carries, the same files to the byte, goes one environment further.\n\
         --force again: here a person would type {b}.",
        "promote {a} {b} --force",
    ),
    (
        "Both environments are at the same version.\n\
         Agents report what stands in the records of the database itself, not what they remember.",
        "status",
    ),
    (
        "Who did what, when and where, newest first; what was forced is marked.\n\
         It comes from the controller's ledger, which is only ever appended to.",
        "history",
    ),
    (
        "Going back to {t} in {b}: first without doing it.\n\
         The agents count the rows that would be lost, and try it in a transaction that is undone.",
        "rollback --env {b} --target {t} --dry-run",
    ),
    (
        "And in earnest: a backup, then the rollback SQL of each migration, newest first.\n\
         --force once more: tables are dropped, and a person would type {b}.",
        "rollback --env {b} --target {t} --force",
    ),
    (
        "{b} is back at {t}, and {a} is where it was.\n\
         The records of what was rolled back stay in the database, marked as such.",
        "status",
    ),
];

fn steps(
    first: &EnvironmentName,
    second: &EnvironmentName,
    target: &str,
    migrations: Option<&Path>,
) -> Vec<Step> {
    let fill = |text: &str| {
        text.replace("{a}", first.as_str()).replace("{b}", second.as_str()).replace("{t}", target)
    };
    let words = |word: &str| match (word, migrations) {
        ("{m}", None) => vec![],
        ("{m}", Some(directory)) => vec!["--migrations".into(), directory.into()],
        (word, _) => vec![OsString::from(fill(word))],
    };
    let step = |(text, line): &(&str, &str)| Step {
        text: fill(text),
        args: line.split(' ').flat_map(words).collect(),
    };
    STEPS.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(files: &[&str]) -> anyhow::Result<String> {
        let directory = tempfile::tempdir()?;
        files.iter().try_for_each(|file| fs::write(directory.path().join(file), ""))?;
        let example = Example::prepare(&"staging=1,production=1".parse()?, Some(directory.path()))?;
        let rollback = &example.steps[8].args;
        Ok(rollback[4].to_string_lossy().into_owned())
    }

    #[test]
    fn there_is_something_to_roll_back_with_any_migrations() -> anyhow::Result<()> {
        assert_eq!(target(&["001_a.sql", "005_b.sql", "006_c.sql"])?, "005");
        assert_eq!(target(&["01_a.sql", "02_b.sql", "03_c.sql", "README.md"])?, "02");
        assert_eq!(target(&["1_a.sql"])?, "base");
        Ok(())
    }

    #[test]
    fn without_migrations_it_says_where_they_should_be() -> anyhow::Result<()> {
        let environments = "staging=1,production=1".parse()?;
        let nowhere =
            Example::prepare(&environments, Some(Path::new("/nonexistent"))).unwrap_err().to_string();
        assert!(nowhere.starts_with("there are no migrations in /nonexistent; run this beside"), "{nowhere}");
        assert!(target(&["README.md"]).unwrap_err().to_string().contains("there are no migrations in"));
        let one = Example::prepare(&"staging=2".parse()?, None).unwrap_err().to_string();
        assert!(one.contains("name at least two with --databases"), "{one}");
        Ok(())
    }

    #[test]
    fn the_commands_are_what_a_person_would_type() -> anyhow::Result<()> {
        let (first, second) = ("staging".parse()?, "production".parse()?);
        let lines: Vec<_> = steps(&first, &second, "005", None).iter().map(Step::line).collect();
        let expected = [
            "pgbelay status",
            "pgbelay plan --env staging",
            "pgbelay migrate --env staging --force",
            "pgbelay status",
            "pgbelay promote staging production --force",
            "pgbelay status",
            "pgbelay history",
            "pgbelay rollback --env production --target 005 --dry-run",
            "pgbelay rollback --env production --target 005 --force",
            "pgbelay status",
        ];
        assert_eq!(lines, expected);
        let elsewhere = steps(&first, &second, "005", Some(Path::new("/my migrations")));
        assert_eq!(elsewhere[1].line(), "pgbelay plan --env staging --migrations '/my migrations'");
        assert!(elsewhere.iter().all(|step| step.text.lines().count() == 2 && !step.text.contains('{')));
        Ok(())
    }
}
