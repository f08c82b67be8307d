//! ALTER COLUMN … TYPE: whether the table is written anew, and what is done again because of it.

use super::alter::{Target, storage};
use super::coercion::{self, Conversion};
use super::{Cause, Change, Scene, columns, foreign_key};
use crate::builtin;
use crate::catalog::{Constraint, ConstraintKind, DataType, Index, Key, RelId, RelationKind};
use crate::report::{LockMode, WorkKind};
use crate::syntax::{AlterAction, Expr, GeneratedKind, TypeName};

pub(super) fn alter_type(scene: &mut Scene<'_>, target: Target, action: &AlterAction) {
    let AlterAction::AlterType { column, to, collation, using, .. } = action else { return };
    let id = target.id;
    let family = scene.reached(id, target.only);
    scene.lock_all(&family, target.lock);
    let Some(before) = columns::known(scene, id, column).cloned() else { return };
    if refused(scene, id, column) {
        return;
    }
    let from = before.data_type.clone();
    let to = scene.catalog.data_type(to);
    let computed =
        before.generated.as_ref().is_some_and(|generated| generated.kind == GeneratedKind::Virtual);
    let changed = Changed { id, column, from: from.as_ref(), to: &to, using: using.as_ref() };
    let conversion = if computed { Conversion::Free } else { cost(scene, changed) };
    let rewrite = matches!(conversion, Conversion::Rewrite | Conversion::TimeZone | Conversion::Unknown);
    let collation_after = collation.as_ref().map(|collation| collation.name.clone());
    let collated = collation_after.clone().filter(|c| c != "default")
        != before.collation.clone().filter(|c| c != "default");
    let other_operators = conversion == Conversion::OtherOperators || collated;
    for member in &family {
        if rewrite {
            let from =
                from.as_ref().map_or_else(|| "a type that is not known".to_owned(), ToString::to_string);
            let cause = Cause::TypeChange { column: column.clone(), from, to: to.to_string() };
            scene.work(*member, WorkKind::Rewrite, cause);
        } else {
            redo(scene, *member, column, other_operators);
        }
        foreign_keys(scene, *member, column, rewrite, other_operators && !collated);
    }
    if let Some(default) = &before.default
        && scene.server.has(16)
    {
        super::sequence::lock_called(scene, default, LockMode::AccessShareLock);
    }
    if before.identity.is_some() {
        for sequence in super::alter::owned_sequences(scene, id, Some(column)) {
            scene.lock(sequence, LockMode::ShareRowExclusiveLock);
        }
    }
    note(scene, changed);
    for member in family {
        scene.catalog.change(member, |table| {
            if let Some(found) = table.column_mut(column) {
                found.data_type = Some(to.clone());
                found.collation.clone_from(&collation_after);
            }
        });
    }
    let using = using.as_ref().is_some_and(|using| !is_plain(using, column));
    scene.change(Change::TypeChanged { table: id, column: column.clone(), from, to, using, rewrite });
}

/// Uses of a column for which the server refuses to change its type.
fn refused(scene: &mut Scene<'_>, id: RelId, column: &str) -> bool {
    let Some(table) = scene.catalog.get(id) else { return true };
    let shown = format!("{}.{column}", table.name);
    let by_generated =
        table.columns.iter().find(|c| c.generated.as_ref().is_some_and(|g| speaks_of(&g.expression, column)));
    let why = if let Some(generated) = by_generated {
        Some(format!("generated column {}", generated.name))
    } else if table.inheritance.partition.is_some() && table.column(column).is_some_and(|c| c.inherited) {
        scene.out.fail(format!("column {shown} is inherited: change it in the parent"));
        return true;
    } else if let Some(policy) = table.policies.iter().find(|policy| policy.columns.contains(column)) {
        Some(format!("policy {}", policy.name))
    } else if let Some(trigger) = table.triggers.iter().find(|trigger| trigger.columns.contains(column)) {
        Some(format!("trigger {}", trigger.name))
    } else {
        view_over(scene, id, column).map(|view| format!("view {view}"))
    };
    let keyed = scene.catalog.get(id).and_then(|table| table.partition_key.as_ref());
    if keyed.is_some_and(|key| key.keys.iter().any(|key| speaks_of(key, column))) {
        scene.out.fail(format!("column {shown} is part of the partition key"));
        return true;
    }
    match why {
        Some(by) => {
            scene.out.fail(format!("the type of {shown} cannot be changed: {by} uses it"));
            true
        }
        None => false,
    }
}

