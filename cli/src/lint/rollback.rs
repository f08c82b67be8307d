//! What taking a migration back leaves of it, for every format.

use pgbelay_analysis::{FactDifference, LostValues, Pair, PairState, Way};
use serde::Serialize;

use super::report::FileReport;

/// What taking a migration back comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RollbackReport {
    /// `exact`, `equivalent`, `differs`, `missing` or `unknown`.
    pub(crate) state: &'static str,
    /// What is not as before.
    pub(crate) left: Vec<Left>,
    /// Values that are gone for good.
    pub(crate) values: Vec<LostValues>,
    /// What is not known, or why nothing is taken back.
    pub(crate) why: Vec<String>,
    /// The file that takes it back.
    #[serde(skip)]
    pub(crate) path: Option<String>,
}

/// An object that is not as before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Left {
    /// As in `column`.
    pub(crate) kind: &'static str,
    /// With its schema.
    pub(crate) name: String,
    /// What it was; `null`: it was not there.
    pub(crate) before: Option<String>,
    /// What it is afterwards; `null`: it is not there.
    pub(crate) after: Option<String>,
}

impl RollbackReport {
    pub(crate) fn new(pair: Pair, path: Option<String>) -> Self {
        let state = pair.state.as_str();
        let (left, why) = match pair.state {
            PairState::Exact => (Vec::new(), Vec::new()),
            PairState::Equivalent { left } | PairState::Missing { left } => (left, Vec::new()),
            PairState::Differs { left, why } => (left, why.into_iter().collect()),
            PairState::Unknown { why } => (Vec::new(), why),
        };
        let left = left.into_iter().map(Left::from).collect();
        Self { state, left, values: pair.values, why, path }
    }

    /// One about which nothing can be told.
    pub(crate) fn unread(path: Option<String>) -> Self {
        let why = vec!["the file cannot be read".to_owned()];
        Self { state: "unknown", left: Vec::new(), values: Vec::new(), why, path }
    }

    /// Whether somebody has to look at it. It weighs as much as a hazard of medium severity.
    pub(crate) fn is_finding(&self) -> bool {
        matches!(self.state, "differs" | "missing")
    }

    /// It in a sentence.
    pub(crate) fn summary(&self) -> String {
        let back = self.path.as_deref().unwrap_or("the rollback");
        match self.state {
            "exact" if self.lost_by_up().next().is_some() => {
                "the schema comes back, and these values do not".to_owned()
            }
            "exact" => format!("{back} brings the schema back"),
            "equivalent" => format!("{back} brings the schema back, with columns in another order"),
            "differs" => format!("{back} does not bring the schema back"),
            "missing" => "there is no rollback file, and something is left behind".to_owned(),
            _ => "whether the schema comes back is not known".to_owned(),
        }
    }

    /// Values that the migration itself destroys.
    pub(crate) fn lost_by_up(&self) -> impl Iterator<Item = &LostValues> {
        self.values.iter().filter(|lost| lost.by == Way::Up)
    }
}

impl From<FactDifference> for Left {
    fn from(difference: FactDifference) -> Self {
        match difference {
            FactDifference::Missing { kind, name, before } => {
                Self { kind, name, before: Some(before), after: None }
            }
            FactDifference::Added { kind, name, after } => {
                Self { kind, name, before: None, after: Some(after) }
            }
            FactDifference::Differs { kind, name, before, after } => {
                Self { kind, name, before: Some(before), after: Some(after) }
            }
        }
    }
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.name)?;
        match (&self.before, &self.after) {
            (Some(before), None) if before.is_empty() => f.write_str(" is not brought back"),
            (Some(before), None) => write!(f, " is not brought back: {before}"),
            (None, Some(after)) if after.is_empty() => f.write_str(" is left behind"),
            (None, Some(after)) => write!(f, " is left behind: {after}"),
            (Some(before), Some(after)) => write!(f, " was {before}, and is {after}"),
            (None, None) => Ok(()),
        }
    }
}

/// Of what `--since` leaves out: migrations whose rollback file is new.
pub(crate) fn of_new_files(all: &[FileReport], kept: &[FileReport], backs: &[FileReport]) -> Vec<FileReport> {
    let is_new = |file: &&FileReport| {
        let path = file.rollback.as_ref().and_then(|rollback| rollback.path.as_ref());
        path.is_some_and(|path| backs.iter().any(|back| back.path == *path))
            && !kept.iter().any(|other| other.path == file.path)
    };
    let bare = |file: &FileReport| FileReport {
        path: file.path.clone(),
        rollback: file.rollback.clone(),
        ..FileReport::default()
    };
    all.iter().filter(is_new).map(bare).collect()
}
