//! What migrations make and use.

use std::collections::BTreeMap;

use crate::catalog::{Catalog, ConstraintKind, Name, RelId, Relation};

/// Something that one migration makes and another uses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Thing {
    Relation(RelId),
    /// The name of a relation: whoever frees it makes room for the next.
    Free(Name),
    Column(RelId, String),
    /// A constraint, index, trigger, rule or policy.
    Part(RelId, String),
    Type(Name),
    Function(Name),
    Schema(String),
    Extension(String),
}

/// Things with what they are called.
#[derive(Debug, Default)]
pub(super) struct Things(BTreeMap<Thing, String>);

impl Things {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Thing, &String)> {
        self.0.iter()
    }

    pub(super) fn add(&mut self, thing: Thing, name: impl FnOnce() -> String) {
        self.0.entry(thing).or_insert_with(name);
    }

    pub(super) fn relation(&mut self, id: RelId, relation: &Relation) {
        self.add(Thing::Relation(id), || format!("{} {}", relation.kind.words(), relation.name));
    }

    pub(super) fn column(&mut self, id: RelId, relation: &Relation, column: &str) {
        self.add(Thing::Column(id, column.to_owned()), || format!("column {}.{column}", relation.name));
    }

    pub(super) fn part(&mut self, id: RelId, relation: &Relation, kind: &str, part: &str) {
        self.add(Thing::Part(id, part.to_owned()), || format!("{kind} {}.{part}", relation.name));
    }

    /// A relation with some of its columns, if it is there.
    pub(super) fn columns<'a>(
        &mut self,
        catalog: &Catalog,
        id: RelId,
        columns: impl IntoIterator<Item = &'a String>,
    ) {
        let Some(relation) = catalog.get(id) else { return };
        self.relation(id, relation);
        for column in columns {
            self.column(id, relation, column);
        }
    }

    /// A relation with all that belongs to it.
    pub(super) fn whole(&mut self, id: RelId, relation: &Relation) {
        self.relation(id, relation);
        for column in &relation.columns {
            self.column(id, relation, &column.name);
        }
        for (kind, part) in parts(relation) {
            self.part(id, relation, kind, part);
        }
    }

    pub(super) fn function(&mut self, catalog: &Catalog, called: &str) {
        let bare = called.rsplit('.').next().unwrap_or(called);
        let of_name = catalog.functions.keys().filter(|name| name.name == bare);
        for name in of_name {
            self.add(Thing::Function(name.clone()), || format!("function {name}"));
        }
    }

    pub(super) fn data_type(&mut self, catalog: &Catalog, name: &Name) {
        if catalog.types.contains_key(name) {
            self.add(Thing::Type(name.clone()), || format!("type {name}"));
        } else if let Some(id) = catalog.by_name(name) {
            self.columns(catalog, id, []);
        }
    }
}

/// What belongs to a relation beside its columns, with what it is.
pub(super) fn parts(relation: &Relation) -> impl Iterator<Item = (&'static str, &String)> {
    // NOT NULL is said by the column, under whatever name.
    let constraints =
        relation.constraints.iter().filter(|one| !matches!(one.kind, ConstraintKind::NotNull { .. }));
    let constraints = constraints.map(|constraint| ("constraint", &constraint.name));
    let indexes =
        relation.indexes.iter().filter(|index| !index.constraint).map(|index| ("index", &index.name));
    let triggers = relation.triggers.iter().map(|trigger| ("trigger", &trigger.name));
    let rules = relation.rules.iter().map(|rule| ("rule", &rule.name));
    let policies = relation.policies.iter().map(|policy| ("policy", &policy.name));
    constraints.chain(indexes).chain(triggers).chain(rules).chain(policies)
}
