//! The agent's own limits, from its own file. The controller cannot loosen them.
//!
//! Who is asked for and when is judged when a command arrives; what is in its SQL, before anything of it is started.
//! Backups, cancelling and finding out what was done are never refused here.

use std::collections::BTreeMap;

use pgbelay_core::command::{Failure, FailureKind};
use pgbelay_core::database::Observation;
use pgbelay_core::digest::Digest;
use pgbelay_core::migration::Version;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::plan::{Direction, ExecutionSettings};
use pgbelay_core::policy::Query;
use pgbelay_core::time::{Span, Timestamp};
use pgbelay_proto::convert::{WireCommand, WireKind, WireRun, WireStep};

use super::Site;
use crate::config::{Config, GuardRules};
use crate::words;
use judge::{Asked, Broken};

mod judge;

/// What this agent does not do, whoever asks.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    /// The only database that it serves.
    pub(crate) name: DatabaseName,
    /// Whether it runs migrations at all.
    pub(crate) allow_migrations: bool,
    /// No statement runs longer.
    pub(crate) timeout: Option<Span>,
    /// Nothing that was applied longer ago is rolled back.
    pub(crate) max_rollback_time: Option<Span>,
    /// Where pgbelay keeps its own tables: nobody else's business.
    pub(crate) schema: String,
    /// The section `guard` of its file.
    pub(crate) rules: GuardRules,
}

/// Why a script is not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Objection {
    /// It breaks a rule of this agent.
    Broken {
        /// The migration.
        version: Version,
        /// The line of its file.
        line: u32,
        /// What is not allowed, and by which rule.
        what: String,
        /// What to do about it.
        next: String,
    },
    /// It cannot be told.
    Failed(Box<Failure>),
}

impl Objection {
    fn broken(version: &Version, Broken { line, what, next }: Broken) -> Self {
        Self::Broken { version: version.clone(), line, what, next }
    }

    fn failed(kind: FailureKind, version: Option<&Version>, line: Option<u32>, message: String) -> Self {
        let hint = match kind {
            FailureKind::Sql => "correct the migration, then make a new plan",
            FailureKind::Connection => "nothing was changed; see that the database answers, then retry",
            FailureKind::LockTimeout
            | FailureKind::StatementTimeout
            | FailureKind::StepDeadline
            | FailureKind::Backup
            | FailureKind::NotTransactional
            | FailureKind::Busy
            | FailureKind::ReplicationLag
            | FailureKind::Verification
            | FailureKind::Rehearsal
            | FailureKind::SqlMissing
            | FailureKind::Agent => "nothing was changed; see the agent's log",
        };
        Self::Failed(Box::new(Failure { message, hint: Some(hint.to_owned()), line, ..about(kind, version) }))
    }
}

fn about(kind: FailureKind, version: Option<&Version>) -> Failure {
    Failure {
        kind,
        version: version.cloned(),
        message: String::new(),
        hint: None,
        sqlstate: None,
        line: None,
        blockers: Vec::new(),
    }
}

fn unreadable() -> Failure {
    Failure {
        message: "the SQL could not be read: the parser stopped unexpectedly".to_owned(),
        hint: Some("nothing was changed; see the agent's log".to_owned()),
        ..about(FailureKind::Agent, None)
    }
}

