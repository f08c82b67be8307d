//! Whether a script takes back what another has done: both are carried out on the schema, and the
//! schema after is compared with the one before, object by object.
//!
//! What is not certain is [`PairState::Unknown`]; nothing is guessed. Rows that come and go are told
//! apart from the schema ([`LostValues`]): a column that is there again is not the column with its values.

mod doubts;
mod marks;
#[cfg(test)]
mod tests;
mod values;

use serde::Serialize;

use crate::catalog::{Catalog, FactDifference, changes};
use crate::report::Analysis;
use crate::{Options, analyze_next};

/// What running a script and then the one that takes it back comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// What it does to the schema.
    pub state: PairState,
    /// Values that are gone for good, whatever the schema.
    pub values: Vec<LostValues>,
}

/// What is left of a script after it was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PairState {
    /// Nothing.
    Exact,
    /// Nothing but another order of columns.
    Equivalent {
        /// The orders.
        left: Vec<FactDifference>,
    },
    /// Some of it, or more than it.
    Differs {
        /// What is not brought back, and what is left behind. Never empty.
        left: Vec<FactDifference>,
        /// Why it takes nothing back, where that is so.
        why: Option<String>,
    },
    /// All of it: there is no script to take it back.
    Missing {
        /// What is left behind. Never empty.
        left: Vec<FactDifference>,
    },
    /// That cannot be told.
    Unknown {
        /// What would have to be known. Never empty.
        why: Vec<String>,
    },
}

impl PairState {
    /// As JSON has it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Equivalent { .. } => "equivalent",
            Self::Differs { .. } => "differs",
            Self::Missing { .. } => "missing",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// What is left, object by object.
    pub fn left(&self) -> &[FactDifference] {
        match self {
            Self::Equivalent { left } | Self::Differs { left, .. } | Self::Missing { left } => left,
            Self::Exact | Self::Unknown { .. } => &[],
        }
    }

    /// Whether somebody has to look at it.
    pub const fn is_finding(&self) -> bool {
        matches!(self, Self::Differs { .. } | Self::Missing { .. })
    }
}

/// Values that are gone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LostValues {
    /// Whose, with its schema: `public.orders`, `public.orders.note`.
    pub object: String,
    /// `table`, `column`, `rows`, `precision`, …
    pub what: String,
    /// Which of the two scripts destroys them.
    pub by: Way,
}

/// One of the two scripts of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// The one that was to be taken back.
    Up,
    /// The one that takes it back.
    Down,
}

/// What a script and the one that takes it back come to, from a schema on.
pub fn pair(up: &str, down: Option<&str>, before: &Catalog, options: Options) -> Pair {
    let mut middle = before.clone();
    let up = analyze_next(up, &mut middle, options);
    let down = down.map(|down| {
        let mut after = session(&middle, before);
        (analyze_next(down, &mut after, options), after)
    });
    let sides = Sides { before, up: &up, middle: &middle, down: down.as_ref().map(|(a, c)| (a, c)) };
    sides.pair()
}

/// The schema that a script is run on, in a session of its own.
pub fn session(schema: &Catalog, settings_of: &Catalog) -> Catalog {
    let mut fresh = schema.clone();
    fresh.settings = settings_of.settings.clone();
    fresh
}

/// A pair that was carried out already.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// The schema before.
    pub before: &'a Catalog,
    /// What the script does.
    pub up: &'a Analysis,
    /// The schema after it.
    pub middle: &'a Catalog,
    /// What the script that takes it back does, and the schema after that.
    pub down: Option<(&'a Analysis, &'a Catalog)>,
}

impl Sides<'_> {
    /// What it comes to.
    pub fn pair(&self) -> Pair {
        Pair { state: self.state(), values: self.values() }
    }

    fn state(&self) -> PairState {
        match self.down {
            Some((down, after)) if !doubts::is_idle(down) => self.taken_back(down, after),
            Some(_) => self.left_alone(|left| {
                let why = Some("the script that should take it back does nothing".to_owned());
                PairState::Differs { left, why }
            }),
            None => self.left_alone(|left| PairState::Missing { left }),
        }
    }

    fn taken_back(&self, down: &Analysis, after: &Catalog) -> PairState {
        let mut why = self.doubts(self.up, Way::Up);
        if let (true, Some(refusal)) = (why.is_empty(), doubts::stopped(down)) {
            let (left, _) = self.compared(self.middle);
            return match left.is_empty() {
                true => PairState::Unknown { why: vec![refusal] },
                false => PairState::Differs { left, why: Some(refusal) },
            };
        }
        why.extend(self.doubts(down, Way::Down));
        let (left, unsure) = self.compared(after);
        if !why.is_empty() {
            return PairState::Unknown { why };
        }
        if left.iter().any(|difference| !difference.is_order()) {
            PairState::Differs { left, why: None }
        } else if !unsure.is_empty() {
            PairState::Unknown { why: unsure }
        } else if left.is_empty() {
            PairState::Exact
        } else {
            PairState::Equivalent { left }
        }
    }

    /// Nothing takes it back: what it certainly does is left.
    fn left_alone(&self, finding: impl FnOnce(Vec<FactDifference>) -> PairState) -> PairState {
        let (left, unsure) = self.compared(self.middle);
        let mut why = self.doubts(self.up, Way::Up);
        if !left.is_empty() && doubts::runs(self.up) {
            return finding(left);
        }
        why.extend(unsure);
        if why.is_empty() { PairState::Exact } else { PairState::Unknown { why } }
    }

    /// What certainly differs, and what may.
    fn compared(&self, after: &Catalog) -> (Vec<FactDifference>, Vec<String>) {
        let mut left = changes(self.before, after);
        left.retain(|difference| !doubts::is_partly_known(difference, self.before, after));
        let (differs, unsure) = marks::compared([self.before, self.middle, after], &left);
        left.extend(differs);
        (left, unsure)
    }
}
