//! Columns: adding them, their defaults, NOT NULL, identities, generation.

use super::alter::{Target, owned_sequences};
use super::constraints::{self, Place};
use super::volatility::Verdict;
use super::{Cause, Change, ObjectRef, Scene, naming, proof, tree};
use crate::catalog::{
    Column, DataType, Generated, Name, Persistence, RelId, Relation, RelationKind, TypeDefinition,
};
use crate::report::{LockMode, WorkKind};
use crate::syntax::{
    ColumnConstraint, ColumnDefinition, Expr, GeneratedKind, IdentityKind, ObjectKind, QName,
};

/// Whether a column is of one of the serial types.
pub(super) fn is_serial(column: &ColumnDefinition) -> bool {
    serial_base(column).is_some()
}

fn serial_base(column: &ColumnDefinition) -> Option<&'static str> {
    let written = column.data_type.as_ref()?;
    if written.name.schema.is_some() || written.array {
        return None;
    }
    match written.name.name.as_str() {
        "smallserial" | "serial2" => Some("int2"),
        "serial" | "serial4" => Some("int4"),
        "bigserial" | "serial8" => Some("int8"),
        _ => None,
    }
}

/// The column that a definition makes, without what its constraints do to the table.
pub(super) fn made(scene: &Scene<'_>, definition: &ColumnDefinition) -> Column {
    let data_type = match serial_base(definition) {
        Some(base) => Some(DataType::own(base)),
        None => definition.data_type.as_ref().map(|written| scene.catalog.data_type(written)),
    };
    let mut column = Column::new(&definition.name, data_type);
    column.collation = definition.collation.as_ref().map(|collation| collation.name.clone());
    column.not_null = is_serial(definition);
    for constraint in &definition.constraints {
        match constraint {
            ColumnConstraint::NotNull { .. } => column.not_null = true,
            ColumnConstraint::Default(default) => column.default = Some(default.clone()),
            ColumnConstraint::Identity(kind) => {
                column.identity = Some(*kind);
                column.not_null = true;
            }
            ColumnConstraint::Generated { expression, kind } => {
                column.generated = Some(Generated { expression: expression.clone(), kind: *kind });
            }
            ColumnConstraint::Constraint(constraint) => {
                if matches!(constraint.kind, crate::syntax::NewConstraintKind::PrimaryKey { .. }) {
                    column.not_null = true;
                }
            }
            ColumnConstraint::Null => {}
        }
    }
    column
}

/// The sequence behind a serial or identity column.
pub(super) fn make_sequence(scene: &mut Scene<'_>, table: RelId, column: &str) -> Option<Name> {
    let relation = scene.catalog.get(table)?;
    let name = Name {
        schema: relation.name.schema.clone(),
        name: naming::object_name(scene.catalog, &relation.name, Some(column), "seq"),
    };
    let mut sequence = Relation::new(name.clone(), RelationKind::Sequence);
    // Before PostgreSQL 15 no sequence was unlogged.
    if relation.persistence != Persistence::Unlogged || scene.server.has(15) {
        sequence.persistence = relation.persistence;
    }
    sequence.owned_by = Some((table, column.to_owned()));
    scene.add(sequence);
    Some(name)
}

/// `nextval` of a sequence.
pub(super) fn next_value(sequence: &Name) -> Expr {
    Expr::Call {
        name: QName::bare("nextval"),
        args: vec![Expr::Constant(crate::syntax::Constant::Text(sequence.to_string()))],
    }
}

