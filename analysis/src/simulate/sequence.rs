//! Sequences.

use super::{Change, ObjectRef, Scene, alter};
use crate::catalog::{Lookup, Name, Relation, RelationKind};
use crate::report::LockMode;
use crate::syntax::{Constant, CreateSequence, Expr, ObjectKind, Owner, QName};

pub(super) fn create(scene: &mut Scene<'_>, statement: &CreateSequence) {
    let name = if statement.temporary {
        Name::new("pg_temp", &statement.name.name)
    } else {
        scene.catalog.new_name(&statement.name)
    };
    if let Some(present) = scene.catalog.by_name(&name) {
        if statement.if_not_exists {
            let object =
                ObjectRef { kind: ObjectKind::Sequence, name: name.to_string(), relation: Some(present) };
            scene.change(Change::NothingToDo { object, differs: false });
        } else {
            scene.out.fail(format!("relation {name} exists already"));
        }
        return;
    }
    let id = scene.add(Relation::new(name.clone(), RelationKind::Sequence));
    own(scene, id, statement.owned_by.as_ref());
    scene.created(ObjectKind::Sequence, name.to_string(), Some(id));
}

fn own(scene: &mut Scene<'_>, id: crate::catalog::RelId, owner: Option<&Owner>) {
    match owner {
        Some(Owner::Column { table, column }) => {
            let table = alter::other(scene, table, LockMode::AccessShareLock);
            let column = column.clone();
            scene.catalog.change(id, |sequence| sequence.owned_by = table.map(|table| (table, column)));
        }
        Some(Owner::None) => {
            scene.catalog.change(id, |sequence| sequence.owned_by = None);
        }
        None => {}
    }
}

pub(super) fn alter(
    scene: &mut Scene<'_>,
    name: &QName,
    if_exists: bool,
    owner: Option<&Owner>,
    persistence_only: bool,
) {
    let Some(id) = scene.need_if(name, RelationKind::Sequence, if_exists) else { return };
    let mode = if persistence_only { LockMode::AccessExclusiveLock } else { LockMode::ShareRowExclusiveLock };
    scene.lock(id, mode);
    own(scene, id, owner);
    if owner.is_none() {
        scene.change(Change::SequenceChanged { sequence: Some(id) });
    }
}

/// Whether an expression takes the next value of that sequence.
pub(super) fn names(expression: &Expr, sequence: &Name) -> bool {
    let mut found = false;
    expression.each(&mut |part| {
        if let Expr::Call { name, args } = part
            && matches!(name.name.as_str(), "nextval" | "currval" | "setval")
            && let Some(text) = args.first().and_then(text_of)
        {
            let bare = super::naming::plain(&text);
            found |= text == sequence.to_string()
                || bare == sequence.name
                || bare == format!("{}.{}", sequence.schema, sequence.name);
        }
    });
    found
}

/// The text that a sequence is named by.
pub(super) fn text_of(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Constant(Constant::Text(text)) => Some(text.clone()),
        Expr::Cast { arg, .. } => text_of(arg),
        _ => None,
    }
}

/// `nextval` and its relatives in what a statement runs write to the sequence.
pub(super) fn lock_called(scene: &mut Scene<'_>, expression: &Expr, mode: LockMode) {
    let mut named = Vec::new();
    expression.each(&mut |part| {
        if let Expr::Call { name, args } = part
            && matches!(name.name.as_str(), "nextval" | "setval")
            && let Some(text) = args.first().and_then(text_of)
        {
            named.push(super::naming::plain(&text));
        }
    });
    for text in named {
        lock_named(scene, &text, mode);
    }
}

/// Locks a sequence by the text that it is called by.
pub(super) fn lock_named(scene: &mut Scene<'_>, text: &str, mode: LockMode) {
    let parts: Vec<String> = super::naming::plain(text).split('.').map(str::to_owned).collect();
    if let Lookup::Found(id) = scene.catalog.relation(&QName::from_parts(&parts)) {
        scene.lock(id, mode);
    }
}
