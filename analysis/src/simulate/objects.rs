//! Schemas, extensions, statistics, owners, comments, privileges, publications.

use super::view::table_or_view;
use super::{Change, ObjectRef, Scene, alter, drop, index, statement, volatility};
use crate::catalog::{Lookup, RelationKind, Volatility};
use crate::report::LockMode;
use crate::syntax::{CreateExtension, CreateSchema, Grant, GrantTarget, ObjectKind, ObjectName, QName};

pub(super) fn create_schema(scene: &mut Scene<'_>, found: &CreateSchema) {
    let Some(name) = found.name.clone().or_else(|| found.authorization.clone()) else { return };
    if !scene.catalog.schemas.insert(name.clone()) {
        if found.if_not_exists {
            let object = ObjectRef { kind: ObjectKind::Schema, name, relation: None };
            scene.change(Change::NothingToDo { object, differs: false });
        } else {
            scene.out.fail(format!("schema {name} exists already"));
        }
        return;
    }
    scene.created(ObjectKind::Schema, name.clone(), None);
    // Bare names in its elements are created in it.
    let path = scene.catalog.settings.search_path.clone();
    scene.catalog.settings.search_path.insert(0, name);
    for element in &found.elements {
        statement(scene, element);
    }
    scene.catalog.settings.search_path = path;
}

pub(super) fn create_extension(scene: &mut Scene<'_>, found: &CreateExtension) {
    if scene.catalog.extensions.insert(found.name.clone()) {
        scene.created(ObjectKind::Extension, found.name.clone(), None);
        // What it brings is known by name for a few only.
        if found.name == "citext" {
            let schema = found.schema.clone().unwrap_or_else(|| scene.catalog.creation_schema());
            let name = crate::catalog::Name::new(&schema, "citext");
            let member = format!("type {name}");
            scene.catalog.extension_members.entry(found.name.clone()).or_default().insert(member);
            scene.catalog.types.insert(name, crate::catalog::TypeDefinition::Base);
        }
    } else if !found.if_not_exists {
        scene.out.fail(format!("extension {} exists already", found.name));
    }
}

pub(super) fn create_operator(scene: &mut Scene<'_>, name: &QName, function: Option<&QName>) {
    let name = scene.catalog.new_name(name).to_string();
    let volatile = function.and_then(|function| volatility::of_any(scene.catalog, function));
    if volatile.is_none_or(|volatility| volatility == Volatility::Volatile) {
        scene.catalog.others.insert((volatility::VOLATILE_OPERATOR.to_owned(), name.clone()));
    }
    scene.catalog.others.insert(("operator".to_owned(), name));
}

pub(super) fn create_statistics(
    scene: &mut Scene<'_>,
    name: Option<&QName>,
    if_not_exists: bool,
    table: Option<&QName>,
) {
    let Some(table) = table else { return };
    let Some(id) = table_or_view(scene, table, LockMode::ShareUpdateExclusiveLock) else { return };
    let Some(name) = name else { return };
    let present = scene.catalog.get(id).is_some_and(|table| table.statistics.contains_key(&name.name));
    if present && !if_not_exists {
        scene.out.fail(format!("statistics {name} exist already"));
    }
    if !present {
        scene.catalog.change(id, |table| table.statistics.insert(name.name.clone(), Vec::new()));
    }
}

pub(super) fn drop_statistics(scene: &mut Scene<'_>, name: &QName) {
    let on: Vec<_> = scene
        .catalog
        .relations
        .iter()
        .filter(|(_, relation)| relation.statistics.contains_key(&name.name))
        .map(|(id, _)| *id)
        .collect();
    if on.is_empty() && !scene.catalog.is_whole() {
        scene.out.unknown(format!("the table of statistics {name}"));
    }
    for id in on {
        scene.lock(id, LockMode::ShareUpdateExclusiveLock);
        scene.catalog.change(id, |table| table.statistics.remove(&name.name));
    }
    scene.lost(name.to_string(), "statistics", false);
}

pub(super) fn owner(scene: &mut Scene<'_>, kind: ObjectKind, name: &ObjectName) {
    let object = ObjectRef { kind, name: drop::shown(scene, name), relation: None };
    scene.change(Change::OwnerChanged { object });
}

pub(super) fn comment(scene: &mut Scene<'_>, kind: ObjectKind, name: &ObjectName) {
    match kind {
        ObjectKind::Table
        | ObjectKind::ForeignTable
        | ObjectKind::View
        | ObjectKind::MaterializedView
        | ObjectKind::Sequence
        | ObjectKind::Column => {
            let Some(id) = table_or_view(scene, &name.name, LockMode::ShareUpdateExclusiveLock) else {
                return;
            };
            scene.change(Change::StatisticsChanged { table: id });
        }
        ObjectKind::Index => {
            if let Some((table, index)) = index::named(scene, &name.name, LockMode::ShareUpdateExclusiveLock)
            {
                scene.lock_index(table, &index, LockMode::ShareUpdateExclusiveLock);
            }
        }
        ObjectKind::TableConstraint | ObjectKind::Trigger | ObjectKind::Rule | ObjectKind::Policy => {
            table_or_view(scene, &name.name, LockMode::AccessShareLock);
        }
        _ => {}
    }
}

pub(super) fn grant(scene: &mut Scene<'_>, found: &Grant) {
    let object = match &found.target {
        GrantTarget::Relations(names) => {
            for name in names {
                if scene.server.has(18) {
                    lock_granted(scene, name);
                }
            }
            names.first().map(|name| ObjectRef {
                kind: ObjectKind::Table,
                name: scene.catalog.full_name(name).to_string(),
                relation: scene.catalog.relation(name).found(),
            })
        }
        GrantTarget::Routines(_)
        | GrantTarget::Schemas(_)
        | GrantTarget::AllIn { .. }
        | GrantTarget::Other => None,
    };
    if found.revoke
        && let Some(object) = &object
    {
        scene.breaks(object.name.clone(), "is refused to roles that could use it".to_owned());
    }
    scene.change(Change::PrivilegesChanged { object, revoke: found.revoke });
}

fn lock_granted(scene: &mut Scene<'_>, name: &QName) {
    if let Lookup::Found(id) = scene.catalog.relation(name) {
        scene.lock(id, LockMode::AccessShareLock);
    } else {
        alter::other(scene, name, LockMode::AccessShareLock);
    }
}

pub(super) fn publication(scene: &mut Scene<'_>, tables: &[QName], all_tables: bool) {
    if all_tables {
        return;
    }
    for table in tables {
        let Some(id) = alter::other(scene, table, LockMode::ShareUpdateExclusiveLock) else { continue };
        // Children by inheritance come along; partitions are published by their parent.
        let parents = scene.catalog.get(id).is_some_and(|table| table.kind == RelationKind::Table);
        if parents {
            let family = scene.reached(id, false);
            scene.lock_all(&family, LockMode::ShareUpdateExclusiveLock);
        }
    }
}
