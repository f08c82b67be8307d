//! What is done with a command that arrives, told from what is known. Pure.

use pgbelay_core::command::{Outcome, RefusedBecause};
use pgbelay_core::time::Timestamp;
use pgbelay_proto::convert::WireCommand;

use crate::journal::Entry;
use crate::work::Guard;

/// What is known when a command arrives.
pub(super) struct Circumstances<'a> {
    /// What the journal holds of it.
    pub(super) known: Option<&'a Entry>,
    /// The command that is in work.
    pub(super) in_work: Option<&'a WireCommand>,
    /// This agent's own limits.
    pub(super) guard: &'a Guard,
    /// The present moment.
    pub(super) now: Timestamp,
}

/// What is done with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is carried out.
    Start,
    /// It is in work: say so again.
    AcceptAgain,
    /// It is done: say again what came of it.
    ReportAgain,
    /// What came of it was not known: look again.
    LookAgain,
    /// It is not carried out, and that is its result.
    Refuse(RefusedBecause),
    /// A later run of it is known.
    Ignore,
}

/// Judges a command. One command is carried out once, and one at a time.
pub(super) fn judge(command: &WireCommand, circumstances: &Circumstances<'_>) -> Verdict {
    let Circumstances { known, in_work, guard, now } = circumstances;
    match known {
        Some(entry) if command.attempt < entry.attempt => return Verdict::Ignore,
        Some(entry) if command.attempt == entry.attempt => {
            return match entry.outcome() {
                None => Verdict::AcceptAgain,
                Some(Outcome::Unknown { .. }) if in_work.is_none() => Verdict::LookAgain,
                Some(_) => Verdict::ReportAgain,
            };
        }
        // A result of this attempt would take the place of what stands in the journal of the one in work.
        Some(entry) if entry.outcome().is_none() => return Verdict::Ignore,
        Some(_) | None => {}
    }
    if let Some(other) = in_work {
        let rule = format!("the agent is busy with command {} of rollout {}", other.id, other.rollout);
        return Verdict::Refuse(RefusedBecause::Guard { rule });
    }
    if let Some(rule) = guard.forbids(command, *now) {
        return Verdict::Refuse(RefusedBecause::Guard { rule });
    }
    if *now > command.not_after {
        return Verdict::Refuse(RefusedBecause::TooLate);
    }
    Verdict::Start
}

#[cfg(test)]
mod tests {
    use pgbelay_core::digest::Digest;
    use pgbelay_core::plan::Expectation;
    use pgbelay_proto::convert::WireKind;

    use super::*;
    use crate::journal::EntryState;

    fn command(id: &str, attempt: u32) -> WireCommand {
        let expect = Expectation {
            system_identifier: String::new(),
            records: Digest::of(""),
            fingerprint: Digest::of(""),
        };
        WireCommand {
            id: id.parse().unwrap(),
            database: "orders".parse().unwrap(),
            rollout: "r1".parse().unwrap(),
            plan: Digest::of("plan"),
            attempt,
            fence: 1,
            not_after: Timestamp(100),
            kind: WireKind::Backup { expect, order: Default::default() },
        }
    }

    fn accepted(attempt: u32) -> Entry {
        let state = EntryState::Accepted { command: Box::new(command("c1", attempt)) };
        Entry { id: "c1".parse().unwrap(), attempt, state }
    }

    fn finished(attempt: u32) -> Entry {
        let outcome = Outcome::Cancelled { done: Vec::new(), observation: None };
        Entry { state: EntryState::Finished { outcome }, ..accepted(attempt) }
    }

    fn unknown(attempt: u32) -> Entry {
        let outcome = Outcome::Unknown { why: String::new() };
        Entry { state: EntryState::Acknowledged { outcome, at: Timestamp(1) }, ..accepted(attempt) }
    }

    fn guard() -> Guard {
        Guard {
            name: "orders".parse().unwrap(),
            allow_migrations: true,
            timeout: None,
            max_rollback_time: None,
            schema: "pgbelay".to_owned(),
            rules: crate::config::GuardRules::default(),
        }
    }

    fn check(command: &WireCommand, known: Option<&Entry>, in_work: Option<&WireCommand>) -> Verdict {
        judge(command, &Circumstances { known, in_work, guard: &guard(), now: Timestamp(100) })
    }

    #[test]
    fn a_command_is_carried_out_once() {
        let second = command("c1", 2);
        assert_eq!(check(&second, None, None), Verdict::Start);
        assert_eq!(check(&second, Some(&accepted(2)), Some(&second)), Verdict::AcceptAgain);
        assert_eq!(check(&second, Some(&finished(2)), None), Verdict::ReportAgain);
        assert_eq!(check(&second, Some(&finished(3)), None), Verdict::Ignore);
        assert_eq!(check(&second, Some(&accepted(3)), None), Verdict::Ignore);
        assert_eq!(check(&second, Some(&finished(1)), None), Verdict::Start);
        assert_eq!(check(&second, Some(&accepted(1)), Some(&command("c1", 1))), Verdict::Ignore);
    }

    #[test]
    fn what_was_not_known_is_looked_at_again_when_it_is_asked_for_again() {
        let first = command("c1", 1);
        assert_eq!(check(&first, Some(&unknown(1)), None), Verdict::LookAgain);
        assert_eq!(check(&first, Some(&unknown(1)), Some(&command("c9", 1))), Verdict::ReportAgain);
        assert_eq!(check(&first, Some(&unknown(2)), None), Verdict::Ignore);
    }

    #[test]
    fn one_at_a_time() {
        let verdict = check(&command("c1", 1), None, Some(&command("c9", 1)));
        let Verdict::Refuse(RefusedBecause::Guard { rule }) = verdict else { panic!("{verdict:?}") };
        assert_eq!(rule, "the agent is busy with command c9 of rollout r1");
        let known = check(&command("c1", 1), Some(&finished(1)), Some(&command("c9", 1)));
        assert_eq!(known, Verdict::ReportAgain, "to tell again is no work");
    }

    #[test]
    fn a_command_that_comes_too_late_or_to_the_wrong_agent_is_refused() {
        let late = WireCommand { not_after: Timestamp(99), ..command("c1", 1) };
        assert_eq!(check(&late, None, None), Verdict::Refuse(RefusedBecause::TooLate));
        let other = WireCommand { database: "billing".parse().unwrap(), ..command("c1", 1) };
        let verdict = check(&other, None, None);
        let Verdict::Refuse(RefusedBecause::Guard { rule }) = verdict else { panic!("{verdict:?}") };
        assert_eq!(rule, "this agent serves orders, not billing");
    }
}
