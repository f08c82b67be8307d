//! How long backups are kept.

use serde::{Deserialize, Serialize};

use super::from_one_to;
use crate::time::Span;

/// Most backups of a database that policy may name.
pub const MAX_KEEP: u32 = 10_000;

/// Most days that policy may name: a hundred years.
pub const MAX_DAYS: u32 = 36_500;

/// How long the backups of an environment's databases are kept. A backup stays as long as one of the numbers says so;
/// a number that is not there says nothing. What policy cannot say is in [`crate::retention`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// How many of the newest complete ones of each database stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<u32>,
    /// For how many days each stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
}

impl Retention {
    /// For how long each stays, whatever there is beside it.
    pub(crate) fn age(&self) -> Option<Span> {
        self.days.map(|days| Span::hours(24 * i64::from(days)))
    }

    /// Each key with whether its number is taken, and which ones are.
    pub(super) fn checks(retention: Option<Self>) -> [(&'static str, bool, String); 3] {
        let fine = |number: Option<u32>, most| number.is_none_or(|number| (1..=most).contains(&number));
        let (keep, days) = retention.map_or((None, None), |own| (own.keep, own.days));
        let says = retention.is_none() || keep.is_some() || days.is_some();
        [
            ("backup_retention.keep", fine(keep, MAX_KEEP), from_one_to(MAX_KEEP)),
            ("backup_retention.days", fine(days, MAX_DAYS), from_one_to(MAX_DAYS)),
            (
                "backup_retention",
                says,
                "keep, days or both: without one, leave it out and nothing is deleted".to_owned(),
            ),
        ]
    }
}

impl std::fmt::Display for Retention {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.keep, self.days) {
            (Some(keep), Some(days)) => write!(f, "keep {keep}, and {days} days"),
            (Some(keep), None) => write!(f, "keep {keep}"),
            (None, Some(days)) => write!(f, "keep {days} days"),
            (None, None) => f.write_str("keep all"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    fn mistakes(retention: &str) -> Vec<String> {
        let policy =
            format!(r#"{{"environments": [{{"name": "staging", "backup_retention": {retention}}}]}}"#);
        let policy: Policy = serde_json::from_str(&policy).unwrap();
        policy.mistakes().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn all_mistakes_are_told_by_key() {
        for fine in ["{\"keep\": 1}", "{\"days\": 36500}", "{\"keep\": 10000, \"days\": 1}", "null"] {
            assert_eq!(mistakes(fine), Vec::<String>::new(), "{fine}");
        }
        assert_eq!(
            mistakes("{\"keep\": 0, \"days\": 36501}"),
            [
                "staging: backup_retention.keep must be from 1 to 10000",
                "staging: backup_retention.days must be from 1 to 36500"
            ]
        );
        let [nothing] = mistakes("{}").try_into().unwrap();
        assert!(nothing.contains("keep, days or both"), "{nothing}");
        let unknown: Result<Retention, _> = serde_json::from_str("{\"keep\": 1, \"weeks\": 2}");
        assert!(unknown.unwrap_err().to_string().contains("weeks"));
    }
}