pub(super) fn add(scene: &mut Scene<'_>, target: Target, definition: &ColumnDefinition, if_not_exists: bool) {
    let id = target.id;
    // In a child that has the column it is merged.
    let has = |table: &Relation| table.column(&definition.name).is_some();
    let (reached, merged) = tree::reached_until(scene.catalog, id, target.only, &has);
    let Some(table) = scene.catalog.get(id) else { return };
    let shown = format!("{}.{}", table.name, definition.name);
    if let Some(present) = table.column(&definition.name) {
        if if_not_exists {
            let differs = made(scene, definition).data_type != present.data_type;
            let object = ObjectRef { kind: ObjectKind::Column, name: shown, relation: Some(id) };
            scene.change(Change::NothingToDo { object, differs });
        } else {
            scene.out.fail(format!("column {shown} exists already"));
        }
        return;
    }
    if if_not_exists && table.partial {
        scene.out.unknown(format!("whether column {shown} is there already"));
    }
    scene.lock_all(&reached, target.lock);
    scene.lock_all(&merged, target.lock);
    if target.only && reached.len() < scene.reached(id, false).len() {
        scene.out.fail(format!("column {shown} must be added to the children too"));
        return;
    }
    let mut column = made(scene, definition);
    let serial = is_serial(definition);
    note_generated(scene, &column);
    let cause = rewriting(scene, definition, &column);
    // What the rest of the statement builds on is this column; the table's rows come after it.
    let computed = column.generated.as_ref().is_some_and(|g| g.kind == GeneratedKind::Virtual);
    let required = column.not_null && cause.is_none() && (computed || no_default(scene, &column));
    if serial && let Some(sequence) = make_sequence(scene, id, &definition.name) {
        column.default = Some(next_value(&sequence));
    }
    if column.identity.is_some() {
        make_sequence(scene, id, &definition.name);
    }
    for (position, member) in reached.iter().enumerate() {
        let mut copy = column.clone();
        copy.inherited = position > 0;
        scene.catalog.change(*member, |table| {
            if table.column(&copy.name).is_none() {
                table.columns.push(copy);
            }
        });
        if let Some(cause) = &cause {
            scene.work(*member, WorkKind::Rewrite, cause.clone());
        } else if required {
            let cause = Cause::RequiredColumn { column: definition.name.clone() };
            scene.work(*member, WorkKind::Scan, cause);
        }
    }
    if required && !computed && is_written_not_null(definition) {
        scene.breaks(shown, "is required: inserts that leave it out fail".to_owned());
    }
    scene.change(Change::ColumnAdded { table: id, column, serial });
    for constraint in &definition.constraints {
        if let ColumnConstraint::Constraint(constraint) = constraint {
            constraints::add_in(scene, target, constraint, Place::Column(&definition.name));
        }
        if let ColumnConstraint::NotNull { name, .. } = constraint {
            constraints::named_not_null(scene, id, &definition.name, name.as_deref());
        }
    }
}

fn is_written_not_null(definition: &ColumnDefinition) -> bool {
    !is_serial(definition)
}

fn note_generated(scene: &mut Scene<'_>, column: &Column) {
    if column.generated.as_ref().is_some_and(|generated| generated.kind == GeneratedKind::Virtual) {
        scene.needs(18, "a virtual generated column");
    }
}

/// Whether a new column starts without a value that its definition gives.
fn no_default(scene: &Scene<'_>, column: &Column) -> bool {
    let of_type = column.data_type.as_ref().and_then(|data_type| domain_default(scene, data_type));
    let written = column.default.as_ref().or(of_type.as_ref());
    let is_null = matches!(written, None | Some(Expr::Constant(crate::syntax::Constant::Null)));
    is_null && column.generated.is_none() && column.identity.is_none()
}

/// Why adding the column writes the table anew: a value that differs from row to row, or one that has
/// to be checked for each (`ATExecAddColumn`).
fn rewriting(scene: &mut Scene<'_>, definition: &ColumnDefinition, column: &Column) -> Option<Cause> {
    let name = column.name.clone();
    if is_serial(definition) {
        return Some(Cause::Serial { column: name });
    }
    if column.identity.is_some() {
        return Some(Cause::Identity { column: name });
    }
    if let Some(generated) = &column.generated {
        return (generated.kind == GeneratedKind::Stored).then_some(Cause::GeneratedStored { column: name });
    }
    let data_type = column.data_type.clone()?;
    match constrained_domain(scene, &data_type) {
        Some(domain) => return Some(Cause::ConstrainedDomain { column: name, domain }),
        None if data_type.schema.is_none() && !scene.catalog.is_whole() => {
            scene.out.unknown(format!(
                "type {data_type} is not in the catalog: it may be a domain with constraints"
            ));
        }
        None => {}
    }
    let own = column.default.clone();
    let by_type = || domain_default(scene, &data_type).filter(|_| scene.server.has(13));
    let default = own.or_else(by_type)?;
    super::sequence::lock_called(scene, &default, LockMode::RowExclusiveLock);
    match scene.volatility(&default) {
        Verdict::Steady => None,
        Verdict::Volatile(function) => Some(Cause::VolatileDefault { column: name, function }),
        Verdict::Unknown(function) => Some(Cause::UnknownDefault { column: name, function }),
    }
}

/// The domain with constraints that a type is, itself or by a domain under it.
pub(super) fn constrained_domain(scene: &Scene<'_>, data_type: &DataType) -> Option<String> {
    if data_type.array {
        return None;
    }
    let mut at = data_type.clone();
    loop {
        let name = at.full_name()?;
        let Some(TypeDefinition::Domain(domain)) = scene.catalog.types.get(&name) else { return None };
        if domain.not_null || !domain.checks.is_empty() {
            return Some(name.to_string());
        }
        if domain.base.array {
            return None;
        }
        at = domain.base.clone();
    }
}

