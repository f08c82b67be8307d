//! Whether what an agent tells can have come of its command.
//!
//! A promise depends on it: what a report says is recorded opens rollback windows and lets a release be promoted.

use crate::command::{Answer, Command, CommandKind, Outcome, Recording, StepDone, Verify};
use crate::database::Observation;
use crate::plan::{Direction, Step};

/// What in a report cannot be true, in words.
pub(super) fn contradiction(command: &Command, outcome: &Outcome) -> Option<String> {
    let what = match &command.kind {
        CommandKind::Backup { .. } => "a backup was to be taken",
        CommandKind::Verify(_) => "queries were to be asked",
        CommandKind::Rehearse(_) => "migrations were to be tried",
        CommandKind::Run(_) | CommandKind::Adopt(_) => "migrations were to be run",
    };
    let run = command.kind.recording().ok_or_else(|| command.kind.expect());
    match (outcome, run) {
        (Outcome::BackedUp { .. }, Err(_)) if matches!(command.kind, CommandKind::Backup { .. }) => None,
        (Outcome::BackedUp { .. }, _) => Some(format!("it tells of a backup, and {what}")),
        (Outcome::Verified { answers }, _) => match &command.kind {
            CommandKind::Verify(verify) => other_queries(verify, answers),
            CommandKind::Backup { .. }
            | CommandKind::Run(_)
            | CommandKind::Adopt(_)
            | CommandKind::Rehearse(_) => Some(format!("it tells of answers, and {what}")),
        },
        (Outcome::Rehearsed { rehearsed }, _) => match &command.kind {
            CommandKind::Rehearse(asked) => {
                other_steps(&asked.up, &rehearsed.up).or_else(|| other_steps(&asked.back, &rehearsed.back))
            }
            CommandKind::Backup { .. }
            | CommandKind::Run(_)
            | CommandKind::Adopt(_)
            | CommandKind::Verify(_) => Some(format!("it tells of a rehearsal, and {what}")),
        },
        (Outcome::Ran { .. }, Err(_)) => Some(format!("it tells of migrations, and {what}")),
        (Outcome::Ran { done, observation }, Ok(run)) => {
            let missing = run.steps.iter().find(|step| done.iter().all(|d| d.version != step.version));
            let missing = missing.map(|step| format!("it leaves out migration {}", step.version));
            missing.or_else(|| recorded(&run, done, Some(observation)))
        }
        (
            Outcome::Failed { done, observation, .. }
            | Outcome::Interrupted { done, observation }
            | Outcome::Cancelled { done, observation }
            | Outcome::Unsettled { done, observation, .. },
            run,
        ) => match (run, done.first()) {
            (Ok(run), _) => recorded(&run, done, observation.as_ref()),
            (Err(_), Some(step)) => Some(format!("it tells of migration {}, and {what}", step.version)),
            (Err(expect), None) => another_database(&expect.system_identifier, observation.as_ref()),
        },
        (Outcome::Refused { .. } | Outcome::Unknown { .. }, _) => None,
    }
}

/// Each step was tried.
fn other_steps(asked: &[Step], tried: &[StepDone]) -> Option<String> {
    let same = asked.iter().map(|step| &step.version).eq(tried.iter().map(|step| &step.version));
    (!same).then(|| "it did not try the migrations that were to be tried".to_owned())
}

/// Each query has its answer.
fn other_queries(asked: &Verify, answers: &[Answer]) -> Option<String> {
    let same = asked.queries.iter().map(|query| &query.name).eq(answers.iter().map(|answer| &answer.query));
    (!same).then(|| "its answers are not those to the queries that were to be asked".to_owned())
}

/// The steps are ones of the command, each once, and the database's records show these steps and no other.
fn recorded(run: &Recording<'_>, done: &[StepDone], seen: Option<&Observation>) -> Option<String> {
    for (at, step) in done.iter().enumerate() {
        let version = &step.version;
        if run.steps.iter().all(|asked| asked.version != *version) {
            return Some(format!("migration {version} is not one of the command"));
        }
        if done.iter().take(at).any(|earlier| earlier.version == *version) {
            return Some(format!("migration {version} stands twice"));
        }
    }
    let seen = seen?;
    let told =
        |step: &&Step| done.iter().any(|d| d.version == step.version) == is_done(run.direction, step, seen);
    let wrong = run.steps.iter().find(|step| !told(step));
    wrong
        .map(|step| format!("the database's records say otherwise of migration {}", step.version))
        .or_else(|| another_database(&run.expect.system_identifier, Some(seen)))
}

fn is_done(direction: Direction, step: &Step, seen: &Observation) -> bool {
    let record = seen.records.iter().find(|record| record.version == step.version);
    match direction {
        Direction::Up => record.is_some_and(|record| record.checksum == step.checksum),
        Direction::Down => record.is_none(),
    }
}

