//! Reading a policy document for a person: every mistake at once, each at its line and column.
//!
//! Whether a document is good is what the controller would say of it: the same types, the same YAML. What is added here
//! is to go on after a mistake, and to know where things stand. Nothing is decided about policies: that is in `core`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use pgbelay_core::policy::{self, Place, Policy, PolicyError, Step};
use pgbelay_core::time::Timestamp;
use serde::Serialize;

use crate::error::CliError;
use fault::Fault;
use tree::Spot;

mod fault;
mod locate;
mod reader;
#[cfg(test)]
mod tests;
mod tree;

/// Largest document: 32 environments with every setting have about 20 KiB.
const MAX_BYTES: u64 = 256 * 1024;

/// Most mistakes that are told at once: nobody reads more.
pub(crate) const MAX_MISTAKES: usize = 100;

/// Steps to a setting of an environment: `environments[0].waves`.
const SETTING: usize = 3;

/// Something that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Mistake {
    /// From 1.
    pub(crate) line: u64,
    /// In characters, from 1.
    pub(crate) column: u64,
    /// For example `environments[1].waves[0].percent`; empty: the document.
    pub(crate) path: String,
    /// What is wrong.
    pub(crate) message: String,
}

/// A document as it was found.
#[derive(Debug)]
pub(crate) struct Document {
    /// Its text; what is not UTF-8 is replaced.
    pub(crate) text: String,
    /// What it says, or what is wrong with it, by line.
    pub(crate) policy: Result<Policy, Vec<Mistake>>,
}

/// Reads the document in a file and judges it.
///
/// # Errors
/// There is no such file, it cannot be read, or it is too large to be a policy.
pub(crate) fn open(path: &Path, now: Timestamp) -> Result<Document, CliError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|error| {
        CliError::usage(format!("failed to read the policy in {}", path.display()))
            .because(error.to_string())
            .hint("check the path; pgbelay policy show prints the policy in force")
    })?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(CliError::usage(format!("{} has more than {MAX_BYTES} bytes", path.display()))
            .hint("is this the policy?"));
    }
    Ok(match String::from_utf8(bytes) {
        Ok(text) => Document { policy: judge(&text, now), text },
        Err(error) => not_text(&error),
    })
}

fn not_text(error: &std::string::FromUtf8Error) -> Document {
    let bytes = error.as_bytes();
    let good = String::from_utf8_lossy(&bytes[..error.utf8_error().valid_up_to()]);
    let (before, line) = good.rsplit_once('\n').map_or(("", &*good), |(before, line)| (before, line));
    let lines = if good.contains('\n') { before.split('\n').count() + 1 } else { 1 };
    let mistake = Mistake {
        line: lines as u64,
        column: line.chars().count() as u64 + 1,
        path: String::new(),
        message: "this is not UTF-8: save the file in that encoding".to_owned(),
    };
    Document { text: String::from_utf8_lossy(bytes).into_owned(), policy: Err(vec![mistake]) }
}

/// What a document says, or everything that is wrong with it, in the order of its lines.
fn judge(text: &str, now: Timestamp) -> Result<Policy, Vec<Mistake>> {
    let (root, doubles) = tree::parse(text).map_err(|mistake| vec![mistake])?;
    if root.is_nothing() {
        return Err(vec![root.at.mistake("", "there is nothing in it: a policy begins with environments:")]);
    }
    let (mut policy, mut faults) = reader::read::<Policy>(&root);
    let mut mistakes = doubles;
    match serde_saphyr::from_str::<Policy>(text) {
        Ok(read) => (policy, faults) = (Some(read), Vec::new()),
        Err(error) if mistakes.is_empty() && faults.is_empty() => return Err(vec![tree::mistake(&error)]),
        Err(_) => {}
    }
    let of_sense = policy.iter().flat_map(|policy| of_sense(policy, &faults, now));
    mistakes.extend(of_sense.map(|mistake| {
        let about_the_key =
            matches!(mistake.error, PolicyError::UnknownKind { .. } | PolicyError::UnknownHazard { .. });
        let (place, spot) = locate::locate(&root, &mistake.place, about_the_key);
        spot.mistake(&place, mistake.error.to_string())
    }));
    mistakes.extend(faults.iter().filter(|fault| fault.counts()).map(|fault| {
        let (_, spot) = locate::locate(&root, &fault.place, fault.is_about_the_key());
        spot.mistake(&fault.place, fault.message(locate::environment(&root, &fault.place)))
    }));
    if let (true, Some(policy)) = (mistakes.is_empty(), policy) {
        return Ok(policy);
    }
    mistakes.sort();
    mistakes.dedup();
    mistakes.truncate(MAX_MISTAKES);
    Err(mistakes)
}

/// Mistakes of what could be read, as far as they cannot come of what could not.
fn of_sense(policy: &Policy, faults: &[Fault], now: Timestamp) -> Vec<policy::Mistake> {
    let left_out: BTreeSet<&Place> = faults.iter().map(|fault| &fault.place).collect();
    let found = policy.mistakes_in_place().into_iter().chain(policy.never_open_in_place(now));
    let placed = found.map(|mistake| policy::Mistake {
        place: as_written(&mistake.place, &left_out),
        error: mistake.error,
    });
    placed.filter(|mistake| !left_out.iter().any(|fault| may_come_of(mistake, fault))).collect()
}

/// Whether a mistake may be there only because something else was not read.
fn may_come_of(mistake: &policy::Mistake, fault: &Place) -> bool {
    let up_to = |steps: usize| Place(mistake.place.0.iter().take(steps).cloned().collect());
    let steps = mistake.place.0.len();
    // What it is found from: the thing itself, what stands beside it, or a whole setting of an environment.
    let ground = match &mistake.error {
        PolicyError::UnknownKind { .. }
        | PolicyError::UnknownHazard { .. }
        | PolicyError::AcknowledgesOff { .. }
        | PolicyError::BadQuery { .. }
        | PolicyError::Twice(_)
        | PolicyError::TooManyEnvironments(_) => up_to(steps),
        PolicyError::OutOfRange { .. } => up_to(steps.saturating_sub(1).max(SETTING)),
        PolicyError::HiddenWave { .. } | PolicyError::NeverOpen(_) => up_to(SETTING),
        PolicyError::NoEnvironment => up_to(1),
        PolicyError::NotBefore { .. } | PolicyError::NoSuchEnvironment { .. } => {
            let in_environments = fault.is_within(&up_to(1)) || up_to(1).is_within(fault);
            let a_name = fault.0.get(SETTING - 1).is_none_or(|step| *step == Step::Key("name".to_owned()));
            if in_environments && a_name {
                return true;
            }
            up_to(steps)
        }
    };
    fault.is_within(&ground) || ground.is_within(fault)
}

/// Entries that were left out are not counted by whoever looks at what was read, but by whoever looks at the file.
fn as_written(place: &Place, left_out: &BTreeSet<&Place>) -> Place {
    place.0.iter().fold(Place::default(), |so_far, step| match step {
        Step::Key(key) => so_far.key(key),
        Step::Item(nth) => {
            let mut there = (0..).filter(|at| !left_out.contains(&so_far.clone().item(*at)));
            let at = there.nth(*nth).unwrap_or(*nth);
            so_far.item(at)
        }
    })
}

impl Spot {
    fn mistake(self, path: &(impl ToString + ?Sized), message: impl Into<String>) -> Mistake {
        Mistake { line: self.line, column: self.column, path: path.to_string(), message: message.into() }
    }
}