/// The default that a column of a domain has if it is given none. A domain over a domain has taken it over.
pub(super) fn domain_default(scene: &Scene<'_>, data_type: &DataType) -> Option<Expr> {
    if data_type.array {
        return None;
    }
    match scene.catalog.types.get(&data_type.full_name()?) {
        Some(TypeDefinition::Domain(domain)) => domain.default.clone(),
        _ => None,
    }
}

pub(super) fn set_default(scene: &mut Scene<'_>, target: Target, column: &str, default: Option<Expr>) {
    let reached = scene.reached(target.id, target.only);
    scene.lock_all(&reached, target.lock);
    let Some((before, not_null)) = known(scene, target.id, column).map(|c| (c.default.clone(), c.not_null))
    else {
        return;
    };
    if let Some(default) = &default
        && scene.server.has(16)
    {
        super::sequence::lock_called(scene, default, LockMode::AccessShareLock);
    }
    if default != before || before.is_some() {
        scene.change(Change::DefaultChanged {
            table: target.id,
            column: column.to_owned(),
            before: before.is_some(),
            after: default.is_some(),
            not_null,
        });
    }
    let default = default.filter(|default| *default != Expr::Constant(crate::syntax::Constant::Null));
    for id in reached {
        scene.catalog.change(id, |table| {
            if let Some(column) = table.column_mut(column) {
                column.default.clone_from(&default);
            }
        });
    }
}

/// A column that a statement names. Not there: the statement fails, or the table is partly known.
pub(super) fn known<'s>(scene: &'s mut Scene<'_>, id: RelId, column: &str) -> Option<&'s Column> {
    let table = scene.catalog.get(id)?;
    if table.column(column).is_none() {
        let shown = format!("{}.{column}", table.name);
        if table.partial {
            scene.out.unknown(format!("column {shown} is not in the catalog"));
            scene.catalog.change(id, |table| table.columns.push(Column::new(column, None)));
        } else {
            scene.out.fail(format!("column {shown} does not exist"));
        }
    }
    scene.catalog.get(id)?.column(column)
}

pub(super) fn set_not_null(scene: &mut Scene<'_>, target: Target, column: &str) {
    let reached = scene.reached(target.id, target.only);
    scene.lock_all(&reached, target.lock);
    let Some(not_null) = known(scene, target.id, column).map(|column| column.not_null) else { return };
    if not_null {
        return;
    }
    let mut proven = true;
    for id in &reached {
        proven &= require(scene, *id, column, Cause::SetNotNull { column: column.to_owned() });
    }
    if scene.server.has(18) {
        constraints::named_not_null(scene, target.id, column, None);
    }
    if scene.is_partial(target.id) && !proven {
        let shown = scene.shown(target.id);
        scene.out.unknown(format!("whether {shown}.{column} is NOT NULL already, or a CHECK proves it"));
    }
    scene.change(Change::NotNullSet { table: target.id, column: column.to_owned(), proven });
}

/// Makes a column of one table NOT NULL; whether that needed no look at the rows.
pub(super) fn require(scene: &mut Scene<'_>, id: RelId, column: &str, cause: Cause) -> bool {
    let Some(table) = scene.catalog.get(id) else { return true };
    let already = table.column(column).is_some_and(|column| column.not_null);
    let proven = already || proof::not_null(scene.catalog, table, column);
    if !proven {
        scene.work(id, WorkKind::Scan, cause);
    }
    scene.catalog.change(id, |table| {
        if let Some(column) = table.column_mut(column) {
            column.not_null = true;
        }
    });
    proven
}

pub(super) fn drop_not_null(scene: &mut Scene<'_>, target: Target, column: &str) {
    let reached = scene.reached(target.id, target.only);
    let Some(not_null) = known(scene, target.id, column).map(|column| column.not_null) else { return };
    let primary = super::foreign_key::primary_key(scene.catalog, target.id).unwrap_or_default();
    if primary.iter().any(|key| key == column) {
        scene.out.fail(format!("column {column} is in the primary key"));
        return;
    }
    if not_null || scene.is_partial(target.id) {
        scene.lock_all(&reached, target.lock);
        scene.change(Change::NotNullDropped { table: target.id, column: column.to_owned() });
    }
    for id in reached {
        scene.catalog.change(id, |table| {
            if let Some(column) = table.column_mut(column) {
                column.not_null = false;
            }
            table.constraints.retain(
                |c| !matches!(&c.kind, crate::catalog::ConstraintKind::NotNull { column: of } if of == column),
            );
        });
    }
}

