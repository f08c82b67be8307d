//! Triggers, rules, policies and extended statistics.

use std::collections::BTreeSet;

use pgbelay_analysis::{Policy, Relation, Rule, Trigger};
use serde::Deserialize;

use super::rows::Oid;
use super::uses::{Used, Uses};

#[derive(Deserialize)]
pub(super) struct TriggerRow {
    pub(super) relation: Oid,
    name: String,
    function: String,
    bits: i16,
    enabled: char,
    columns: Option<BTreeSet<String>>,
}

/// The bits of `tgtype`.
const ROW: i16 = 1;
const EVENTS: [(i16, &str); 4] =
    [(1 << 2, "insert"), (1 << 3, "delete"), (1 << 4, "update"), (1 << 5, "truncate")];

impl TriggerRow {
    pub(super) fn trigger(&self) -> Trigger {
        let events = EVENTS.iter().filter(|(bit, _)| self.bits & bit != 0);
        Trigger {
            name: self.name.clone(),
            function: self.function.clone(),
            events: events.map(|(_, event)| (*event).to_owned()).collect(),
            columns: self.columns.clone().unwrap_or_default(),
            row: self.bits & ROW != 0,
            enabled: self.enabled != 'D',
        }
    }
}

#[derive(Deserialize)]
pub(super) struct RuleRow {
    oid: Oid,
    pub(super) relation: Oid,
    name: String,
}

impl RuleRow {
    /// The rule that makes a view is what the view reads.
    pub(super) fn add_to(&self, relation: &mut Relation, uses: &Uses) {
        let Used { relations, calls, .. } = uses.of("rule", self.oid, self.relation);
        if self.name == "_RETURN" {
            relation.reads = relations;
            relation.calls = calls;
        } else {
            relation.rules.push(Rule { name: self.name.clone(), uses: relations });
        }
    }
}

#[derive(Deserialize)]
pub(super) struct PolicyRow {
    oid: Oid,
    pub(super) relation: Oid,
    name: String,
}

impl PolicyRow {
    pub(super) fn add_to(&self, relation: &mut Relation, uses: &Uses) {
        let Used { relations, own_columns, calls } = uses.of("policy", self.oid, self.relation);
        relation.policies.push(Policy {
            name: self.name.clone(),
            columns: own_columns,
            uses: relations,
            calls,
        });
    }
}

#[derive(Deserialize)]
pub(super) struct StatisticsRow {
    pub(super) relation: Oid,
    name: String,
    columns: Option<Vec<String>>,
}

impl StatisticsRow {
    pub(super) fn add_to(&self, relation: &mut Relation) {
        relation.statistics.insert(self.name.clone(), self.columns.clone().unwrap_or_default());
    }
}
