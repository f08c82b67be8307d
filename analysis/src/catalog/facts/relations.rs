//! Tables, views, sequences and composite types with their columns.

use super::{FactDifference, Lines, with, words};
use crate::builtin;
use crate::catalog::canonical::canonical;
use crate::catalog::name::quoted;
use crate::catalog::{Catalog, Column, Persistence, Relation, RelationKind};
use crate::syntax::{Bound, BoundValue, Constant, Expr, GeneratedKind, IdentityKind, ReplicaIdentity};

pub(super) const COLUMN_ORDER: &str = "column order";

pub(super) fn add(catalog: &Catalog, relation: &Relation, lines: &mut Lines) {
    lines.add(kind(relation.kind), &relation.name, line(catalog, relation));
    if matches!(relation.kind, RelationKind::View | RelationKind::MaterializedView) {
        return;
    }
    for column in &relation.columns {
        lines.add("column", format!("{}.{}", relation.name, quoted(&column.name)), self::column(column));
    }
    if !relation.columns.is_empty() {
        lines.add(COLUMN_ORDER, &relation.name, names(relation));
    }
}

/// Whether other differences say it already.
pub(super) fn follows(difference: &FactDifference) -> bool {
    match difference {
        FactDifference::Missing { kind, .. } | FactDifference::Added { kind, .. } => *kind == COLUMN_ORDER,
        FactDifference::Differs { kind, before, after, .. } => {
            let sorted = |names: &str| {
                let mut names: Vec<String> = names.split(", ").map(str::to_owned).collect();
                names.sort();
                names
            };
            *kind == COLUMN_ORDER && sorted(before) != sorted(after)
        }
    }
}

const fn kind(kind: RelationKind) -> &'static str {
    match kind {
        RelationKind::Table | RelationKind::Partitioned | RelationKind::Foreign => "table",
        RelationKind::View => "view",
        RelationKind::MaterializedView => "materialized view",
        RelationKind::Sequence => "sequence",
        RelationKind::Composite => "type",
    }
}

fn names(relation: &Relation) -> String {
    relation.columns.iter().map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", ")
}

fn line(catalog: &Catalog, relation: &Relation) -> String {
    match relation.kind {
        RelationKind::View => view(catalog, relation),
        RelationKind::MaterializedView => format!("{}{}", view(catalog, relation), storage(relation)),
        RelationKind::Sequence => {
            let owner = relation.owned_by.as_ref();
            let owner = owner.map(|(table, column)| format!("{}.{}", catalog.named(*table), quoted(column)));
            format!("sequence{}{}", persistence(relation), with("owned by", owner))
        }
        RelationKind::Composite => "composite".to_owned(),
        RelationKind::Table | RelationKind::Partitioned | RelationKind::Foreign => table(catalog, relation),
    }
}

fn view(catalog: &Catalog, relation: &Relation) -> String {
    let calls = relation.calls.iter().filter(|name| builtin::function(name).is_none());
    let calls: Vec<&str> = calls.map(String::as_str).collect();
    format!("({}) reads {} calls {}", names(relation), catalog.uses(&relation.reads), calls.join(", "))
}

fn table(catalog: &Catalog, relation: &Relation) -> String {
    let parents: Vec<String> = relation.inheritance.parents.iter().map(|id| catalog.named(*id)).collect();
    let partition = relation.inheritance.partition.as_ref();
    let partition = partition.map(|part| format!("{} {}", catalog.named(part.parent), bound(&part.bound)));
    let key = relation.partition_key.as_ref().map(|key| {
        let keys: Vec<String> = key.keys.iter().map(canonical).collect();
        format!("{:?} ({})", key.strategy, keys.join(", ")).to_lowercase()
    });
    format!(
        "{}{}{}{}{}{}{}{}",
        relation.kind.words(),
        persistence(relation),
        with("inherits", (!parents.is_empty()).then(|| parents.join(", "))),
        with("partition of", partition),
        with("partition by", key),
        with("of", relation.of_type.map(|id| catalog.named(id))),
        storage(relation),
        words(&[
            (relation.row_security, "row security"),
            (relation.forced_row_security, "forced row security"),
        ]),
    )
}

const fn persistence(relation: &Relation) -> &'static str {
    match relation.persistence {
        Persistence::Permanent => "",
        Persistence::Unlogged => " unlogged",
        Persistence::Temporary => " temporary",
    }
}

fn storage(relation: &Relation) -> String {
    let identity = match &relation.replica_identity {
        ReplicaIdentity::Default => None,
        ReplicaIdentity::Full => Some("full".to_owned()),
        ReplicaIdentity::Nothing => Some("nothing".to_owned()),
        ReplicaIdentity::Index(name) => Some(format!("index {}", quoted(name))),
    };
    let method = relation.access_method.as_deref().filter(|method| *method != "heap");
    format!(
        "{}{}{}",
        with("using", method),
        with("tablespace", relation.tablespace.as_deref()),
        with("replica identity", identity)
    )
}

fn bound(bound: &Bound) -> String {
    let all = |values: &[BoundValue]| {
        let one = |value: &BoundValue| match value {
            BoundValue::Min => "minvalue".to_owned(),
            BoundValue::Max => "maxvalue".to_owned(),
            BoundValue::Value(value) => canonical(value),
        };
        values.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    match bound {
        Bound::Default => "default".to_owned(),
        Bound::List(values) => format!("in ({})", all(values)),
        Bound::Range { from, to } => format!("from ({}) to ({})", all(from), all(to)),
        Bound::Hash { modulus, remainder } => format!("modulus {modulus} remainder {remainder}"),
    }
}

fn column(column: &Column) -> String {
    let data_type = column.data_type.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
    let identity = column.identity.map(|kind| match kind {
        IdentityKind::Always => "always",
        IdentityKind::ByDefault => "by default",
    });
    let generated = column.generated.as_ref().map(|generated| {
        let kind = match generated.kind {
            GeneratedKind::Stored => "stored",
            GeneratedKind::Virtual => "virtual",
        };
        format!("{} {kind}", canonical(&generated.expression))
    });
    // DEFAULT NULL is none.
    let is_null = |default: &&Expr| canonical(default) == canonical(&Expr::Constant(Constant::Null));
    let default = column.default.as_ref().filter(|default| !is_null(default)).map(canonical);
    format!(
        "{data_type}{}{}{}{}{}{}",
        with("collate", column.collation.as_deref()),
        words(&[(column.not_null, "not null")]),
        with("default", default),
        with("generated", generated),
        with("identity", identity),
        words(&[(column.inherited, "inherited")]),
    )
}
