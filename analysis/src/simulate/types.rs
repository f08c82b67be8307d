//! Types: enums, domains, composites.

use super::{Cause, Change, ObjectRef, Scene, coercion, columns, drop, drop_column};
use crate::catalog::{
    Check, Column, DataType, Domain, Lookup, Name, RelId, Relation, RelationKind, TypeDefinition,
};
use crate::report::{LockMode, WorkKind};
use crate::syntax::{
    AlterAction, AlterDomain, AlterEnum, AlterTable, CreateDomain, CreateType, DomainAction, Drop,
    EnumChange, NewConstraintKind, ObjectKind, QName, Rename, TypeDefinition as Written,
};

pub(super) fn create(scene: &mut Scene<'_>, statement: &CreateType) {
    let name = scene.catalog.new_name(&statement.name);
    if scene.catalog.types.contains_key(&name) || scene.catalog.by_name(&name).is_some() {
        // A shell type is completed by a second CREATE TYPE.
        if !matches!(statement.definition, Written::Base) {
            scene.out.fail(format!("type {name} exists already"));
        }
        return;
    }
    let definition = match &statement.definition {
        Written::Enum(labels) => TypeDefinition::Enum(labels.clone()),
        Written::Range { subtype } => TypeDefinition::Range {
            subtype: subtype.as_ref().map(|written| scene.catalog.data_type(written)),
        },
        Written::Base => TypeDefinition::Base,
        Written::Composite(attributes) => {
            let mut relation = Relation::new(name.clone(), RelationKind::Composite);
            relation.columns = attributes.iter().map(|attribute| columns::made(scene, attribute)).collect();
            let id = scene.add(relation);
            scene.created(ObjectKind::Type, name.to_string(), Some(id));
            return;
        }
    };
    scene.created(ObjectKind::Type, name.to_string(), None);
    scene.catalog.types.insert(name, definition);
}

pub(super) fn alter_enum(scene: &mut Scene<'_>, statement: &AlterEnum) {
    let name = scene.catalog.type_definition(&statement.name);
    let name = match name {
        Lookup::Found((name, _)) => name,
        Lookup::Absent => {
            scene.out.fail(format!("type {} does not exist", statement.name));
            return;
        }
        Lookup::Unknown => {
            let full = scene.catalog.new_name(&statement.name);
            scene.out.unknown(format!("type {full} is not in the catalog"));
            full
        }
    };
    let labels = match scene.catalog.types.get_mut(&name) {
        Some(TypeDefinition::Enum(labels)) => Some(labels),
        _ => None,
    };
    match &statement.change {
        EnumChange::Add { label, if_not_exists, beside, after } => {
            let there = labels.as_ref().is_some_and(|labels| labels.contains(label));
            if there {
                if !*if_not_exists {
                    scene.out.fail(format!("enum label {label} of {name} exists already"));
                }
                return;
            }
            if let Some(labels) = labels {
                let at = beside.as_ref().and_then(|beside| labels.iter().position(|l| l == beside));
                let at = at.map_or(labels.len(), |at| at + usize::from(*after));
                labels.insert(at, label.clone());
            }
            scene.change(Change::EnumValueAdded { name: name.to_string(), label: label.clone() });
        }
        EnumChange::Rename { from, to } => {
            for label in labels.into_iter().flatten().filter(|label| *label == from) {
                label.clone_from(to);
            }
            scene.breaks(format!("{name}.{from}"), format!("is renamed to {to}"));
            scene.change(Change::EnumValueRenamed { name: name.to_string(), label: from.clone() });
        }
    }
}

pub(super) fn create_domain(scene: &mut Scene<'_>, statement: &CreateDomain) {
    let name = scene.catalog.new_name(&statement.name);
    if scene.catalog.types.contains_key(&name) {
        scene.out.fail(format!("type {name} exists already"));
        return;
    }
    let mut checks = Vec::new();
    for constraint in &statement.checks {
        if let NewConstraintKind::Check(expression) = &constraint.kind {
            let label = constraint.name.clone().unwrap_or_else(|| check_name(&name, &checks));
            checks.push((label, Check { expression: expression.clone(), no_inherit: false }, true));
        }
    }
    let base = scene.catalog.data_type(&statement.base);
    // The default of a domain below is copied; its constraints are looked up whenever they count.
    let inherited = columns::domain_default(scene, &base);
    let domain = Domain {
        base,
        not_null: statement.not_null,
        default: statement.default.clone().or(inherited),
        checks,
        collation: statement.collation.as_ref().map(|collation| collation.name.clone()),
    };
    scene.created(ObjectKind::Domain, name.to_string(), None);
    scene.catalog.types.insert(name, TypeDefinition::Domain(domain));
}