fn another_database(expected: &str, seen: Option<&Observation>) -> Option<String> {
    seen.filter(|seen| seen.system_identifier != expected)
        .map(|_| "it comes from another PostgreSQL database".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Backup, CommandKind, Run};
    use crate::database::AppliedRecord;
    use crate::digest::Digest;
    use crate::migration::{MigrationSource, Version};
    use crate::origin::Layout;
    use crate::plan::{ExecutionSettings, Expectation};
    use crate::policy::{EnvironmentPolicy, Policy};
    use crate::release::Release;
    use crate::time::{Span, Timestamp};

    fn version(number: &str) -> Version {
        number.parse().unwrap()
    }

    fn release() -> Release {
        let migration = |number: &str| {
            let (up, down) = (format!("CREATE TABLE t{number} (id int)"), None);
            MigrationSource::plain(version(number), "t", up, down).analyse().unwrap()
        };
        Release::new(Layout::Plain, ["1", "2"].map(migration).into()).unwrap()
    }

    fn seen(applied: &[&str]) -> Observation {
        let record = |number: &&str| AppliedRecord {
            version: version(number),
            name: "t".to_owned(),
            checksum: release().migration(&version(number)).map_or(Digest::of("other"), |m| m.up.recorded()),
            applied_at: Timestamp(0),
            repeatable: false,
            adopted: false,
        };
        let (system_identifier, fingerprint) = ("1".to_owned(), Digest::of("schema"));
        let records = applied.iter().map(record).collect();
        Observation {
            server_version: 150_018,
            system_identifier,
            fingerprint,
            conditions: crate::database::no_conditions(),
            records,
            unfinished: Vec::new(),
        }
    }

    fn command(direction: Option<Direction>) -> Command {
        let environment = EnvironmentPolicy::with_defaults("staging".parse().unwrap());
        let policy = Policy::initial(std::slice::from_ref(&environment.name));
        let name = "db".parse().unwrap();
        let (judged, sizes) = Default::default();
        let mut scales = crate::plan::Scales::new(&policy, &judged, &sizes);
        let steps = crate::plan::plan_forward(&name, &seen(&[]), &release(), &mut scales).unwrap().steps;
        let expect = Expectation::from(&seen(&[]));
        let settings = ExecutionSettings::from(&environment);
        Command {
            id: "c1".parse().unwrap(),
            database: name,
            rollout: "r1".parse().unwrap(),
            plan: Digest::of("plan"),
            attempt: 1,
            fence: 1,
            not_after: Timestamp(0),
            kind: match direction {
                Some(direction) => CommandKind::Run(Run {
                    direction,
                    steps,
                    expect,
                    backup: None,
                    more: false,
                    settings,
                    locks: Vec::new(),
                    resolution: None,
                }),
                None => CommandKind::Backup { expect, order: Default::default() },
            },
        }
    }

    fn done(versions: &[&str]) -> Vec<StepDone> {
        versions
            .iter()
            .map(|v| StepDone { version: version(v), took: Span(1), retries: 0, observed: None })
            .collect()
    }

    #[test]
    fn a_run_did_steps_of_its_own_and_the_records_agree() {
        let [up, down] = [Direction::Up, Direction::Down].map(|direction| command(Some(direction)));
        for (command, told, applied, expected) in [
            (&up, &["1", "2"][..], &["1", "2"][..], None),
            (&up, &["1"], &["1"], Some("it leaves out migration 2")),
            (&up, &["1", "2"], &["1"], Some("the database's records say otherwise of migration 2")),
            (&up, &["1", "2", "3"], &["1", "2", "3"], Some("migration 3 is not one of the command")),
            (&up, &["1", "2", "1"], &["1", "2"], Some("migration 1 stands twice")),
            (&down, &["1", "2"], &[], None),
            (&down, &["1", "2"], &["2"], Some("the database's records say otherwise of migration 2")),
        ] {
            let outcome = Outcome::Ran { done: done(told), observation: seen(applied) };
            assert_eq!(contradiction(command, &outcome).as_deref(), expected, "{told:?} {applied:?}");
        }
        for (told, applied, expected) in [
            (&[][..], &[][..], None),
            (&["1"], &["1"], None),
            (&["1"], &["1", "2"], Some("the database's records say otherwise of migration 2")),
            (&[], &["1"], Some("the database's records say otherwise of migration 1")),
        ] {
            let outcome = Outcome::Interrupted { done: done(told), observation: Some(seen(applied)) };
            assert_eq!(contradiction(&up, &outcome).as_deref(), expected, "{told:?} {applied:?}");
            let blind = Outcome::Cancelled { done: done(told), observation: None };
            assert_eq!(contradiction(&up, &blind), None);
        }
    }

    #[test]
    fn a_backup_is_no_run_and_a_run_is_no_backup() {
        let (backup, run) = (command(None), command(Some(Direction::Up)));
        let (path, sha256) = ("/b".to_owned(), Digest::of("b"));
        let backed_up = Outcome::BackedUp {
            backup: Backup {
                path,
                copies: Vec::new(),
                sha256,
                bytes: 1,
                took: Span(1),
                method: Default::default(),
                reason: None,
                outside: None,
                sealed_key: None,
            },
        };
        let ran = Outcome::Ran { done: done(&["1", "2"]), observation: seen(&["1", "2"]) };
        let died = |versions: &[&str]| Outcome::Interrupted { done: done(versions), observation: None };
        let fits = |command: &Command, outcome: &Outcome| contradiction(command, outcome).is_none();
        assert!(fits(&backup, &backed_up) && !fits(&run, &backed_up));
        assert!(fits(&run, &ran) && !fits(&backup, &ran));
        assert!(fits(&backup, &died(&[])) && !fits(&backup, &died(&["1"])));
    }

    #[test]
    fn a_result_of_another_database_is_none() {
        let mut elsewhere = seen(&[]);
        elsewhere.system_identifier = "2".to_owned();
        for command in [command(None), command(Some(Direction::Up))] {
            let outcome = Outcome::Interrupted { done: Vec::new(), observation: Some(elsewhere.clone()) };
            let expected = "it comes from another PostgreSQL database";
            assert_eq!(contradiction(&command, &outcome).as_deref(), Some(expected));
        }
    }
}
