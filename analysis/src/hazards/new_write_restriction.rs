//! Constraints and unique indexes that refuse what running code may write.

use super::constraints::{Demand, forbids_null};
use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::{Constraint, ConstraintKind, Index, RelId, TypeDefinition};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::{Ast, DomainAction, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "new-write-restriction",
        title: "writes of code that runs now may be refused from here on",
        severity: Severity::Medium,
        page: include_str!("../../hazards/new-write-restriction/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let mut found: Vec<Found> = context.changes().filter_map(|change| restricted(context, change)).collect();
    found.extend(domain(context));
    found
}

fn restricted(context: &Context<'_>, change: &Change) -> Option<Found> {
    match change {
        Change::ConstraintAdded { table, constraint, using_index: false, with_table: false, .. } => {
            (constraint.enforced
                && covers_old(context, *table, &constraint.columns())
                && !is_met(context, *table, constraint))
            .then(|| about(context, *table, &words(constraint)))
        }
        Change::IndexCreated { table, index, .. } if index.unique && !index.constraint => {
            (covers_old(context, *table, &index.columns()) && !is_unique(context, *table, index))
                .then(|| about(context, *table, &format!("repeat values of the unique index {}", index.name)))
        }
        Change::NotNullSet { table, column, proven: false } if context.is_old_column(*table, column) => {
            let before = context.was(*table)?;
            let forbidden = before.constraints.iter().any(|c| c.enforced && forbids_null(c) == Some(column));
            (!forbidden).then(|| about(context, *table, &format!("store null in {column}")))
        }
        _ => None,
    }
}

fn about(context: &Context<'_>, table: RelId, what: &str) -> Found {
    let name = context.old_name(table);
    Found::new(name.clone(), format!("writes to {name} that {what} are refused from here on"))
}

fn words(constraint: &Constraint) -> String {
    let name = &constraint.name;
    match &constraint.kind {
        ConstraintKind::Check(_) => format!("do not pass {name}"),
        ConstraintKind::NotNull { column } => format!("store null in {column}"),
        ConstraintKind::Primary { .. } | ConstraintKind::Unique { .. } => format!("repeat values of {name}"),
        ConstraintKind::Foreign { .. } => format!("refer to nothing by {name}"),
        ConstraintKind::Exclude { .. } => format!("overlap in {name}"),
    }
}

/// Whether running code can know one of these columns. Without columns, it is about all of them.
fn covers_old(context: &Context<'_>, table: RelId, columns: &[String]) -> bool {
    context.is_old(table)
        && (columns.is_empty() || columns.iter().any(|column| !context.is_new_column(table, column)))
}

/// Whether something at least as strict is there, or was until the script dropped it.
fn is_met(context: &Context<'_>, table: RelId, new: &Constraint) -> bool {
    let demand = Demand::of(new);
    let stricter = |old: &Constraint| old.enforced && demand.is_implied_by(&Demand::of(old));
    let Some(before) = context.was(table) else { return false };
    let null = match (&new.kind, forbids_null(new)) {
        (ConstraintKind::NotNull { column }, _) => Some(column.as_str()),
        (_, column) => column,
    };
    let not_null = null.is_some_and(|column| {
        before.column(column).is_some_and(|column| column.not_null)
            || before.constraints.iter().any(|old| old.enforced && forbids_null(old) == Some(column))
    });
    let unique = match &new.kind {
        ConstraintKind::Unique { columns, .. } => has_unique(&before.indexes, columns),
        _ => false,
    };
    not_null
        || unique
        || before.constraints.iter().any(stricter)
        || context.demands_so_far(table).any(|change| {
            matches!(change, Change::ConstraintDropped { table: of, constraint, .. }
                if *of == table && stricter(constraint))
        })
}

/// Whether an index keeps duplicates of these columns out already.
fn has_unique(indexes: &[Index], columns: &[String]) -> bool {
    indexes.iter().any(|index| {
        index.unique
            && index.valid
            && index.predicate.is_none()
            && index
                .plain_columns()
                .is_some_and(|key| key.iter().all(|column| columns.iter().any(|of| of == column)))
    })
}

fn is_unique(context: &Context<'_>, table: RelId, index: &Index) -> bool {
    let columns: Option<Vec<String>> =
        index.plain_columns().map(|columns| columns.into_iter().map(str::to_owned).collect());
    let (Some(columns), Some(before)) = (columns, context.was(table)) else { return false };
    has_unique(&before.indexes, &columns)
}

/// A CHECK or NOT NULL of a domain that tables use.
fn domain(context: &Context<'_>) -> Option<Found> {
    let Ast::AlterDomain(alter) = context.ast else { return None };
    if !matches!(alter.action, DomainAction::AddConstraint(_) | DomainAction::SetNotNull) {
        return None;
    }
    let (name, definition) = context.after.type_definition(&alter.name).found()?;
    let shown = name.to_string();
    let used = context.after.users_of_type(&name).iter().any(|id| context.is_old(*id));
    let changed = matches!(definition, TypeDefinition::Domain(_));
    (used && changed && !context.is_made(ObjectKind::Domain, &shown)).then(|| {
        let message = format!(
            "writes to columns of {shown} that do not pass its new constraint are refused from here on"
        );
        Found::new(shown, message)
    })
}
