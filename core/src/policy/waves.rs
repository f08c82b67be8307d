//! In which order a rollout reaches databases, and how much may go wrong on its way.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{EnvironmentPolicy, MAX_PARALLEL, OnFailure, PolicyError, Query, Rehearsal, from_one_to};
use crate::migration::is_false;
use crate::time::Span;

/// Most waves of an environment: more than a person still oversees.
pub const MAX_WAVES: usize = 32;

/// Labels that a database must have, all of them: `region=eu,tier=canary`, or a list of such.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Selection", into = "Vec<String>")]
pub struct Selector(BTreeMap<String, String>);

/// How a selector is written.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a selector is key=value, or a list of them")]
enum Selection {
    One(String),
    All(Vec<String>),
}

/// Why a text selects nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// Not of the form `key=value`.
    #[error("a selector is key=value, several of them with commas between or as a list")]
    Malformed,
    /// One key with two values.
    #[error("a selector asks for two values of {0}: no database has both")]
    Twice(String),
}

impl TryFrom<Selection> for Selector {
    type Error = SelectorError;
    fn try_from(written: Selection) -> Result<Self, SelectorError> {
        let parts = match written {
            Selection::One(text) => vec![text],
            Selection::All(texts) => texts,
        };
        let mut labels = BTreeMap::new();
        for part in parts.iter().flat_map(|part| part.split(',')) {
            let (key, value) = part.trim().split_once('=').ok_or(SelectorError::Malformed)?;
            if key.is_empty() || value.is_empty() {
                return Err(SelectorError::Malformed);
            }
            if labels.insert(key.to_owned(), value.to_owned()).is_some_and(|before| before != value) {
                return Err(SelectorError::Twice(key.to_owned()));
            }
        }
        Ok(Self(labels))
    }
}

impl std::str::FromStr for Selector {
    type Err = SelectorError;
    fn from_str(text: &str) -> Result<Self, SelectorError> {
        Self::try_from(Selection::One(text.to_owned()))
    }
}

impl From<Selector> for Vec<String> {
    fn from(selector: Selector) -> Self {
        selector.0.iter().map(|(key, value)| format!("{key}={value}")).collect()
    }
}

impl Selector {
    /// Whether a database with these labels is meant.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|(key, value)| labels.get(key) == Some(value))
    }

    /// Whether every database is meant.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&Vec::from(self.clone()).join(","))
    }
}

/// One wave of an environment. Databases that no wave takes belong to a last one of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaveRules {
    /// Which databases it may take; absent: all that no wave before it has taken.
    #[serde(default, skip_serializing_if = "Selector::is_everything")]
    pub select: Selector,
    /// How many of them it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// How many of them it takes, in percent of the databases that have something to do; rounded down, at least one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u32>,
    /// The label by which they are ordered, before their names; who has it not comes last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_by: Option<String>,
    /// How many of it are worked on at a time; the environment's figure holds as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
    /// Whether a person must let the next wave start.
    #[serde(default, skip_serializing_if = "is_false")]
    pub pause: bool,
    /// How long is waited after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake: Option<Span>,
    /// Whether it may select nothing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub allow_empty: bool,
}

/// How the databases of an environment are reached. A plan binds it: what policy says later counts for later plans.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// The waves, first to last; none: one wave of all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waves: Vec<WaveRules>,
    /// The least wait after the first wave that changed something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_bake: Option<Span>,
    /// How many databases may fail before nothing more is started.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub max_failures: u32,
    /// Of how many databases it may be unknown what happened, before nothing more is started.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub max_unknown: u32,
    /// After how long a command is cancelled, counted from when its agent has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_deadline: Option<Span>,
    /// After how long without any progress a rollout with work under way pauses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress_deadline: Option<Span>,
    /// Whether migrations are tried on a copy of each database before they are run on it.
    #[serde(default, skip_serializing_if = "Rehearsal::is_off")]
    pub rehearsal: Rehearsal,
    /// What is asked of each database after its run, and again at the end of a bake.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<Query>,
    /// What is done when more databases have failed than may.
    #[serde(default, skip_serializing_if = "OnFailure::is_halt")]
    pub on_failure: OnFailure,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Course {
    /// Whether it is what policy says unless it says otherwise.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl From<&EnvironmentPolicy> for Course {
    fn from(policy: &EnvironmentPolicy) -> Self {
        Self {
            waves: policy.waves.clone(),
            first_bake: policy.first_bake,
            max_failures: policy.max_failures,
            max_unknown: policy.max_unknown,
            step_deadline: policy.step_deadline,
            progress_deadline: policy.progress_deadline,
            rehearsal: policy.rehearsal,
            verify: policy.verify.clone(),
            on_failure: policy.on_failure,
        }
    }
}

fn positive(span: Option<Span>) -> bool {
    span.is_none_or(|span| span.0 > 0)
}

