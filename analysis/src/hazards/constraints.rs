//! What constraints demand, to be compared.

use super::Context;
use super::scope::same_columns;
use crate::catalog::{Constraint, ConstraintKind, RelId};
use crate::syntax::{AlterAction, BoolOp, Expr, NewConstraintKind};

/// What a constraint demands of rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Demand {
    Check {
        columns: Vec<String>,
        expression: Expr,
    },
    NotNull(String),
    /// A primary key, or UNIQUE.
    Key {
        primary: bool,
        columns: Vec<String>,
    },
    Foreign {
        columns: Vec<String>,
        to: Option<RelId>,
    },
    Exclude {
        columns: Vec<String>,
    },
}

impl Demand {
    pub(super) fn of(constraint: &Constraint) -> Self {
        match &constraint.kind {
            ConstraintKind::Check(check) => {
                Self::Check { columns: constraint.columns(), expression: check.expression.clone() }
            }
            ConstraintKind::NotNull { column } => Self::NotNull(column.clone()),
            ConstraintKind::Primary { columns } => Self::Key { primary: true, columns: columns.clone() },
            ConstraintKind::Unique { columns, .. } => Self::Key { primary: false, columns: columns.clone() },
            ConstraintKind::Foreign { columns, to, .. } => {
                Self::Foreign { columns: columns.clone(), to: Some(*to) }
            }
            ConstraintKind::Exclude { columns } => Self::Exclude { columns: columns.clone() },
        }
    }

    /// Whether the other one is of the same kind and about the same columns.
    pub(super) fn is_met_by(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Check { columns, .. }, Self::Check { columns: of, .. })
            | (Self::Foreign { columns, .. }, Self::Foreign { columns: of, .. })
            | (Self::Exclude { columns }, Self::Exclude { columns: of })
            | (Self::Key { columns, .. }, Self::Key { columns: of, .. }) => same_columns(columns, of),
            (Self::NotNull(column), Self::NotNull(of)) => column == of,
            _ => false,
        }
    }

    /// Whether it refuses no row that the other one lets pass.
    pub(super) fn is_implied_by(&self, old: &Self) -> bool {
        match (self, old) {
            (Self::Check { expression, .. }, Self::Check { expression: of, .. }) => {
                expression == of || is_wider(expression, of)
            }
            (Self::Foreign { columns, to }, Self::Foreign { columns: of, to: other }) => {
                columns == of && to == other
            }
            (Self::Key { primary: false, columns }, Self::Key { columns: of, .. }) => {
                of.iter().all(|column| columns.contains(column))
            }
            (Self::Key { primary: true, columns }, Self::Key { primary: true, columns: of }) => {
                of.iter().all(|column| columns.contains(column))
            }
            (Self::Exclude { .. }, Self::Exclude { .. }) => self == old,
            (Self::NotNull(column), Self::NotNull(of)) => column == of,
            _ => false,
        }
    }
}

/// Whether `column IN (…)` allows all that an older one allows.
fn is_wider(new: &Expr, old: &Expr) -> bool {
    let (Some((column, allowed)), Some((of, before))) = (value_list(new), value_list(old)) else {
        return false;
    };
    column == of && before.iter().all(|value| allowed.contains(value))
}

fn value_list(expression: &Expr) -> Option<(&Expr, &[Expr])> {
    match expression {
        Expr::Operator { name, args } if name == "= any" => match args.as_slice() {
            [column, Expr::List(values)] => Some((column, values)),
            _ => None,
        },
        _ => None,
    }
}

/// The column that a CHECK keeps from being null, if that is all it does.
pub(super) fn forbids_null(constraint: &Constraint) -> Option<&str> {
    let ConstraintKind::Check(check) = &constraint.kind else { return None };
    not_null_in(&check.expression)
}

fn not_null_in(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::IsNull { arg, negated: true } => match arg.as_ref() {
            Expr::Column(path) => path.last().map(String::as_str),
            _ => None,
        },
        Expr::Bool { op: BoolOp::And, args } => args.iter().find_map(not_null_in),
        _ => None,
    }
}

/// What an action adds to a table.
pub(super) fn added(context: &Context<'_>, table: RelId, action: &AlterAction) -> Option<Demand> {
    let AlterAction::AddConstraint(constraint) = action else { return None };
    Some(match &constraint.kind {
        NewConstraintKind::Check(expression) => {
            let paths = expression.column_paths();
            let columns = paths.iter().filter_map(|path| path.last().cloned()).collect();
            Demand::Check { columns, expression: expression.clone() }
        }
        NewConstraintKind::NotNull(column) => Demand::NotNull(column.clone()),
        NewConstraintKind::PrimaryKey { columns, .. } => {
            Demand::Key { primary: true, columns: columns.clone() }
        }
        NewConstraintKind::Unique { columns, .. } => Demand::Key { primary: false, columns: columns.clone() },
        NewConstraintKind::UsingIndex { index, primary } => {
            let index = context.relation(table)?.index(index)?;
            let columns = index.plain_columns()?.into_iter().map(str::to_owned).collect();
            Demand::Key { primary: *primary, columns }
        }
        NewConstraintKind::ForeignKey(key) => {
            Demand::Foreign { columns: key.columns.clone(), to: context.after.relation(&key.to).found() }
        }
        NewConstraintKind::Exclude { elements, .. } => {
            let paths = elements.iter().flat_map(|(element, _)| element.key.column_paths());
            Demand::Exclude { columns: paths.filter_map(|path| path.last().cloned()).collect() }
        }
    })
}
