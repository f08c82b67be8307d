//! The named dangers: one rule, one file, one page for people.

use crate::report::Severity;

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

static ALL: &[HazardInfo] = &[];

/// Every hazard there is, in the order of the catalogue.
pub fn hazards() -> &'static [HazardInfo] {
    ALL
}

/// A hazard by its name.
pub fn hazard(id: &str) -> Option<&'static HazardInfo> {
    ALL.iter().find(|hazard| hazard.id == id)
}

/// The name that was perhaps meant.
pub fn nearest_hazard(id: &str) -> Option<&'static str> {
    let _ = id;
    None
}
