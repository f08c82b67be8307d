//! Which tables the steps of a plan touch, for backups that have the rows of only these.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{PlanBody, Step};

/// What the statements of a run touch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "known", rename_all = "kebab-case")]
pub enum Touches {
    /// These relations, and nothing else but what their keys and triggers reach.
    Relations {
        /// With their schemas, quoted where SQL needs it; in order.
        names: Vec<String>,
        /// Whether rows are written, so that triggers run.
        writes: bool,
    },
    /// It cannot be told.
    Untold {
        /// Why, in words.
        why: String,
    },
}

impl Default for Touches {
    fn default() -> Self {
        Self::Untold { why: "nobody has said what is touched".to_owned() }
    }
}

impl PlanBody {
    /// What steps touch of what is there before the first of them.
    #[must_use]
    pub fn touches(&self, steps: &[Step]) -> Touches {
        let (mut names, mut made, mut writing) = (BTreeSet::new(), BTreeSet::new(), false);
        for step in steps {
            let untold = |why: &str| Touches::Untold { why: format!("{}: {why}", step.version) };
            let Some(judgement) = self.judgement(step) else { return untold("nobody has judged it") };
            if !judgement.basis.is_schema() {
                return untold("it was judged by its text alone");
            }
            if let Some(why) = &judgement.touch.untold {
                return untold(why);
            }
            writing |= judgement.touch.writes;
            for lock in judgement.course.locks.iter().map(|lock| &lock.what) {
                if !lock.new && !made.contains(&lock.relation) {
                    names.insert(&lock.relation);
                }
            }
            // Only from here on: the file may have dropped, or renamed, one that was there under the same name.
            made.extend(&judgement.touch.made);
        }
        Touches::Relations { names: names.into_iter().cloned().collect(), writes: writing }
    }
}
