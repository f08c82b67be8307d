//! Who must approve a plan, and where a release must have been before.

use std::collections::BTreeSet;
use std::fmt;

use pgbelay_analysis::Risk;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Serialize};

use super::{EnvironmentPolicy, Policy, PolicyError, unknown_hazard};
use crate::access::Role;
use crate::name::EnvironmentName;
use crate::plan::PlanBody;

/// Most approvals that one rule may ask for.
pub const MAX_APPROVALS: u32 = 10;

/// Who must approve a plan: a number, one rule, or a list of rules that must all be met.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(into = "Written")]
pub struct Approvals(Vec<ApprovalRule>);

/// How many people must approve, which, and for which plans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRule {
    /// How many people other than the author.
    #[serde(default = "one")]
    pub count: u32,
    /// With one of these roles; none: whoever may approve.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<Role>,
    /// Only for plans of this risk or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_risk: Option<Risk>,
    /// Only for plans with one of these hazards.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub hazards: BTreeSet<String>,
}

/// How many are taken, in words.
fn range() -> String {
    format!("from 0 to {MAX_APPROVALS}")
}

const fn one() -> u32 {
    1
}

/// How approvals are written.
#[derive(Serialize)]
#[serde(untagged)]
enum Written {
    Count(u32),
    All(Vec<ApprovalRule>),
}