fn check_name(domain: &Name, taken: &[(String, Check, bool)]) -> String {
    let mut number = 0;
    loop {
        let suffix = if number == 0 { String::new() } else { number.to_string() };
        let name = format!("{}_check{suffix}", domain.name);
        if !taken.iter().any(|(other, _, _)| *other == name) {
            return name;
        }
        number += 1;
    }
}

pub(super) fn alter_domain(scene: &mut Scene<'_>, statement: &AlterDomain) {
    let name = match scene.catalog.type_definition(&statement.name) {
        Lookup::Found((name, TypeDefinition::Domain(_))) => name,
        Lookup::Found((name, _)) => {
            scene.out.fail(format!("{name} is no domain"));
            return;
        }
        Lookup::Absent => {
            scene.out.fail(format!("type {} does not exist", statement.name));
            return;
        }
        Lookup::Unknown => {
            let full = scene.catalog.new_name(&statement.name);
            scene.out.unknown(format!("domain {full} is not in the catalog, nor the tables that use it"));
            return;
        }
    };
    let checked = match &statement.action {
        DomainAction::AddConstraint(constraint) => match &constraint.kind {
            NewConstraintKind::NotNull(_) => !is_not_null(scene, &name),
            _ => !constraint.not_valid,
        },
        DomainAction::SetNotNull => !is_not_null(scene, &name),
        DomainAction::ValidateConstraint { .. } => true,
        DomainAction::Default(_) | DomainAction::DropNotNull | DomainAction::DropConstraint { .. } => false,
    };
    if checked {
        check_users(scene, &name);
    }
    if let Some(TypeDefinition::Domain(domain)) = scene.catalog.types.get_mut(&name) {
        change_domain(domain, &name, &statement.action);
    }
    if let DomainAction::DropConstraint { name: dropped, .. } = &statement.action {
        scene.lost(format!("{name}.{dropped}"), "constraint", false);
    }
    if matches!(&statement.action, DomainAction::AddConstraint(_) | DomainAction::SetNotNull) {
        scene.breaks(name.to_string(), "takes fewer values".to_owned());
    }
}

fn is_not_null(scene: &Scene<'_>, name: &Name) -> bool {
    matches!(scene.catalog.types.get(name), Some(TypeDefinition::Domain(domain)) if domain.not_null)
}

fn change_domain(domain: &mut Domain, name: &Name, action: &DomainAction) {
    match action {
        DomainAction::Default(default) => domain.default.clone_from(default),
        DomainAction::SetNotNull => domain.not_null = true,
        DomainAction::DropNotNull => domain.not_null = false,
        DomainAction::AddConstraint(constraint) => match &constraint.kind {
            NewConstraintKind::Check(expression) => {
                let label = constraint.name.clone().unwrap_or_else(|| check_name(name, &domain.checks));
                let check = Check { expression: expression.clone(), no_inherit: false };
                domain.checks.push((label, check, !constraint.not_valid));
            }
            NewConstraintKind::NotNull(_) => domain.not_null = true,
            _ => {}
        },
        DomainAction::DropConstraint { name, .. } => domain.checks.retain(|(other, _, _)| other != name),
        DomainAction::ValidateConstraint { name } => {
            for (other, _, valid) in &mut domain.checks {
                *valid |= other == name;
            }
        }
    }
}

/// Every table with a column of a domain, or of a domain over it (`get_rels_with_domain`).
fn check_users(scene: &mut Scene<'_>, name: &Name) {
    let mut domains = vec![name.clone()];
    let mut at = 0;
    while let Some(next) = domains.get(at).cloned() {
        let over = scene.catalog.types.iter().filter(|(_, definition)| {
            matches!(definition, TypeDefinition::Domain(domain) if domain.base.full_name().as_ref() == Some(&next) && !domain.base.array)
        });
        let over: Vec<Name> =
            over.map(|(name, _)| name.clone()).filter(|name| !domains.contains(name)).collect();
        domains.extend(over);
        at += 1;
    }
    for domain in &domains {
        for id in scene.catalog.users_of_type(domain) {
            let Some(table) = scene.catalog.get(id) else { continue };
            let array = table.columns.iter().any(|c| {
                c.data_type.as_ref().is_some_and(|t| t.array && t.full_name().as_ref() == Some(domain))
            });
            let (shown, kind, storage) = (table.name.to_string(), table.kind, table.has_storage());
            if kind == RelationKind::Composite {
                let users = scene.catalog.users_of_type(&scene.subject(id).name);
                if !users.is_empty() {
                    scene
                        .out
                        .fail(format!("{domain} cannot be changed: {shown} uses it in a composite type"));
                }
            } else if array {
                scene.out.fail(format!("{domain} cannot be changed: {shown} has an array of it"));
            } else if storage {
                scene.lock(id, LockMode::ShareLock);
                scene.work(id, WorkKind::Scan, Cause::DomainConstraint { domain: name.to_string() });
            }
        }
    }
    if !scene.catalog.is_whole() && scene.catalog.relations.values().any(|relation| relation.partial) {
        scene.out.unknown(format!("whether other tables use domain {name}"));
    }
}