impl Guard {
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            name: config.agent.name.clone(),
            allow_migrations: config.agent.allow_migrations,
            timeout: config.migration.timeout,
            max_rollback_time: config.migration.max_rollback_time,
            schema: config.database.schema.clone(),
            rules: config.guard.clone(),
        }
    }

    /// The rule that a command breaks, whatever the database looks like.
    pub(crate) fn forbids(&self, command: &WireCommand, now: Timestamp) -> Option<String> {
        if command.database != self.name {
            return Some(format!("this agent serves {}, not {}", self.name, command.database));
        }
        match &command.kind {
            WireKind::Run(_) | WireKind::Adopt(_) | WireKind::Rehearse(_) => self.forbids_migrations(now),
            WireKind::Backup { .. } | WireKind::Verify(_) => None,
        }
    }

    /// The rule, if no migration may be started, or tried, at this moment.
    pub(crate) fn forbids_migrations(&self, now: Timestamp) -> Option<String> {
        if !self.allow_migrations {
            return Some("the agent's configuration says agent.allow_migrations: false".to_owned());
        }
        if self.rules.read_only {
            return Some("the agent's configuration says guard.read_only: true".to_owned());
        }
        let hours = self.rules.hours.as_ref().filter(|hours| !hours.are_open(now))?;
        let next = hours.next_opening(now).map(|next| format!("; they open on {next}")).unwrap_or_default();
        Some(format!("nothing is started outside of guard.hours ({hours}){next}"))
    }

    /// Reads the SQL of a run or a trial, and says what stands against it. Nothing was started.
    pub(crate) async fn objects_to<S: Site>(
        &self,
        steps: &[WireStep],
        sql: &BTreeMap<Digest, String>,
        site: &S,
    ) -> Option<Objection> {
        // What is missing here is told by whoever runs it.
        let texts = steps.iter().filter_map(|step| Some((step.version.clone(), sql.get(&step.sql)?.clone())));
        self.objects_to_texts(texts.collect(), site).await
    }

    /// Why a script cannot be tried on a copy. What it would do to roles, to databases or to other machines, it would do
    /// to the real ones, three times.
    pub(crate) async fn leaves_a_copy(
        &self,
        steps: &[WireStep],
        sql: &BTreeMap<Digest, String>,
    ) -> Option<Failure> {
        let texts = steps.iter().filter_map(|step| Some((step.version.clone(), sql.get(&step.sql)?.clone())));
        let texts: Vec<_> = texts.collect();
        let found = tokio::task::spawn_blocking(move || {
            let files: Vec<_> = texts.iter().map(|(_, text)| text.as_str()).collect();
            // Whether it can be read at all was asked before.
            let scripts = pgbelay_analysis::guarded(&files, &[]).ok()?;
            texts.iter().zip(&scripts).find_map(|((version, _), script)| {
                let mut reaches = script.iter().flat_map(|statement| &statement.reaches);
                let (line, by) =
                    reaches.find_map(|reach| Some((reach.line, judge::leaves_a_copy(&reach.to)?)))?;
                Some((version.clone(), line, by.to_owned()))
            })
        });
        let (version, line, by) = match found.await {
            Ok(found) => found?,
            Err(_) => return Some(unreadable()),
        };
        Some(Failure {
            message: format!(
                "rehearsal: migration {version}, line {line}: {by} reaches what a copy shares with the database, or what \
                 is outside of both, so that it cannot be tried"
            ),
            hint: Some(
                "nothing was changed, nothing was tried; do it by hand and take it out of the migration, or set \
                 rehearsal: off in the policy and make a new plan"
                    .to_owned(),
            ),
            line: Some(line),
            ..about(FailureKind::Rehearsal, Some(&version))
        })
    }

    /// Why queries of the policy are not asked here, in words.
    pub(crate) async fn objects_to_queries<S: Site>(&self, queries: &[Query], site: &S) -> Option<String> {
        for query in queries {
            // It has no version; what is said of it has its name.
            let version = "1".parse().ok()?;
            let objection = self.objects_to_texts(vec![(version, query.query.clone())], site).await;
            let why = match objection {
                None => continue,
                Some(Objection::Broken { what, next, .. }) => format!("{what}; {next}"),
                Some(Objection::Failed(failure)) => failure.message,
            };
            return Some(format!("query {:?}: {why}", query.name));
        }
        None
    }

    async fn objects_to_texts<S: Site>(&self, texts: Vec<(Version, String)>, site: &S) -> Option<Objection> {
        let guard = self.clone();
        // The parser uses the processor, and a thread of its own.
        let judged = tokio::task::spawn_blocking(move || guard.judge(&texts)).await;
        let asked = match judged {
            Ok(Ok(asked)) => asked,
            Ok(Err(objection)) => return Some(objection),
            Err(_) => return Some(Objection::Failed(Box::new(unreadable()))),
        };
        if asked.is_empty() {
            return None;
        }
        let names: Vec<_> = asked.iter().map(|(_, asked)| asked.name.clone()).collect();
        match site.trust(&names).await {
            Ok(trust) => asked.iter().zip(trust).find_map(|((version, asked), trust)| {
                Some(Objection::broken(version, judge::untrusted(asked, trust)?))
            }),
            Err(error) => {
                let why = words::line(&error);
                Some(Objection::failed(FailureKind::Connection, None, None, why))
            }
        }
    }

    /// Judges the SQL of each step; the extensions of which the server has to say whether they are trusted.
    fn judge(&self, texts: &[(Version, String)]) -> Result<Vec<(Version, Asked)>, Objection> {
        let files: Vec<_> = texts.iter().map(|(_, text)| text.as_str()).collect();
        let scripts = pgbelay_analysis::guarded(&files, &self.rules.functions).map_err(|(at, error)| {
            let version = texts.get(at).map(|(version, _)| version);
            let line = error.position().map(|position| position.line);
            Objection::failed(FailureKind::Sql, version, line, error.to_string())
        })?;
        let mut all = Vec::new();
        for ((version, _), script) in texts.iter().zip(scripts) {
            let asked = judge::judge(&script, &self.rules, &self.schema);
            let asked = asked.map_err(|broken| Objection::broken(version, broken))?;
            all.extend(asked.into_iter().map(|asked| (version.clone(), asked)));
        }
        Ok(all)
    }

    /// Whether it has to be known when something was applied.
    pub(crate) fn looks_at_age(&self, run: &WireRun) -> bool {
        self.max_rollback_time.is_some() && run.direction == Direction::Down
    }

    /// The rule that a rollback breaks by its age.
    pub(crate) fn too_old(&self, run: &WireRun, seen: &Observation, now: Timestamp) -> Option<String> {
        let limit = self.max_rollback_time.filter(|_| run.direction == Direction::Down)?;
        let undone = |version| run.steps.iter().any(|step| step.version == version);
        let old = seen.records.iter().find(|r| undone(r.version.clone()) && now - r.applied_at > limit)?;
        Some(format!(
            "migration {} was applied longer ago than the agent's migration.max_rollback_time of {limit} allows to roll back",
            old.version
        ))
    }

    /// The settings of policy, within the limits of this agent.
    pub(crate) fn within(&self, settings: &ExecutionSettings) -> ExecutionSettings {
        let Some(limit) = self.timeout else { return settings.clone() };
        let capped = |span: Span| span.min(limit);
        let by_kind = settings.statement_timeouts.iter().map(|(kind, span)| (kind.clone(), capped(*span)));
        ExecutionSettings {
            statement_timeout: capped(settings.statement_timeout),
            statement_timeouts: by_kind.collect(),
            concurrent_timeout: capped(settings.concurrent_timeout),
            ..settings.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use pgbelay_core::database::AppliedRecord;
    use pgbelay_core::digest::Digest;
    use pgbelay_proto::convert::WireStep;

    use super::*;

    const HOUR: Span = Span::hours(1);

    fn guard() -> Guard {
        Guard {
            name: "orders".parse().unwrap(),
            allow_migrations: true,
            timeout: Some(Span::seconds(5)),
            max_rollback_time: Some(HOUR),
            schema: "pgbelay".to_owned(),
            rules: GuardRules::default(),
        }
    }

    fn settings(seconds: i64) -> ExecutionSettings {
        ExecutionSettings::new(Span::seconds(1), Span::seconds(60), Span::seconds(seconds))
    }

    fn run(direction: Direction, version: &str) -> WireRun {
        let digest = Digest::of("");
        WireRun {
            direction,
            steps: vec![WireStep {
                version: version.parse().unwrap(),
                name: String::new(),
                direction,
                sql: digest,
                checksum: digest,
                autocommit: false,
                repeatable: false,
                replaces: None,
                origin: None,
            }],
            expect: pgbelay_core::plan::Expectation {
                system_identifier: String::new(),
                records: digest,
                fingerprint: digest,
            },
            backup: None,
            settings: settings(1),
            resolution: None,
            locks: Vec::new(),
        }
    }

    #[test]
    fn a_timeout_is_capped_and_never_raised() {
        for (policy, effective) in [(1, 1), (5, 5), (60, 5)] {
            let concurrent_timeout = Span::seconds(5);
            let expected = ExecutionSettings { concurrent_timeout, ..settings(effective) };
            assert_eq!(guard().within(&settings(policy)), expected);
        }
        assert_eq!(Guard { timeout: None, ..guard() }.within(&settings(60)), settings(60));
    }

    #[test]
    fn nothing_is_started_when_the_file_says_so() {
        let rules = |rules: GuardRules| Guard { rules, ..guard() }.forbids_migrations(Timestamp(0));
        assert_eq!(rules(GuardRules::default()), None);
        let read_only = GuardRules { read_only: true, ..GuardRules::default() };
        assert_eq!(rules(read_only).as_deref(), Some("the agent's configuration says guard.read_only: true"));
        // The epoch is midnight of a Thursday.
        let hours = |text| {
            let hours = crate::config::Hours::read(text, jiff::tz::TimeZone::UTC);
            rules(GuardRules { hours, ..GuardRules::default() })
        };
        assert_eq!(hours("Wed 22:00-01:00"), None);
        assert_eq!(
            hours("Fri 10:00-11:00").as_deref(),
            Some(
                "nothing is started outside of guard.hours (Fri 10:00-11:00, UTC); \
                 they open on Fri 1970-01-02 10:00 UTC"
            )
        );
        let off = Guard { allow_migrations: false, ..guard() };
        assert!(off.forbids_migrations(Timestamp(0)).is_some_and(|rule| rule.contains("allow_migrations")));
    }

    #[test]
    fn only_a_rollback_of_something_old_is_too_old() {
        let record = |version: &str, applied_at| AppliedRecord {
            version: version.parse().unwrap(),
            name: String::new(),
            checksum: Digest::of(""),
            applied_at,
            repeatable: false,
            adopted: false,
        };
        let seen = Observation {
            conditions: pgbelay_core::database::no_conditions(),
            server_version: 150_000,
            system_identifier: String::new(),
            fingerprint: Digest::of(""),
            records: vec![record("1", Timestamp(0)), record("2", Timestamp(HOUR.0))],
            unfinished: Vec::new(),
        };
        let at = Timestamp(HOUR.0 + 1);
        let too_old = |direction, version| guard().too_old(&run(direction, version), &seen, at);
        assert!(too_old(Direction::Down, "1").is_some_and(|rule| rule.contains("max_rollback_time of 1h")));
        assert_eq!(too_old(Direction::Down, "2"), None);
        assert_eq!(too_old(Direction::Up, "1"), None);
        let unlimited = Guard { max_rollback_time: None, ..guard() };
        assert!(!unlimited.looks_at_age(&run(Direction::Down, "1")));
        assert_eq!(unlimited.too_old(&run(Direction::Down, "1"), &seen, at), None);
    }
}
