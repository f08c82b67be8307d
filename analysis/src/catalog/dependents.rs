//! Who refers to whom, kept beside the relations so that no statement has to look at all of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::names::Names;
use super::{Constraint, ConstraintKind, Key, Name, RelId, Relation, SharedMap, ViewUse};
use crate::syntax::Expr;

/// For each relation, type and function: the relations that refer to it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dependents {
    relations: SharedMap<RelId, BTreeSet<RelId>>,
    types: SharedMap<Name, BTreeSet<RelId>>,
    functions: SharedMap<String, BTreeSet<RelId>>,
    indexes: Names,
    forward: SharedMap<RelId, Arc<References>>,
}

/// What one relation refers to.
#[derive(Debug, Clone, Default, PartialEq)]
struct References {
    relations: BTreeSet<RelId>,
    types: BTreeSet<Name>,
    functions: BTreeSet<String>,
    indexes: BTreeSet<Name>,
}

impl Dependents {
    pub(super) fn of(&self, id: RelId) -> Vec<RelId> {
        self.relations.get(&id).into_iter().flatten().copied().collect()
    }

    pub(super) fn of_type(&self, name: &Name) -> Vec<RelId> {
        self.types.get(name).into_iter().flatten().copied().collect()
    }

    pub(super) fn of_function(&self, name: &str) -> Vec<RelId> {
        self.functions.get(name).into_iter().flatten().copied().collect()
    }

    pub(super) fn index_owner(&self, schema: &str, name: &str) -> Option<RelId> {
        self.indexes.get(schema, name)
    }

    pub(super) fn link(&mut self, id: RelId, relation: &Relation) {
        self.add(id, References::of(id, relation));
    }

    /// The same for one that was linked already, and has changed.
    pub(super) fn relink(&mut self, id: RelId, relation: &Relation) {
        let references = References::of(id, relation);
        if self.forward.get(&id).is_none_or(|known| **known != references) {
            self.unlink(id);
            self.add(id, references);
        }
    }

    fn add(&mut self, id: RelId, references: References) {
        for to in &references.relations {
            self.relations.get_or_default(*to).insert(id);
        }
        for name in &references.types {
            self.types.get_or_default(name.clone()).insert(id);
        }
        for name in &references.functions {
            self.functions.get_or_default(name.clone()).insert(id);
        }
        for name in &references.indexes {
            self.indexes.insert(name, id);
        }
        self.forward.insert(id, Arc::new(references));
    }

    pub(super) fn unlink(&mut self, id: RelId) {
        let Some(references) = self.forward.remove(&id) else { return };
        for to in &references.relations {
            forget(&mut self.relations, to, id);
        }
        for name in &references.types {
            forget(&mut self.types, name, id);
        }
        for name in &references.functions {
            forget(&mut self.functions, name, id);
        }
        for name in &references.indexes {
            if self.indexes.get(&name.schema, &name.name) == Some(id) {
                self.indexes.remove(name);
            }
        }
    }
}

fn forget<K: Ord + Clone>(map: &mut SharedMap<K, BTreeSet<RelId>>, key: &K, id: RelId) {
    if let Some(ids) = map.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            map.remove(key);
        }
    }
}

impl References {
    fn of(id: RelId, relation: &Relation) -> Self {
        let mut found = Self::default();
        found.relations.extend(relation.inheritance.parents.iter().copied());
        found.relations.extend(relation.inheritance.partition.as_ref().map(|partition| partition.parent));
        found.relations.extend(relation.owned_by.as_ref().map(|(table, _)| *table));
        found.relations.extend(relation.of_type);
        found.uses(&relation.reads);
        found.functions.extend(relation.calls.iter().cloned());
        for column in &relation.columns {
            // PostgreSQL's own types stay as they are.
            let data_type = column.data_type.as_ref().filter(|t| t.schema.as_deref() != Some("pg_catalog"));
            found.types.extend(data_type.and_then(super::DataType::full_name));
            column.default.iter().for_each(|default| found.expression(default));
            column.generated.iter().for_each(|generated| found.expression(&generated.expression));
        }
        relation.constraints.iter().for_each(|constraint| found.constraint(constraint));
        for index in &relation.indexes {
            found.indexes.insert(Name::new(&relation.name.schema, &index.name));
            for key in &index.keys {
                if let Key::Expression(expression) = &key.key {
                    found.expression(expression);
                }
            }
            index.predicate.iter().for_each(|predicate| found.expression(predicate));
        }
        found.functions.extend(relation.triggers.iter().map(|trigger| trigger.function.clone()));
        relation.rules.iter().for_each(|rule| found.uses(&rule.uses));
        for policy in &relation.policies {
            found.uses(&policy.uses);
            found.functions.extend(policy.calls.iter().cloned());
        }
        found.relations.remove(&id);
        found
    }

    fn uses(&mut self, uses: &[ViewUse]) {
        self.relations.extend(uses.iter().map(|used| used.relation));
    }

    fn constraint(&mut self, constraint: &Constraint) {
        match &constraint.kind {
            ConstraintKind::Foreign { to, .. } => {
                self.relations.insert(*to);
            }
            ConstraintKind::Check(check) => self.expression(&check.expression),
            ConstraintKind::NotNull { .. }
            | ConstraintKind::Primary { .. }
            | ConstraintKind::Unique { .. }
            | ConstraintKind::Exclude { .. } => {}
        }
    }

    fn expression(&mut self, expression: &Expr) {
        self.functions.extend(expression.calls().into_iter().map(|(name, _)| name.name));
    }
}