/// DROP TYPE and DROP DOMAIN.
pub(super) fn drop(scene: &mut Scene<'_>, statement: &Drop, name: &QName) {
    let full = match scene.catalog.type_definition(name) {
        Lookup::Found((full, _)) => full,
        Lookup::Absent | Lookup::Unknown => match scene.catalog.relation(name) {
            Lookup::Found(id) => scene.subject(id).name,
            Lookup::Absent => {
                let shown = scene.catalog.new_name(name).to_string();
                if statement.if_exists {
                    let object = ObjectRef { kind: statement.kind, name: shown, relation: None };
                    scene.change(Change::NothingToDo { object, differs: false });
                } else {
                    scene.out.fail(format!("type {shown} does not exist"));
                }
                return;
            }
            Lookup::Unknown => {
                let full = scene.catalog.new_name(name);
                scene.out.unknown(format!("type {full} is not in the catalog, nor the columns that have it"));
                full
            }
        },
    };
    let users = scene.catalog.users_of_type(&full);
    let typed = scene.catalog.by_name(&full).map(|id| scene.catalog.dependents_of(id)).unwrap_or_default();
    if !statement.cascade
        && let Some(user) = users.first().or(typed.first())
    {
        let user = scene.shown(*user);
        scene.out.fail(format!("type {full} cannot be dropped: {user} uses it"));
        return;
    }
    drop_named(scene, &full, statement.cascade);
}

/// Drops a type with every column that has it.
pub(super) fn drop_named(scene: &mut Scene<'_>, name: &Name, cascade: bool) {
    drop_columns_of(scene, name);
    if let Some(id) = scene.catalog.by_name(name) {
        for typed in scene.catalog.dependents_of(id) {
            if scene.catalog.get(typed).is_some_and(|table| table.of_type == Some(id)) {
                drop::relation(scene, typed, true, cascade);
            }
        }
        scene.catalog.remove(id);
    }
    scene.lost(name.to_string(), "type", false);
    scene.breaks(name.to_string(), "is gone".to_owned());
    let object = ObjectRef { kind: ObjectKind::Type, name: name.to_string(), relation: None };
    scene.change(Change::Dropped { object, implied: false, cascade });
    scene.catalog.types.remove(name);
}

/// Columns of a type that goes with CASCADE.
pub(super) fn drop_columns_of(scene: &mut Scene<'_>, name: &Name) {
    for id in scene.catalog.users_of_type(name) {
        let columns: Vec<Column> = scene
            .catalog
            .get(id)
            .map(|table| table.columns.iter().filter(|c| is_of(c, name)).cloned().collect())
            .unwrap_or_default();
        if columns.is_empty() {
            continue;
        }
        scene.lock(id, LockMode::AccessExclusiveLock);
        for column in columns {
            let shown = format!("{}.{}", scene.shown(id), column.name);
            scene.lost(shown.clone(), "column", true);
            scene.breaks(shown, "is gone".to_owned());
            drop_column::take(scene, id, &column.name, true);
            scene.change(Change::ColumnDropped { table: id, column });
        }
    }
}

fn is_of(column: &Column, name: &Name) -> bool {
    column.data_type.as_ref().and_then(DataType::full_name).as_ref() == Some(name)
}

pub(super) fn rename(scene: &mut Scene<'_>, statement: &Rename) {
    let name = &statement.name.name;
    let full = match scene.catalog.type_definition(name) {
        Lookup::Found((full, _)) => full,
        Lookup::Absent | Lookup::Unknown => scene.catalog.full_name(name),
    };
    let to = Name::new(&full.schema, &statement.to);
    rename_to(scene, name, &to);
    scene.breaks(full.to_string(), format!("is renamed to {}", statement.to));
    let object = ObjectRef { kind: statement.kind, name: full.to_string(), relation: None };
    scene.change(Change::Renamed { object, to: statement.to.clone() });
}

/// A type under another name, in every column that has it.
pub(super) fn rename_to(scene: &mut Scene<'_>, name: &QName, to: &Name) {
    let from = match scene.catalog.type_definition(name) {
        Lookup::Found((full, _)) => full,
        Lookup::Absent | Lookup::Unknown => scene.catalog.full_name(name),
    };
    rename_full(scene, &from, to);
}