impl<'de> Deserialize<'de> for Approvals {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// By hand, so that a mistake is told of as what it is.
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Approvals;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, a rule, or a list of rules")
            }
            fn visit_u64<E: serde::de::Error>(self, count: u64) -> Result<Approvals, E> {
                Ok(u32::try_from(count).unwrap_or(u32::MAX).into())
            }
            fn visit_i64<E: serde::de::Error>(self, count: i64) -> Result<Approvals, E> {
                let count =
                    u64::try_from(count).map_err(|_| E::custom(format!("approvals must be {}", range())))?;
                self.visit_u64(count)
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Approvals, E> {
                let count = text.parse().map_err(|_| E::invalid_type(Unexpected::Str(text), &self))?;
                self.visit_u64(count)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Approvals, A::Error> {
                let rule = ApprovalRule::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Approvals(vec![rule]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Approvals, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Approvals)
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl From<Approvals> for Written {
    fn from(Approvals(rules): Approvals) -> Self {
        match rules.as_slice() {
            [] => Self::Count(0),
            [rule] if *rule == ApprovalRule::of(rule.count) => Self::Count(rule.count),
            [_] | [_, ..] => Self::All(rules),
        }
    }
}

impl From<u32> for Approvals {
    fn from(count: u32) -> Self {
        Self(if count == 0 { Vec::new() } else { vec![ApprovalRule::of(count)] })
    }
}

impl ApprovalRule {
    /// So many people, for every plan.
    #[must_use]
    pub const fn of(count: u32) -> Self {
        Self { count, roles: BTreeSet::new(), from_risk: None, hazards: BTreeSet::new() }
    }

    /// Whether it counts for a plan. Where it asks for a risk and for hazards, a plan must have both.
    #[must_use]
    pub fn applies(&self, plan: &PlanBody) -> bool {
        let is_risky = self.from_risk.is_none_or(|least| plan.risk() >= least);
        let named = || plan.hazards().any(|id| self.hazards.contains(id));
        is_risky && (self.hazards.is_empty() || named())
    }

    /// Whether somebody with a role is meant.
    #[must_use]
    pub fn counts(&self, role: Role) -> bool {
        self.roles.is_empty() || self.roles.iter().any(|asked| role.covers(*asked))
    }
}

impl Approvals {
    /// The rules that count for a plan, each with its place in the list.
    pub fn rules<'a>(&'a self, plan: &'a PlanBody) -> impl Iterator<Item = (usize, &'a ApprovalRule)> {
        self.0.iter().enumerate().filter(|(_, rule)| rule.applies(plan))
    }

    /// What names a rule in the document.
    #[must_use]
    pub fn key(&self, at: usize) -> String {
        if self.0.len() > 1 { format!("approvals[{at}]") } else { "approvals".to_owned() }
    }
}

/// Where a release must have been verified before: every one of some, and one of others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(into = "Before")]
pub struct Requires {
    /// In each of these.
    pub all_of: Vec<EnvironmentName>,
    /// In one of these; none: in no other.
    pub any_of: Vec<EnvironmentName>,
}

/// How it is written.
#[derive(Serialize)]
#[serde(untagged)]
enum Before {
    All(Vec<EnvironmentName>),
    Some(SomeOf),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SomeOf {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    all_of: Vec<EnvironmentName>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    any_of: Vec<EnvironmentName>,
}

impl<'de> Deserialize<'de> for Requires {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Requires;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of environments, or all_of and any_of with such lists")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Requires, A::Error> {
                let SomeOf { all_of, any_of } = SomeOf::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Requires { all_of, any_of })
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Requires, A::Error> {
                let all_of = Vec::deserialize(SeqAccessDeserializer::new(list))?;
                Ok(Requires { all_of, any_of: Vec::new() })
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl From<Requires> for Before {
    fn from(Requires { all_of, any_of }: Requires) -> Self {
        if any_of.is_empty() { Self::All(all_of) } else { Self::Some(SomeOf { all_of, any_of }) }
    }
}

impl Requires {
    /// Every environment that it names.
    pub fn names(&self) -> impl Iterator<Item = &EnvironmentName> {
        self.all_of.iter().chain(&self.any_of)
    }
}

impl Policy {
    /// Where a release must have been verified before it may run in an environment.
    #[must_use]
    pub fn required_before(&self, name: &EnvironmentName) -> Requires {
        let Some(at) = self.environments.iter().position(|e| e.name == *name) else {
            return Requires::default();
        };
        let before = || at.checked_sub(1).map(|before| self.environments[before].name.clone());
        let unsaid = || Requires { all_of: before().into_iter().collect(), any_of: Vec::new() };
        self.environments[at].requires.clone().unwrap_or_else(unsaid)
    }
}

impl EnvironmentPolicy {
    /// What is wrong with the approvals.
    pub(super) fn mistakes_of_approvals(&self) -> Vec<PolicyError> {
        let Approvals(rules) = &self.approvals;
        let wrong = |key, at: Option<usize>, range| PolicyError::OutOfRange {
            environment: self.name.clone(),
            key,
            // A single rule stands in no list.
            entry: at.filter(|_| rules.len() > 1),
            range,
        };
        let mut found = Vec::new();
        if rules.len() > MAX_APPROVALS as usize {
            found.push(wrong("approvals", None, format!("at most {MAX_APPROVALS} rules")));
        }
        for (at, rule) in rules.iter().enumerate() {
            if !(1..=MAX_APPROVALS).contains(&rule.count) {
                found.push(wrong("approvals", Some(at), range()));
            }
            if rule.roles.iter().any(|role| !role.covers(Role::Approver)) {
                let range = "approver or admin: nobody else may approve".to_owned();
                found.push(wrong("approvals.roles", Some(at), range));
            }
            found.extend(
                rule.hazards.iter().filter_map(|id| unknown_hazard(Some(&self.name), "approvals", id)),
            );
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn staging(approvals: &Value) -> Result<EnvironmentPolicy, serde_json::Error> {
        serde_json::from_value(json!({ "name": "staging", "approvals": approvals }))
    }

    #[test]
    fn a_number_a_rule_and_a_list_are_read_and_written_in_the_shortest_way() {
        for (written, short) in [
            (json!(0), json!(0)),
            (json!(2), json!(2)),
            (json!({ "count": 2 }), json!(2)),
            (json!([]), json!(0)),
            (json!([{}]), json!(1)),
            (
                json!([{ "count": 1 }, { "roles": ["admin"], "from_risk": "high" }]),
                json!([{ "count": 1 }, { "count": 1, "roles": ["admin"], "from_risk": "high" }]),
            ),
        ] {
            let read = staging(&written).unwrap();
            assert_eq!(read.mistakes_of_approvals(), [], "{written}");
            assert_eq!(serde_json::to_value(&read.approvals).unwrap(), short, "{written}");
        }
    }

    #[test]
    fn what_nobody_can_give_is_a_mistake() {
        for (written, expected) in [
            (json!(11), "staging: approvals must be from 0 to 10"),
            (json!({ "count": 0 }), "staging: approvals must be from 0 to 10"),
            (
                json!({ "roles": ["viewer"] }),
                "staging: approvals.roles must be approver or admin: nobody else may approve",
            ),
            (
                json!({ "hazards": ["drop-tabel"] }),
                "staging: approvals: there is no hazard called \"drop-tabel\"; did you mean drop-table?",
            ),
        ] {
            let said: Vec<_> =
                staging(&written).unwrap().mistakes_of_approvals().iter().map(ToString::to_string).collect();
            assert_eq!(said, [expected], "{written}");
        }
        let many: Vec<_> = (0..11).map(|_| json!({})).collect();
        assert_eq!(staging(&json!(many)).unwrap().mistakes_of_approvals().len(), 1);
        for wrong in [json!({ "cuont": 1 }), json!("two"), json!(-1), json!({ "roles": ["boss"] })] {
            assert!(staging(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn requires_is_a_list_or_says_which_of_some() {
        let read = |written: Value| serde_json::from_value::<Requires>(written);
        let some = json!({ "all_of": ["staging"], "any_of": ["eu", "us"] });
        assert_eq!(serde_json::to_value(read(some.clone()).unwrap()).unwrap(), some);
        let list = json!(["staging"]);
        assert_eq!(serde_json::to_value(read(json!({ "all_of": ["staging"] })).unwrap()).unwrap(), list);
        assert!(read(json!({ "one_of": ["staging"] })).is_err());
    }
}
