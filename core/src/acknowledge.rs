//! A person's word that a hazard is meant, object by object.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::plan::{Judgement, PlanBody, Step};
use crate::policy::EnvironmentPolicy;

/// Stands for a hazard where a database could not be judged, or something that runs there is not known: none that has to
/// be acknowledged can be ruled out.
pub const NOT_JUDGED: &str = "not-judged";

/// Longest acknowledgement in bytes: three names of PostgreSQL's, quoted, with the hazard's.
pub const MAX_LEN: usize = 500;

/// A hazard and what it is about: `drop-column:public.orders.note`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Acknowledgement {
    /// The hazard.
    pub hazard: String,
    /// What it is about, with its schema; `None`: it is about no object.
    pub object: Option<String>,
}

/// A text that is no acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an acknowledgement: a hazard and an object are, for example drop-column:public.orders.note"
)]
pub struct AcknowledgementError(String);

impl FromStr for Acknowledgement {
    type Err = AcknowledgementError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > MAX_LEN {
            return Err(AcknowledgementError(text.chars().take(80).collect()));
        }
        Self::read(text)
    }
}

impl Acknowledgement {
    fn read(text: &str) -> Result<Self, AcknowledgementError> {
        let (hazard, object) = match text.split_once(':') {
            Some((hazard, object)) => (hazard, Some(object)),
            None => (text, None),
        };
        let is_hazard = |id: &str| {
            !id.is_empty() && id.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
        };
        if !is_hazard(hazard) || object.is_some_and(|object| object.trim().is_empty()) {
            return Err(AcknowledgementError(text.chars().take(80).collect()));
        }
        Ok(Self { hazard: hazard.to_owned(), object: object.map(str::to_owned) })
    }
}

impl TryFrom<String> for Acknowledgement {
    type Error = AcknowledgementError;

    /// What the ledger holds: the length of a name is the bound of what people say, not of what was found.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::read(&text)
    }
}

impl From<Acknowledgement> for String {
    fn from(acknowledgement: Acknowledgement) -> Self {
        acknowledgement.to_string()
    }
}

impl fmt::Display for Acknowledgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.object {
            Some(object) => write!(f, "{}:{object}", self.hazard),
            None => f.write_str(&self.hazard),
        }
    }
}

impl Acknowledgement {
    /// The flag as it is typed in a shell.
    #[must_use]
    pub fn flag(&self) -> String {
        let text = self.to_string();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        if text.chars().all(plain) {
            format!("--acknowledge {text}")
        } else {
            format!("--acknowledge '{}'", text.replace('\'', r"'\''"))
        }
    }

    /// Whether this is what was meant: the schema `public` may be left out.
    #[must_use]
    pub fn means(&self, other: &Self) -> bool {
        self == other
            || (self.hazard == other.hazard
                && match (&self.object, &other.object) {
                    (Some(short), Some(full)) => {
                        full.strip_prefix("public.").is_some_and(|rest| rest == short)
                    }
                    (None, _) | (_, None) => false,
                })
    }
}

/// The hazards of a step.
#[must_use]
pub fn of_step(body: &PlanBody, step: &Step) -> BTreeSet<Acknowledgement> {
    let hazards = body.judgement(step).map(|judgement| judgement.hazards.as_slice()).unwrap_or_default();
    hazards
        .iter()
        .map(|found| Acknowledgement {
            hazard: found.hazard.id.clone(),
            object: found.hazard.relation.clone(),
        })
        .collect()
}

/// Everything of a plan that can be acknowledged.
#[must_use]
pub fn possible(body: &PlanBody) -> BTreeSet<Acknowledgement> {
    // Databases that are alike have the same judgements.
    let mut seen = BTreeSet::new();
    let mut found = BTreeSet::new();
    for (database, target) in &body.targets {
        for step in target.steps.iter().filter(|step| step.recorded.is_none()) {
            if step.judgement.is_none_or(|at| seen.insert(at)) {
                found.extend(of_step(body, step));
            }
            let is_whole =
                |judgement: &Judgement| judgement.basis.is_schema() && judgement.unknown.is_empty();
            if !body.judgement(step).is_some_and(is_whole) {
                let object = Some(database.to_string());
                found.insert(Acknowledgement { hazard: NOT_JUDGED.to_owned(), object });
            }
        }
    }
    found
}

/// What has to be acknowledged before a plan may run under a policy. A comment in the file that allows a hazard is the
/// author's word, not that of whoever runs it.
#[must_use]
pub fn required(body: &PlanBody, policy: &EnvironmentPolicy) -> BTreeSet<Acknowledgement> {
    if policy.acknowledge.is_empty() {
        return BTreeSet::new();
    }
    let asked =
        |found: &Acknowledgement| found.hazard == NOT_JUDGED || policy.acknowledge.contains(&found.hazard);
    possible(body).into_iter().filter(asked).collect()
}

/// What comes of the acknowledgements that were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// With full names.
    pub acknowledged: BTreeSet<Acknowledgement>,
    /// What has to be acknowledged, and was not.
    pub missing: Vec<Acknowledgement>,
    /// What is not in the plan, each with what was perhaps meant.
    pub pointless: Vec<(Acknowledgement, Option<Acknowledgement>)>,
}

/// Compares what was given with what a plan has.
#[must_use]
pub fn compare(given: &BTreeSet<Acknowledgement>, body: &PlanBody, policy: &EnvironmentPolicy) -> Comparison {
    let possible = possible(body);
    let (mut acknowledged, mut pointless) = (BTreeSet::new(), Vec::new());
    for word in given {
        let found = possible.get(word).or_else(|| possible.iter().find(|known| word.means(known)));
        match found {
            Some(known) => drop(acknowledged.insert(known.clone())),
            None => pointless.push((word.clone(), nearest(word, &possible))),
        }
    }
    let missing = required(body, policy).into_iter().filter(|known| !acknowledged.contains(known)).collect();
    Comparison { acknowledged, missing, pointless }
}

/// The one that is most like it.
fn nearest(word: &Acknowledgement, possible: &BTreeSet<Acknowledgement>) -> Option<Acknowledgement> {
    let same_object = |known: &&Acknowledgement| known.object.is_some() && known.object == word.object;
    let same_hazard = |known: &&Acknowledgement| known.hazard == word.hazard;
    let texts: Vec<String> = possible.iter().map(ToString::to_string).collect();
    let text = word.to_string();
    let near = pgbelay_analysis::nearest(&text, texts.iter().map(String::as_str));
    near.and_then(|near| near.parse().ok())
        .or_else(|| possible.iter().find(same_object).cloned())
        .or_else(|| possible.iter().find(same_hazard).cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_is_a_hazard_and_perhaps_an_object() {
        for text in ["drop-column:public.orders.note", "require-lock-timeout", "drop-table:public.\"A:b\""] {
            let read: Acknowledgement = text.parse().unwrap();
            assert_eq!(read.to_string(), text);
        }
        let long = format!("drop-table:{}", "x".repeat(MAX_LEN));
        for text in ["", ":", "drop-column:", ":public.a", "Drop-Column:a", "drop column:a", &long] {
            assert!(text.parse::<Acknowledgement>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_flag_can_be_typed() {
        let flag = |text: &str| text.parse::<Acknowledgement>().unwrap().flag();
        assert_eq!(flag("drop-column:public.a.b"), "--acknowledge drop-column:public.a.b");
        assert_eq!(flag("drop-table:public.\"it's\""), r#"--acknowledge 'drop-table:public."it'\''s"'"#);
    }
}
