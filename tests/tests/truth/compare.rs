//! One statement: what was observed beside what was said.

use std::collections::BTreeSet;
use std::fmt;

use pgbelay_analysis::{Analysis, StatementReport};
use pgbelay_tests::observe::corpus::Case;
use pgbelay_tests::observe::{Observed, Outcome};

/// Whether what was said is what was observed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is.
    Agrees,
    /// The analysis said which fact it lacked, and was right in everything else.
    Unknown,
    /// The server refused a statement of which nothing was said; nothing to compare.
    Refused,
    /// It is not.
    Differs(Vec<String>),
}

/// Work that depends on the rows: the referenced table is not read when no row refers to it.
const NO_ROW_REFERS: &[(&str, &str)] = &[
    ("foreign_keys", "validate where all referencing values are null"),
    ("foreign_keys", "of an empty table"),
];

/// Locks that depend on values, or that a later statement of somebody else's decides: more or less may be said.
const BY_VALUES: &[(&str, &str, &str)] = &[
    ("data", "insert into a partitioned table", "which partition takes a row"),
    ("data", "select for key share of one of two", "FOR … OF is taken to mean every table"),
    ("grants_comments", "alter publication set table", "the tables of a publication are in no catalog"),
];

/// Statements that the agent's runner refuses for a reason of its own, in words of their own.
const CONTROL: &[&str] =
    &["SAVEPOINT", "BEGIN", "SET TRANSACTION", "PREPARE TRANSACTION", "COMMIT", "ROLLBACK"];

pub(crate) fn compare(case: &Case, observed: &Observed, analysis: &Analysis) -> Verdict {
    let Some(report) = analysis.statements.first() else {
        let controls = CONTROL.iter().any(|start| case.run.to_uppercase().starts_with(start));
        let expected = controls || matches!(observed.outcome, Outcome::Refused { .. });
        return if expected { Verdict::Refused } else { differs(format!("not read: {:?}", analysis.faults)) };
    };
    match &observed.outcome {
        Outcome::Done => done(case, observed, report),
        Outcome::RefusedInTransaction(words) if report.transactional => {
            differs(format!("said to run in a transaction: {words}"))
        }
        Outcome::RefusedInTransaction(_) => Verdict::Agrees,
        Outcome::Refused { .. } if report.fails.is_some() => Verdict::Agrees,
        Outcome::Refused { .. } => Verdict::Refused,
    }
}

fn differs(why: String) -> Verdict {
    Verdict::Differs(vec![why])
}

fn done(case: &Case, observed: &Observed, report: &StatementReport) -> Verdict {
    let mut why = Vec::new();
    if let Some(fails) = &report.fails {
        why.push(format!("said to fail: {fails}"));
    }
    // A subscription that does not exist needs no other server: what there is, is not in the text.
    if !report.transactional && !case.run.starts_with("DROP SUBSCRIPTION IF EXISTS") {
        why.push("said not to run in a transaction".to_owned());
    }
    let excused = |list: &[(&str, &str)]| list.contains(&(case.topic.as_str(), case.name.as_str()));
    let by_values = BY_VALUES.iter().any(|(topic, name, _)| *topic == case.topic && *name == case.name);
    let missing_known = report.unknown.is_empty();
    why.extend(
        compared("locks", &locks(observed), &said_locks(observed, report), missing_known)
            .filter(|_| !by_values),
    );
    let (seen, said) = (work(observed), said_work(report));
    let fewer = excused(NO_ROW_REFERS) && seen.is_subset(&said);
    why.extend(compared("work", &seen, &said, missing_known).filter(|_| !fewer));
    match (why.is_empty(), report.unknown.is_empty()) {
        (true, true) => Verdict::Agrees,
        (true, false) => Verdict::Unknown,
        (false, _) => Verdict::Differs(why),
    }
}

/// What was seen and not said, and the other way round. Where a fact was missing, less may be said.
fn compared(what: &str, seen: &BTreeSet<String>, said: &BTreeSet<String>, all_known: bool) -> Option<String> {
    let missing: Vec<_> = seen.difference(said).filter(|_| all_known).cloned().collect();
    let surplus: Vec<_> = said.difference(seen).cloned().collect();
    (!missing.is_empty() || !surplus.is_empty())
        .then(|| format!("{what}: missing {missing:?}, too many {surplus:?}"))
}

fn locks(observed: &Observed) -> BTreeSet<String> {
    observed.locks.iter().map(|(relation, mode)| format!("{relation} {mode}")).collect()
}

/// Locks on indexes are said where an index is named, and observed in places that depend on the planner.
fn said_locks(observed: &Observed, report: &StatementReport) -> BTreeSet<String> {
    let plain = |name: &str| name.replace('"', "");
    report
        .locks
        .iter()
        .map(|lock| (plain(&lock.relation), lock.mode))
        .filter(|(relation, _)| !observed.index_locks.contains_key(relation))
        .map(|(relation, mode)| format!("{relation} {mode}"))
        .collect()
}

fn work(observed: &Observed) -> BTreeSet<String> {
    observed.work.iter().map(|(relation, work)| format!("{relation} {}", work.name())).collect()
}

fn said_work(report: &StatementReport) -> BTreeSet<String> {
    report
        .work
        .iter()
        .map(|work| format!("{} {}", work.relation.replace('"', ""), work.kind.as_str()))
        .collect()
}

/// How many statements agreed.
pub(crate) struct Tally {
    agree: usize,
    unknown: usize,
    refused: usize,
    differ: usize,
}

pub(crate) fn tally<'a>(all: impl Iterator<Item = (&'a Case, &'a Observed, &'a Analysis)>) -> Tally {
    let mut tally = Tally { agree: 0, unknown: 0, refused: 0, differ: 0 };
    for (case, observed, analysis) in all {
        match compare(case, observed, analysis) {
            Verdict::Agrees => tally.agree += 1,
            Verdict::Unknown => tally.unknown += 1,
            Verdict::Refused => tally.refused += 1,
            Verdict::Differs(_) => tally.differ += 1,
        }
    }
    tally
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.agree + self.unknown + self.refused + self.differ;
        write!(
            f,
            "{all} statements: {} as said, {} with a fact said to be missing, {} refused by the server for a reason \
             that was not foreseen, {} otherwise",
            self.agree, self.unknown, self.refused, self.differ
        )
    }
}