pub(super) fn set_expression(scene: &mut Scene<'_>, target: Target, column: &str, expression: &Expr) {
    scene.needs(17, "SET EXPRESSION");
    let reached = scene.reached(target.id, target.only);
    scene.lock_all(&reached, target.lock);
    let generated = known(scene, target.id, column).and_then(|column| column.generated.clone());
    let stored = generated.as_ref().is_none_or(|generated| generated.kind == GeneratedKind::Stored);
    if generated.is_none() && !scene.is_partial(target.id) {
        scene.out.fail(format!("column {column} is not a generated column"));
        return;
    }
    let not_null = known(scene, target.id, column).is_some_and(|column| column.not_null);
    for id in reached {
        let cause = Cause::SetExpression { column: column.to_owned() };
        if stored {
            scene.work(id, WorkKind::Rewrite, cause);
        } else if not_null {
            scene.work(id, WorkKind::Scan, cause);
        }
        scene.catalog.change(id, |table| {
            if let Some(generated) = table.column_mut(column).and_then(|column| column.generated.as_mut()) {
                generated.expression = expression.clone();
            }
        });
    }
}

pub(super) fn drop_expression(scene: &mut Scene<'_>, target: Target, column: &str) {
    scene.needs(13, "DROP EXPRESSION");
    let reached = scene.reached(target.id, target.only);
    scene.lock_all(&reached, target.lock);
    for id in reached {
        scene.catalog.change(id, |table| {
            if let Some(column) = table.column_mut(column) {
                column.generated = None;
            }
        });
    }
    scene.change(Change::ExpressionDropped { table: target.id, column: column.to_owned() });
}

/// Identities belong to the whole of a partitioned table from PostgreSQL 17 on.
fn identity_reach(scene: &Scene<'_>, target: Target) -> Vec<RelId> {
    let partitioned =
        scene.catalog.get(target.id).is_some_and(|table| table.kind == RelationKind::Partitioned);
    if partitioned && scene.server.has(17) { scene.reached(target.id, target.only) } else { vec![target.id] }
}

pub(super) fn add_identity(scene: &mut Scene<'_>, target: Target, column: &str, kind: IdentityKind) {
    let reached = identity_reach(scene, target);
    scene.lock_all(&reached, target.lock);
    let Some(not_null) = known(scene, target.id, column).map(|column| column.not_null) else { return };
    if !not_null && !scene.is_partial(target.id) {
        scene.out.fail(format!("column {column} must be NOT NULL before it can be an identity"));
        return;
    }
    make_sequence(scene, target.id, column);
    for id in reached {
        scene.catalog.change(id, |table| {
            if let Some(column) = table.column_mut(column) {
                column.identity = Some(kind);
            }
        });
    }
    scene.change(Change::IdentityChanged { table: target.id, column: column.to_owned() });
}

pub(super) fn set_identity(scene: &mut Scene<'_>, target: Target, column: &str, sequence: bool) {
    let reached = identity_reach(scene, target);
    scene.lock_all(&reached, target.lock);
    if sequence {
        let owned = owned_sequences(scene, target.id, Some(column));
        scene.lock_all(&owned, LockMode::ShareRowExclusiveLock);
    }
    scene.change(Change::IdentityChanged { table: target.id, column: column.to_owned() });
}

pub(super) fn drop_identity(scene: &mut Scene<'_>, target: Target, column: &str) {
    let reached = identity_reach(scene, target);
    scene.lock_all(&reached, target.lock);
    for sequence in owned_sequences(scene, target.id, Some(column)) {
        scene.lock(sequence, LockMode::AccessExclusiveLock);
        scene.catalog.remove(sequence);
    }
    for id in reached {
        scene.catalog.change(id, |table| {
            if let Some(column) = table.column_mut(column) {
                column.identity = None;
            }
        });
    }
    scene.change(Change::IdentityChanged { table: target.id, column: column.to_owned() });
}

/// Renames a column wherever it is spoken of.
pub(super) fn rename(scene: &mut Scene<'_>, id: RelId, from: &str, to: &str) {
    for member in tree::family(scene.catalog, id) {
        rename_in(scene, member, from, to);
    }
}

fn rename_in(scene: &mut Scene<'_>, id: RelId, from: &str, to: &str) {
    scene.catalog.change(id, |table| super::rename::column_in_table(table, id, from, to));
    for dependent in scene.catalog.dependents_of(id) {
        scene.catalog.change(dependent, |other| super::rename::column_of_other(other, id, from, to));
    }
}