/// A view, or a rule of another table, that reads a column.
pub(super) fn view_over(scene: &Scene<'_>, id: RelId, column: &str) -> Option<String> {
    scene.catalog.dependents_of(id).into_iter().find_map(|dependent| {
        let other = scene.catalog.get(dependent)?;
        let reads = other.reads.iter().any(|used| used.relation == id && used.columns.contains(column));
        reads.then(|| other.name.to_string())
    })
}

pub(super) fn speaks_of(expression: &Expr, column: &str) -> bool {
    expression.column_paths().iter().any(|path| path.last().is_some_and(|last| last == column || last == "*"))
}

/// USING the column itself.
fn is_plain(using: &Expr, column: &str) -> bool {
    matches!(using, Expr::Column(path) if path.last().is_some_and(|last| last == column))
}

/// A column, and what happens to its type.
#[derive(Clone, Copy)]
struct Changed<'a> {
    id: RelId,
    column: &'a str,
    from: Option<&'a DataType>,
    to: &'a DataType,
    using: Option<&'a Expr>,
}

fn cost(scene: &mut Scene<'_>, changed: Changed<'_>) -> Conversion {
    let Changed { id, column, from, to, using } = changed;
    let Some(from) = from else {
        let shown = scene.shown(id);
        scene.out.unknown(format!("the type of column {shown}.{column}"));
        return Conversion::Unknown;
    };
    let conversion = match using {
        None => coercion::conversion(scene.catalog, from, to),
        Some(using) => by_expression(scene, column, from, to, using),
    };
    match conversion {
        Conversion::TimeZone => scene.out.unknown("TimeZone of the session that runs it".to_owned()),
        Conversion::Unknown => {
            for data_type in [from, to] {
                if data_type.schema.is_none() {
                    scene.out.unknown(format!("type {data_type} is not in the catalog"));
                }
            }
        }
        Conversion::Free | Conversion::OtherOperators | Conversion::Rewrite => {}
    }
    conversion
}

/// USING: the column, or casts of it, cost what the casts cost; anything else is computed for each row.
fn by_expression(
    scene: &Scene<'_>,
    column: &str,
    from: &DataType,
    to: &DataType,
    using: &Expr,
) -> Conversion {
    let mut casts: Vec<TypeName> = Vec::new();
    let mut at = using;
    while let Some((cast, arg)) = step(at) {
        casts.extend(cast);
        at = arg;
    }
    if !is_plain(at, column) {
        return Conversion::Rewrite;
    }
    let mut steps = vec![from.clone()];
    steps.extend(casts.iter().rev().map(|cast| scene.catalog.data_type(cast)));
    steps.push(to.clone());
    let costs = steps.windows(2).map(|pair| match pair {
        [from, to] => coercion::conversion(scene.catalog, from, to),
        _ => Conversion::Free,
    });
    costs.fold(Conversion::Free, worse)
}

/// What a USING does last, and to what: a cast in either spelling (a call of a function that is named like a type), or
/// COLLATE, which leaves the value alone.
fn step(using: &Expr) -> Option<(Option<TypeName>, &Expr)> {
    match using {
        Expr::Cast { arg, to } => Some((Some(to.clone()), arg)),
        Expr::Collate { arg, .. } => Some((None, arg)),
        Expr::Call { name, args } if builtin::is_type(&name.name) => match args.as_slice() {
            [arg] => Some((Some(TypeName::plain(name.schema.as_deref(), &name.name)), arg)),
            _ => None,
        },
        _ => None,
    }
}

const fn worse(a: Conversion, b: Conversion) -> Conversion {
    match (a, b) {
        (Conversion::Rewrite, _) | (_, Conversion::Rewrite) => Conversion::Rewrite,
        (Conversion::Unknown, _) | (_, Conversion::Unknown) => Conversion::Unknown,
        (Conversion::TimeZone, _) | (_, Conversion::TimeZone) => Conversion::TimeZone,
        (Conversion::OtherOperators, _) | (_, Conversion::OtherOperators) => Conversion::OtherOperators,
        (Conversion::Free, Conversion::Free) => Conversion::Free,
    }
}

