//! What views, rules, policies and functions refer to.

use std::collections::{BTreeMap, BTreeSet};

use pgbelay_analysis::{Name, RelId, ViewUse};
use serde::Deserialize;

use super::rows::{Oid, Schema};

/// One reference.
#[derive(Deserialize)]
pub(super) struct UseRow {
    kind: String,
    owner: Oid,
    relation: Option<Oid>,
    column_name: Option<String>,
    function_schema: Option<String>,
    function: Option<String>,
}

/// All references, by what they are in.
pub(super) struct Uses(BTreeMap<(String, Oid), Vec<Reference>>);

enum Reference {
    Relation { oid: Oid, id: RelId, name: Name, column: Option<String> },
    Function(Name),
}

/// What one object refers to.
#[derive(Default)]
pub(super) struct Used {
    /// Relations other than its own.
    pub(super) relations: Vec<ViewUse>,
    /// Columns of its own relation.
    pub(super) own_columns: BTreeSet<String>,
    /// Names of functions.
    pub(super) calls: BTreeSet<String>,
}

impl Uses {
    /// Needs the names of relations. The server's own and pgbelay's are left out.
    pub(super) fn new(rows: Vec<UseRow>, schema: &Schema) -> Self {
        let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for row in rows {
            let key = (row.kind.clone(), row.owner);
            if let Some(reference) = row.reference(schema) {
                found.entry(key).or_default().push(reference);
            }
        }
        Self(found)
    }

    fn references(&self, kind: &str, owner: Oid) -> &[Reference] {
        self.0.get(&(kind.to_owned(), owner)).map_or(&[], Vec::as_slice)
    }

    /// What a rule or policy of relation `own` refers to.
    pub(super) fn of(&self, kind: &str, owner: Oid, own: Oid) -> Used {
        let mut used = Used::default();
        let mut relations: BTreeMap<RelId, BTreeSet<String>> = BTreeMap::new();
        for reference in self.references(kind, owner) {
            match reference {
                Reference::Relation { oid, column, .. } if *oid == own => {
                    used.own_columns.extend(column.clone());
                }
                Reference::Relation { id, column, .. } => {
                    relations.entry(*id).or_default().extend(column.clone());
                }
                Reference::Function(name) => {
                    used.calls.insert(name.name.clone());
                }
            }
        }
        used.relations =
            relations.into_iter().map(|(relation, columns)| ViewUse { relation, columns }).collect();
        used
    }

    /// Full names of the relations and functions that the body of a function refers to.
    pub(super) fn of_function(&self, oid: Oid) -> Vec<String> {
        let names: BTreeSet<String> = self
            .references("function", oid)
            .iter()
            .map(|reference| match reference {
                Reference::Relation { name, .. } | Reference::Function(name) => name.to_string(),
            })
            .collect();
        names.into_iter().collect()
    }
}

impl UseRow {
    fn reference(self, schema: &Schema) -> Option<Reference> {
        if let Some(oid) = self.relation {
            let id = schema.id(oid)?;
            let name = schema.name(id)?.clone();
            return Some(Reference::Relation { oid, id, name, column: self.column_name });
        }
        Some(Reference::Function(Name { schema: self.function_schema?, name: self.function? }))
    }
}