impl WaveRules {
    /// Each key with whether it is taken, and what is.
    fn checks(&self) -> [(&'static str, bool, String); 5] {
        let percent = self.percent.is_none_or(|percent| (1..=100).contains(&percent));
        let most = self.max_parallel.is_none_or(|most| (1..=MAX_PARALLEL).contains(&most));
        let one = self.count.is_none() || self.percent.is_none();
        [
            ("waves.count", self.count != Some(0), "1 or more".to_owned()),
            ("waves.percent", percent, from_one_to(100)),
            ("waves.percent", one, "left out where count is given".to_owned()),
            ("waves.max_parallel", most, from_one_to(MAX_PARALLEL)),
            ("waves.bake", positive(self.bake), "more than zero".to_owned()),
        ]
    }
}

impl EnvironmentPolicy {
    /// What is wrong with how databases are reached.
    pub(super) fn mistakes_of_waves(&self) -> Vec<PolicyError> {
        let checks = [
            ("waves", self.waves.len() <= MAX_WAVES, format!("at most {MAX_WAVES}")),
            ("first_bake", positive(self.first_bake), "more than zero".to_owned()),
            ("step_deadline", positive(self.step_deadline), "more than zero".to_owned()),
            ("progress_deadline", positive(self.progress_deadline), "more than zero".to_owned()),
        ];
        let of_waves = self.waves.iter().enumerate().flat_map(|(at, wave)| {
            wave.checks().into_iter().map(move |(key, fine, range)| (key, Some(at), fine, range))
        });
        let all = of_waves.chain(checks.into_iter().map(|(key, fine, range)| (key, None, fine, range)));
        let out_of_range = all.filter(|(_, _, fine, _)| !fine).map(|(key, entry, _, range)| {
            PolicyError::OutOfRange { environment: self.name.clone(), key, entry, range }
        });
        out_of_range.chain(self.hidden_waves()).collect()
    }

    /// A wave takes nothing when one before it takes whatever it could.
    fn hidden_waves(&self) -> impl Iterator<Item = PolicyError> {
        let unlimited = |wave: &WaveRules| wave.count.is_none() && wave.percent.is_none();
        let covers = move |before: &WaveRules, wave: &WaveRules| {
            unlimited(before) && before.select.0.iter().all(|(k, v)| wave.select.0.get(k) == Some(v))
        };
        self.waves.iter().enumerate().filter_map(move |(at, wave)| {
            let by = self.waves[..at].iter().position(|before| covers(before, wave))?;
            Some(PolicyError::HiddenWave { environment: self.name.clone(), wave: at + 1, by: by + 1 })
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn staging(json: Value) -> Result<EnvironmentPolicy, serde_json::Error> {
        let mut staging = json!({ "name": "staging" });
        for (key, value) in json.as_object().into_iter().flatten() {
            staging[key] = value.clone();
        }
        serde_json::from_value(staging)
    }

    fn mistakes(json: Value) -> Vec<String> {
        staging(json).unwrap().mistakes_of_waves().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_selector_is_written_as_on_the_command_line_or_as_a_list() {
        let one: Selector = serde_json::from_value(json!("region=eu, tier=1")).unwrap();
        let same: Selector = serde_json::from_value(json!(["tier=1", "region=eu"])).unwrap();
        assert_eq!(one, same);
        assert_eq!(one.to_string(), "region=eu,tier=1");
        let labels =
            |of: &[(&str, &str)]| of.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert!(one.matches(&labels(&[("region", "eu"), ("tier", "1"), ("x", "y")])));
        assert!(!one.matches(&labels(&[("region", "eu")])));
    }

    #[test]
    fn a_selector_that_selects_nothing_is_refused() {
        for (text, expected) in [
            ("region", "a selector is key=value"),
            ("=eu", "a selector is key=value"),
            ("region=", "a selector is key=value"),
            ("", "a selector is key=value"),
            ("region=eu,region=us", "a selector asks for two values of region"),
        ] {
            let refused = staging(json!({ "waves": [{ "select": text }] })).unwrap_err().to_string();
            assert!(refused.contains(expected), "{text}: {refused}");
        }
        assert!(staging(json!({ "waves": [{ "selct": "a=b" }] })).is_err(), "a typing mistake");
    }

    #[test]
    fn figures_out_of_their_range_are_mistakes() {
        let wrong = json!({
            "waves": [
                { "count": 0 },
                { "percent": 101 },
                { "count": 1, "percent": 10 },
                { "count": 1, "max_parallel": 0 },
                { "count": 1, "bake": "0s" },
            ],
            "first_bake": "0s",
            "step_deadline": "0s",
            "progress_deadline": "0s",
        });
        assert_eq!(
            mistakes(wrong),
            [
                "staging: waves.count must be 1 or more (number 1)",
                "staging: waves.percent must be from 1 to 100 (number 2)",
                "staging: waves.percent must be left out where count is given (number 3)",
                "staging: waves.max_parallel must be from 1 to 1000 (number 4)",
                "staging: waves.bake must be more than zero (number 5)",
                "staging: first_bake must be more than zero",
                "staging: step_deadline must be more than zero",
                "staging: progress_deadline must be more than zero",
            ]
        );
        let many: Vec<_> = (0..=MAX_WAVES).map(|_| json!({ "count": 1 })).collect();
        assert_eq!(mistakes(json!({ "waves": many })), ["staging: waves must be at most 32"]);
    }

    #[test]
    fn a_wave_behind_one_that_takes_everything_is_a_mistake() {
        let hidden = |first: Value, second: Value| mistakes(json!({ "waves": [first, second] })).len();
        assert_eq!(hidden(json!({}), json!({ "select": "a=b" })), 1);
        assert_eq!(hidden(json!({ "select": "a=b" }), json!({ "select": "a=b,c=d" })), 1);
        assert_eq!(hidden(json!({ "select": "a=b", "count": 1 }), json!({ "select": "a=b" })), 0);
        assert_eq!(hidden(json!({ "select": "a=b,c=d" }), json!({ "select": "a=b" })), 0);
    }

    #[test]
    fn what_is_not_said_is_not_written() {
        let plain = staging(json!({})).unwrap();
        let written = serde_json::to_value(&plain).unwrap();
        assert!(written.get("waves").is_none() && written["max_failures"] == 0, "{written}");
        assert!(Course::from(&plain).is_default());
    }
}
