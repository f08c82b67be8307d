//! Constraints, indexes, triggers, rules, policies and statistics of relations.

use std::collections::BTreeSet;

use super::{Lines, with, words};
use crate::builtin;
use crate::catalog::canonical::canonical;
use crate::catalog::name::quoted;
use crate::catalog::{Catalog, Constraint, ConstraintKind, Index, IndexKey, Key, Name, Relation};
use crate::syntax::FkAction;

pub(super) fn add(catalog: &Catalog, relation: &Relation, lines: &mut Lines) {
    let part = |name: &str| format!("{}.{}", relation.name, quoted(name));
    for constraint in &relation.constraints {
        if !is_noise(catalog, relation, constraint) {
            lines.add("constraint", part(&constraint.name), self::constraint(catalog, constraint));
        }
    }
    for index in &relation.indexes {
        let name = Name::new(&relation.name.schema, &index.name);
        lines.add("index", name, format!("on {} {}", relation.name, self::index(catalog, index)));
    }
    for trigger in &relation.triggers {
        let line = format!(
            "calls {} on {}{}{}",
            trigger.function,
            list(&trigger.events),
            with("of", (!trigger.columns.is_empty()).then(|| list(&trigger.columns))),
            words(&[(trigger.row, "for each row"), (!trigger.enabled, "disabled")]),
        );
        lines.add("trigger", part(&trigger.name), line);
    }
    for rule in &relation.rules {
        lines.add("rule", part(&rule.name), format!("uses {}", catalog.uses(&rule.uses)));
    }
    for policy in &relation.policies {
        let calls = policy.calls.iter().filter(|name| builtin::function(name).is_none()).cloned().collect();
        let (columns, uses) = (list(&policy.columns), catalog.uses(&policy.uses));
        lines.add("policy", part(&policy.name), format!("on ({columns}) uses {uses} calls {}", list(&calls)));
    }
    for name in relation.statistics.keys() {
        lines.add("statistics", part(name), "");
    }
}

fn list(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// What the server keeps for itself: the copies of a foreign key for each partition of the table that it
/// refers to. NOT NULL under a name of its own is told by the column, unless there is more to it.
fn is_noise(catalog: &Catalog, relation: &Relation, constraint: &Constraint) -> bool {
    match &constraint.kind {
        ConstraintKind::NotNull { .. } => constraint.valid,
        ConstraintKind::Foreign { columns, to, .. } => {
            let into_partition =
                catalog.get(*to).is_some_and(|to| to.inheritance.partition.is_some()) && constraint.inherited;
            let is_original = |other: &Constraint| match &other.kind {
                ConstraintKind::Foreign { columns: others, to: target, .. } => {
                    others == columns && target != to
                }
                ConstraintKind::Check(_)
                | ConstraintKind::NotNull { .. }
                | ConstraintKind::Primary { .. }
                | ConstraintKind::Unique { .. }
                | ConstraintKind::Exclude { .. } => false,
            };
            into_partition && relation.constraints.iter().any(is_original)
        }
        ConstraintKind::Check(_)
        | ConstraintKind::Primary { .. }
        | ConstraintKind::Unique { .. }
        | ConstraintKind::Exclude { .. } => false,
    }
}

fn constraint(catalog: &Catalog, constraint: &Constraint) -> String {
    let demand = match &constraint.kind {
        ConstraintKind::Check(check) => {
            format!("check {}{}", canonical(&check.expression), words(&[(check.no_inherit, "no inherit")]))
        }
        ConstraintKind::NotNull { column } => format!("not null {}", quoted(column)),
        ConstraintKind::Primary { columns } => format!("primary key ({})", columns.join(", ")),
        ConstraintKind::Unique { columns, nulls_not_distinct } => {
            let nulls = words(&[(*nulls_not_distinct, "nulls not distinct")]);
            format!("unique ({}){nulls}", columns.join(", "))
        }
        ConstraintKind::Foreign { columns, to, to_columns, on_delete, on_update } => format!(
            "foreign key ({}) references {} ({}){}{}",
            columns.join(", "),
            catalog.named(*to),
            to_columns.join(", "),
            with("on delete", action(*on_delete)),
            with("on update", action(*on_update)),
        ),
        ConstraintKind::Exclude { columns } => format!("exclude ({})", columns.join(", ")),
    };
    let marks = words(&[
        (!constraint.valid, "not valid"),
        (!constraint.enforced, "not enforced"),
        (constraint.deferrable, "deferrable"),
        (constraint.inherited, "inherited"),
    ]);
    format!("{demand}{marks}")
}

const fn action(action: FkAction) -> Option<&'static str> {
    match action {
        FkAction::NoAction => None,
        FkAction::Restrict => Some("restrict"),
        FkAction::Cascade => Some("cascade"),
        FkAction::SetNull => Some("set null"),
        FkAction::SetDefault => Some("set default"),
    }
}

fn index(catalog: &Catalog, index: &Index) -> String {
    let keys: Vec<String> = index.keys.iter().map(key).collect();
    let part_of = index.part_of.as_ref();
    let part_of = part_of.map(|(table, name)| format!("{} of {}", quoted(name), catalog.named(*table)));
    format!(
        "using {} ({}){}{}{}{}{}",
        index.method,
        keys.join(", "),
        with("include", (!index.include.is_empty()).then(|| index.include.join(", "))),
        with("where", index.predicate.as_ref().map(canonical)),
        with("part of", part_of),
        with("tablespace", index.tablespace.as_deref()),
        words(&[
            (index.unique, "unique"),
            (index.constraint, "of a constraint"),
            (index.nulls_not_distinct, "nulls not distinct"),
            (!index.valid, "not valid"),
            (index.clustered, "clustered"),
        ]),
    )
}

fn key(key: &IndexKey) -> String {
    let what = match &key.key {
        Key::Column(name) => quoted(name),
        Key::Expression(expression) => canonical(expression),
    };
    format!(
        "{what}{}{}{}",
        with("collate", key.collation.as_deref()),
        with("", key.operator_class.as_deref()).replace("  ", " "),
        words(&[(key.descending, "desc"), (key.nulls_swapped, "nulls swapped")]),
    )
}
