//! The agent's own limits, from its own file. The controller cannot loosen them.

use pgbelay_core::database::Observation;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::plan::{Direction, ExecutionSettings};
use pgbelay_core::time::{Span, Timestamp};
use pgbelay_proto::convert::{WireCommand, WireKind, WireRun};

use crate::config::Config;

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
}

impl Guard {
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            name: config.agent.name.clone(),
            allow_migrations: config.agent.allow_migrations,
            timeout: config.migration.timeout,
            max_rollback_time: config.migration.max_rollback_time,
        }
    }

    /// The rule that a command breaks, whatever the database looks like.
    pub(crate) fn forbids(&self, command: &WireCommand) -> Option<String> {
        if command.database != self.name {
            return Some(format!("this agent serves {}, not {}", self.name, command.database));
        }
        match &command.kind {
            WireKind::Run(_) | WireKind::Adopt(_) => self.forbids_migrations(),
            WireKind::Backup { .. } => None,
        }
    }

    /// The rule, if migrations are not run here.
    pub(crate) fn forbids_migrations(&self) -> Option<String> {
        let rule = "the agent's configuration says agent.allow_migrations: false";
        (!self.allow_migrations).then(|| rule.to_owned())
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
        let statement_timeout = match self.timeout {
            Some(limit) => settings.statement_timeout.min(limit),
            None => settings.statement_timeout,
        };
        ExecutionSettings { statement_timeout, ..settings.clone() }
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
        }
    }

    fn settings(seconds: i64) -> ExecutionSettings {
        ExecutionSettings {
            lock_timeout: Span::seconds(1),
            lock_budget: Span::seconds(60),
            statement_timeout: Span::seconds(seconds),
        }
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
        }
    }

    #[test]
    fn a_timeout_is_capped_and_never_raised() {
        for (policy, effective) in [(1, 1), (5, 5), (60, 5)] {
            assert_eq!(guard().within(&settings(policy)), settings(effective));
        }
        assert_eq!(Guard { timeout: None, ..guard() }.within(&settings(60)), settings(60));
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
