//! What a relation and its parts refer to.

use super::things::Things;
use crate::catalog::{Catalog, Column, Constraint, ConstraintKind, Key, Name, RelId, Relation, ViewUse};
use crate::syntax::{Constant, Expr};

/// Everything that a relation refers to.
pub(super) fn of(catalog: &Catalog, id: RelId, relation: &Relation, used: &mut Things) {
    let parents = relation.inheritance.parents.iter().copied();
    let partition = relation.inheritance.partition.as_ref().map(|partition| partition.parent);
    for other in parents.chain(partition).chain(relation.of_type) {
        used.columns(catalog, other, []);
    }
    if let Some((table, column)) = &relation.owned_by {
        used.columns(catalog, *table, [column]);
    }
    views(catalog, &relation.reads, used);
    for name in &relation.calls {
        used.function(catalog, name);
    }
    for column in &relation.columns {
        of_column(catalog, id, column, used);
    }
    of_parts(catalog, id, relation, used);
}

/// What a column's type, default and expression refer to.
pub(super) fn of_column(catalog: &Catalog, id: RelId, column: &Column, used: &mut Things) {
    if let Some(name) = column.data_type.as_ref().and_then(crate::catalog::DataType::full_name) {
        used.data_type(catalog, &name);
    }
    let generated = column.generated.as_ref().map(|generated| &generated.expression);
    for expression in column.default.iter().chain(generated) {
        of_expression(catalog, id, expression, used);
    }
}

/// What constraints, indexes, triggers, rules and policies refer to.
pub(super) fn of_parts(catalog: &Catalog, id: RelId, relation: &Relation, used: &mut Things) {
    for constraint in &relation.constraints {
        of_constraint(catalog, id, constraint, used);
    }
    for index in &relation.indexes {
        used.columns(catalog, id, &index.columns());
        let keys = index.keys.iter().filter_map(|key| match &key.key {
            Key::Expression(expression) => Some(expression),
            Key::Column(_) => None,
        });
        keys.chain(&index.predicate).for_each(|expression| of_expression(catalog, id, expression, used));
        if let Some((table, name)) = &index.part_of
            && let Some(parent) = catalog.get(*table)
        {
            used.part(*table, parent, "index", name);
        }
    }
    for trigger in &relation.triggers {
        used.function(catalog, &trigger.function);
        used.columns(catalog, id, &trigger.columns);
    }
    relation.rules.iter().for_each(|rule| views(catalog, &rule.uses, used));
    for policy in &relation.policies {
        used.columns(catalog, id, &policy.columns);
        views(catalog, &policy.uses, used);
        policy.calls.iter().for_each(|name| used.function(catalog, name));
    }
}

fn of_constraint(catalog: &Catalog, id: RelId, constraint: &Constraint, used: &mut Things) {
    used.columns(catalog, id, &constraint.columns());
    match &constraint.kind {
        ConstraintKind::Check(check) => of_expression(catalog, id, &check.expression, used),
        ConstraintKind::Foreign { to, to_columns, .. } => {
            used.columns(catalog, *to, to_columns);
            // The key that makes them unique.
            let Some(target) = catalog.get(*to) else { return };
            let keys = target.constraints.iter().filter(|key| match &key.kind {
                ConstraintKind::Primary { columns } | ConstraintKind::Unique { columns, .. } => {
                    columns == to_columns
                }
                ConstraintKind::Check(_)
                | ConstraintKind::NotNull { .. }
                | ConstraintKind::Foreign { .. }
                | ConstraintKind::Exclude { .. } => false,
            });
            keys.for_each(|key| used.part(*to, target, "constraint", &key.name));
        }
        ConstraintKind::NotNull { .. }
        | ConstraintKind::Primary { .. }
        | ConstraintKind::Unique { .. }
        | ConstraintKind::Exclude { .. } => {}
    }
}

pub(super) fn views(catalog: &Catalog, uses: &[ViewUse], used: &mut Things) {
    for one in uses {
        used.columns(catalog, one.relation, &one.columns);
    }
}

fn of_expression(catalog: &Catalog, id: RelId, expression: &Expr, used: &mut Things) {
    let paths = expression.column_paths();
    if let Some(relation) = catalog.get(id) {
        let own = paths.iter().filter_map(|path| path.last()).filter(|name| relation.column(name).is_some());
        used.columns(catalog, id, own);
    }
    for (name, _) in expression.calls() {
        used.function(catalog, &name.name);
    }
    expression.each(&mut |part| {
        if let Expr::Call { name, args } = part
            && name.name == "nextval"
            && let Some(sequence) = args.first().and_then(text)
        {
            sequences(catalog, sequence, used);
        }
    });
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all but two kinds of expressions are no text")]
fn text(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Constant(Constant::Text(text)) => Some(text),
        Expr::Cast { arg, .. } => text(arg),
        _ => None,
    }
}

fn sequences(catalog: &Catalog, written: &str, used: &mut Things) {
    let bare = |schema: &str| Name::new(schema, written);
    let path = catalog.settings.search_path.iter().map(|schema| bare(schema));
    let full = Name::shown(written).map(|(name, _)| name);
    if let Some(id) = full.into_iter().chain(path).find_map(|name| catalog.by_name(&name)) {
        used.columns(catalog, id, []);
    }
}