/// What is done again although the values stay: indexes that are not plain, CHECKs.
fn redo(scene: &mut Scene<'_>, id: RelId, column: &str, other_operators: bool) {
    let Some(table) = scene.catalog.get(id) else { return };
    let rebuilt: Vec<String> = table
        .indexes
        .iter()
        .filter(|index| index.columns().iter().any(|name| name == column))
        .filter(|index| !reusable(index, column, other_operators))
        .map(|index| index.name.clone())
        .collect();
    let checked: Vec<String> = table
        .constraints
        .iter()
        .filter(|constraint| constraint.valid && constraint.enforced && is_check_on(constraint, column))
        .map(|constraint| constraint.name.clone())
        .collect();
    for index in rebuilt {
        let what = format!("the index {index}");
        scene.work(id, WorkKind::Index, Cause::TypeChangeRecheck { column: column.to_owned(), what });
    }
    for check in checked {
        let what = format!("the check of {check}");
        scene.work(id, WorkKind::Scan, Cause::TypeChangeRecheck { column: column.to_owned(), what });
    }
    if scene.is_partial(id) {
        let shown = scene.shown(id);
        scene.out.unknown(format!("whether indexes or CHECKs of {shown} use {column}"));
    }
}

/// `CheckIndexCompatible`: an index with an expression or a condition is never kept, nor a part of a
/// partitioned one.
fn reusable(index: &Index, column: &str, other_operators: bool) -> bool {
    let keyed = index.keys.iter().any(|key| matches!(&key.key, Key::Column(name) if name == column));
    index.predicate.is_none()
        && index.plain_columns().is_some()
        && index.part_of.is_none()
        && !(keyed && other_operators && operators_differ(index))
}

/// BRIN and hash have classes of their own for each type too; only those of text are shared.
const fn operators_differ(_index: &Index) -> bool {
    true
}

fn is_check_on(constraint: &Constraint, column: &str) -> bool {
    match &constraint.kind {
        ConstraintKind::Check(check) => speaks_of(&check.expression, column),
        _ => false,
    }
}

/// Foreign keys on either side are made anew: both tables are locked, and the rows are checked again
/// unless the values and the operator stay.
fn foreign_keys(scene: &mut Scene<'_>, id: RelId, column: &str, rewrite: bool, other_operators: bool) {
    let mut peers: Vec<(RelId, Constraint, RelId)> = Vec::new();
    let Some(table) = scene.catalog.get(id) else { return };
    for constraint in &table.constraints {
        if let ConstraintKind::Foreign { columns, to, to_columns, .. } = &constraint.kind {
            let own = columns.iter().any(|name| name == column);
            let other = *to == id && to_columns.iter().any(|name| name == column);
            if own || other {
                peers.push((*to, constraint.clone(), id));
            }
        }
    }
    for (other, constraint) in foreign_key::referencing(scene.catalog, id) {
        if let ConstraintKind::Foreign { to_columns, .. } = &constraint.kind
            && to_columns.iter().any(|name| name == column)
        {
            peers.push((other, constraint, other));
        }
    }
    for (peer, constraint, owner) in peers {
        let reached = scene.partitions(peer);
        scene.lock_all(&reached, LockMode::AccessExclusiveLock);
        if constraint.valid && constraint.enforced && (rewrite || other_operators) {
            let ConstraintKind::Foreign { to, .. } = constraint.kind else { continue };
            let cause = || Cause::TypeChangeForeignKey {
                column: column.to_owned(),
                constraint: constraint.name.clone(),
            };
            for member in storage(scene, owner).into_iter().chain(storage(scene, to)) {
                scene.work(member, WorkKind::Scan, cause());
            }
        }
    }
}

fn note(scene: &mut Scene<'_>, changed: Changed<'_>) {
    let Changed { id, column, from, to, using } = changed;
    let shown = format!("{}.{column}", scene.shown(id));
    let Some(from) = from else { return };
    if from == to {
        return;
    }
    if let Some(how) = coercion::lossy(from, to) {
        scene.lost(shown.clone(), "precision", true);
        scene.breaks(shown.clone(), format!("loses precision: {how}"));
    } else if using.is_some_and(|using| cuts(scene, using, from)) {
        scene.lost(shown.clone(), "precision", true);
    }
    let view = scene.catalog.get(id).is_some_and(|table| table.kind == RelationKind::View);
    if !view {
        scene.breaks(
            shown,
            format!("changes its type from {from} to {to}: prepared statements that return it fail once"),
        );
    }
}

/// An explicit cast to a shorter text cuts silently.
fn cuts(scene: &Scene<'_>, using: &Expr, from: &DataType) -> bool {
    let mut found = false;
    using.each(&mut |part| {
        if let Expr::Cast { to, .. } = part {
            let to = scene.catalog.data_type(to);
            let text = matches!(from.own_name(), Some("text" | "varchar" | "bpchar"));
            let limited = matches!(to.own_name(), Some("varchar" | "bpchar")) && !to.modifiers.is_empty();
            let shorter = from.modifiers.first().is_none_or(|old| to.modifiers.first() < Some(old));
            found |= text && limited && shorter;
        }
    });
    found
}