fn rename_full(scene: &mut Scene<'_>, from: &Name, to: &Name) {
    if let Some(definition) = scene.catalog.types.remove(from) {
        scene.catalog.types.insert(to.clone(), definition);
    }
    for definition in scene.catalog.types.values_mut() {
        if let TypeDefinition::Domain(domain) = definition {
            rename_type(&mut domain.base, from, to);
        }
    }
    for user in scene.catalog.users_of_type(from) {
        scene.catalog.change(user, |table| {
            for data_type in table.columns.iter_mut().filter_map(|column| column.data_type.as_mut()) {
                rename_type(data_type, from, to);
            }
        });
    }
    if let Some(id) = scene.catalog.by_name(from) {
        scene.catalog.change(id, |relation| relation.name = to.clone());
    }
}

fn rename_type(data_type: &mut DataType, from: &Name, to: &Name) {
    if data_type.full_name().as_ref() == Some(from) {
        data_type.schema = Some(to.schema.clone());
        to.name.clone_into(&mut data_type.name);
    }
}

/// ALTER SCHEMA … RENAME: all types and functions of it.
pub(super) fn move_all(scene: &mut Scene<'_>, from: &str, to: &str) {
    let names: Vec<Name> = scene.catalog.types.keys().filter(|name| name.schema == from).cloned().collect();
    for name in names {
        rename_full(scene, &name, &Name::new(to, &name.name));
    }
    let functions: Vec<Name> =
        scene.catalog.functions.keys().filter(|name| name.schema == from).cloned().collect();
    for name in functions {
        if let Some(found) = scene.catalog.functions.remove(&name) {
            scene.catalog.functions.insert(Name::new(to, &name.name), found);
        }
    }
}

/// ALTER TYPE of a composite type: its attributes, and with CASCADE the tables of that type.
pub(super) fn alter_composite(scene: &mut Scene<'_>, statement: &AlterTable) {
    let full = scene.catalog.full_name(&statement.relation);
    let id = match scene.catalog.relation(&statement.relation) {
        Lookup::Found(id) => id,
        Lookup::Absent | Lookup::Unknown => {
            if matches!(scene.catalog.type_definition(&statement.relation), Lookup::Unknown) {
                scene.out.unknown(format!("type {full} is not in the catalog"));
            }
            return;
        }
    };
    let typed: Vec<RelId> = scene
        .catalog
        .dependents_of(id)
        .into_iter()
        .filter(|table| scene.catalog.get(*table).is_some_and(|table| table.of_type == Some(id)))
        .collect();
    scene.lock_all(&typed, LockMode::AccessExclusiveLock);
    for action in &statement.actions {
        attribute(scene, id, &typed, action);
    }
}

fn attribute(scene: &mut Scene<'_>, id: RelId, typed: &[RelId], action: &AlterAction) {
    let full = scene.subject(id).name;
    let all: Vec<RelId> = [id].into_iter().chain(typed.iter().copied()).collect();
    match action {
        AlterAction::AddColumn { column, .. } => {
            let made = columns::made(scene, column);
            for member in all {
                scene.catalog.change(member, |table| table.columns.push(made.clone()));
            }
        }
        AlterAction::DropColumn { column, .. } => {
            scene.lost(format!("{full}.{column}"), "attribute", true);
            scene.breaks(format!("{full}.{column}"), "is gone".to_owned());
            for member in all {
                scene.catalog.change(member, |table| table.columns.retain(|found| found.name != *column));
            }
        }
        AlterAction::AlterType { column, to, .. } => {
            if let Some(user) = scene.catalog.users_of_type(&full).first() {
                let user = scene.shown(*user);
                scene.out.fail(format!("type {full} cannot be changed: {user} uses it"));
                return;
            }
            let to = scene.catalog.data_type(to);
            for member in all {
                let from = scene.catalog.get(member).and_then(|t| t.column(column)?.data_type.clone());
                let free = from.as_ref().is_some_and(|from| {
                    matches!(
                        coercion::conversion(scene.catalog, from, &to),
                        coercion::Conversion::Free | coercion::Conversion::OtherOperators
                    )
                });
                if !free {
                    let from = from.map_or_else(String::new, |from| from.to_string());
                    let cause = Cause::TypeChange { column: column.clone(), from, to: to.to_string() };
                    scene.work(member, WorkKind::Rewrite, cause);
                }
                scene.catalog.change(member, |table| {
                    if let Some(found) = table.column_mut(column) {
                        found.data_type = Some(to.clone());
                    }
                });
            }
            scene.breaks(format!("{full}.{column}"), format!("changes its type to {to}"));
        }
        _ => {}
    }
}
