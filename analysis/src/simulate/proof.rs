//! What constraints prove, so that the server need not look at the rows.
//!
//! The server's own prover (`predtest.c`) asks whether what is to hold is implied by the valid CHECKs and the NOT NULLs
//! of a table, and does so by the shape of both. This one does the same: what it cannot prove needs a look.

mod bound;
mod clause;
mod imply;
mod value;

use self::clause::{Clause, Reader};
use self::imply::implies;
use crate::catalog::{Catalog, ConstraintKind, RelId, Relation};
use crate::syntax::{BoolOp, Bound, Expr};

/// Whether valid CHECKs of a table prove that a column holds no NULL.
pub(super) fn not_null(catalog: &Catalog, table: &Relation, column: &str) -> bool {
    implies(&checks(catalog, table), &Clause::Null { of: column.to_owned(), is: false })
}

/// Whether the constraints of `table` prove that all its rows belong to `bound` of `parent`, and with that to those
/// that the parent is a partition of.
pub(super) fn belongs(catalog: &Catalog, parent: RelId, table: &Relation, bound: &Bound) -> bool {
    let Some(demand) = demand(catalog, parent, bound) else { return false };
    implies(&known(catalog, table), &Reader { catalog, table }.clause(&demand))
}

/// Whether the constraints of the DEFAULT partition prove that it has no row of a new `bound`.
pub(super) fn excludes(catalog: &Catalog, parent: RelId, default: &Relation, bound: &Bound) -> bool {
    let Some(demand) = bound::demand(catalog, parent, bound) else { return false };
    implies(&known(catalog, default), &Reader { catalog, table: default }.clause(&demand).denied())
}

/// What `bound` and those above it demand of the rows of a partition.
pub(super) fn demand(catalog: &Catalog, parent: RelId, bound: &Bound) -> Option<Expr> {
    let mut args = vec![bound::demand(catalog, parent, bound)?];
    let mut at = parent;
    while let Some(partition) = catalog.get(at).and_then(|table| table.inheritance.partition.as_ref()) {
        args.push(bound::demand(catalog, partition.parent, &partition.bound)?);
        at = partition.parent;
    }
    Some(Expr::Bool { op: BoolOp::And, args })
}

fn known(catalog: &Catalog, table: &Relation) -> Clause {
    let required = table.columns.iter().filter(|column| column.not_null);
    let mut clauses: Vec<Clause> =
        required.map(|column| Clause::Null { of: column.name.clone(), is: false }).collect();
    clauses.push(checks(catalog, table));
    Clause::all(clauses)
}

fn checks(catalog: &Catalog, table: &Relation) -> Clause {
    let reader = Reader { catalog, table };
    Clause::all(valid_checks(table).map(|expression| reader.clause(expression)).collect())
}

fn valid_checks(table: &Relation) -> impl Iterator<Item = &Expr> {
    table.constraints.iter().filter(|c| c.valid && c.enforced).filter_map(|c| match &c.kind {
        ConstraintKind::Check(check) => Some(&check.expression),
        _ => None,
    })
}
