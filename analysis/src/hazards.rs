//! The named dangers: one rule, one file below `hazards/`, one page for people in `analysis/hazards`.
//!
//! A rule looks at what a statement did ([`Context`]) and says what it found. Rules know nothing of
//! each other, and nothing of files or policy.

mod context;

mod add_column_volatile_default;

use std::sync::LazyLock;

pub(crate) use context::{Context, Found, Transaction};

use crate::report::{Hazard, Severity};

/// What is known about a hazard without any statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HazardInfo {
    /// Its name: lower-case words with `-` between.
    pub id: &'static str,
    /// The danger, in a few words, lower case.
    pub title: &'static str,
    /// How grave it is, when nothing makes it less so.
    pub severity: Severity,
    /// The page for people, in Markdown.
    pub page: &'static str,
}

/// A rule: what it is called, and how it is found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) info: HazardInfo,
    pub(crate) check: fn(&Context<'_>) -> Vec<Found>,
}

/// Every rule, in the order of the catalogue.
static RULES: &[Rule] = &[add_column_volatile_default::RULE];

/// What every rule is called, for callers.
static INFOS: LazyLock<Vec<HazardInfo>> = LazyLock::new(|| RULES.iter().map(|rule| rule.info).collect());

/// Every hazard there is, in the order of the catalogue.
pub fn hazards() -> &'static [HazardInfo] {
    &INFOS
}

/// A hazard by its name.
pub fn hazard(id: &str) -> Option<&'static HazardInfo> {
    hazards().iter().find(|hazard| hazard.id == id)
}

/// The name that was perhaps meant: the nearest one, if it is near.
pub fn nearest_hazard(id: &str) -> Option<&'static str> {
    let near = hazards().iter().map(|hazard| (distance(id, hazard.id), hazard.id)).min()?;
    (near.0 <= id.chars().count() / 3 + 1).then_some(near.1)
}

/// What all rules find in a statement, gravest first.
pub(crate) fn find(context: &Context<'_>) -> Vec<Hazard> {
    let mut found: Vec<Hazard> = Vec::new();
    for rule in RULES {
        found.extend((rule.check)(context).into_iter().map(|finding| Hazard {
            id: rule.info.id.to_owned(),
            severity: finding.severity.unwrap_or(rule.info.severity),
            relation: finding.object,
            message: finding.message,
            allowed: None,
        }));
    }
    found.sort_by_key(|hazard| std::cmp::Reverse(hazard.severity));
    found
}

/// Levenshtein's distance, of at most so many characters.
fn distance(a: &str, b: &str) -> usize {
    const LONGEST: usize = 64;
    let b: Vec<char> = b.chars().take(LONGEST).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(LONGEST).enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let here = row[j + 1];
            row[j + 1] = (before + usize::from(x != *y)).min(row[j] + 1).min(here + 1);
            before = here;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest_hazard};

    #[test]
    fn the_nearest_name_is_offered() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(nearest_hazard("add-column-volatil-default"), Some("add-column-volatile-default"));
        assert_eq!(nearest_hazard("nonsense"), None);
    }
}
