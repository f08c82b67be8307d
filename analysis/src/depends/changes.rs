//! What a migration has made and changed: the schema before it beside the one after.

use super::references;
use super::things::{Thing, Things, parts};
use crate::catalog::{Catalog, RelId, Relation, is_same};

/// What is made or changed; what that refers to is added to `used`.
pub(super) fn between(before: &Catalog, after: &Catalog, used: &mut Things) -> Things {
    let mut made = Things::default();
    for id in before.relations.unlike(&after.relations, is_same).copied() {
        match (before.get(id), after.get(id)) {
            (Some(old), Some(new)) => changed(id, (before, old), (after, new), used, &mut made),
            (None, Some(new)) if !new.partial => {
                made.whole(id, new);
                used.add(Thing::Free(new.name.clone()), || format!("{} {}", new.kind.words(), new.name));
                used.add(Thing::Schema(new.name.schema.clone()), || format!("schema {}", new.name.schema));
                references::of(after, id, new, used);
            }
            (Some(old), None) => {
                used.whole(id, old);
                made.add(Thing::Free(old.name.clone()), || format!("{} {}", old.kind.words(), old.name));
            }
            (None, _) => {}
        }
    }
    objects(before, after, &mut made);
    made
}

fn changed(
    id: RelId,
    (before, old): (&Catalog, &Relation),
    (after, new): (&Catalog, &Relation),
    used: &mut Things,
    made: &mut Things,
) {
    used.relation(id, old);
    if old.name != new.name {
        // What is taken back by name finds nothing under the old one.
        used.whole(id, old);
        made.relation(id, new);
        made.add(Thing::Free(old.name.clone()), || format!("{} {}", old.kind.words(), old.name));
    }
    for column in &new.columns {
        if old.column(&column.name) != Some(column) {
            made.column(id, new, &column.name);
            references::of_column(after, id, column, used);
        }
    }
    for column in old.columns.iter().filter(|column| new.column(&column.name).is_none()) {
        made.column(id, old, &column.name);
        references::of_column(before, id, column, used);
    }
    // Parts that are the same are left out by what they refer to as well.
    let (gone, come) = (stripped(old, new), stripped(new, old));
    for (catalog, relation) in [(before, &gone), (after, &come)] {
        for (kind, part) in parts(relation) {
            made.part(id, relation, kind, part);
        }
        references::of_parts(catalog, id, relation, used);
    }
    if old.inheritance != new.inheritance || old.reads != new.reads || old.owned_by != new.owned_by {
        references::of(after, id, new, used);
        made.relation(id, new);
    }
}

/// The parts of a relation that are not the same in another.
fn stripped(relation: &Relation, other: &Relation) -> Relation {
    let mut found = Relation::new(relation.name.clone(), relation.kind);
    found.constraints =
        relation.constraints.iter().filter(|one| !other.constraints.contains(one)).cloned().collect();
    found.indexes = relation.indexes.iter().filter(|one| !other.indexes.contains(one)).cloned().collect();
    found.triggers = relation.triggers.iter().filter(|one| !other.triggers.contains(one)).cloned().collect();
    found.rules = relation.rules.iter().filter(|one| !other.rules.contains(one)).cloned().collect();
    found.policies = relation.policies.iter().filter(|one| !other.policies.contains(one)).cloned().collect();
    found
}

fn objects(before: &Catalog, after: &Catalog, made: &mut Things) {
    for name in before.types.unlike(&after.types, |old, new| old == new) {
        made.add(Thing::Type(name.clone()), || format!("type {name}"));
    }
    for name in before.functions.unlike(&after.functions, |old, new| old == new) {
        made.add(Thing::Function(name.clone()), || format!("function {name}"));
    }
    for name in before.schemas.symmetric_difference(&after.schemas) {
        made.add(Thing::Schema(name.clone()), || format!("schema {name}"));
    }
    for name in before.extensions.symmetric_difference(&after.extensions) {
        made.add(Thing::Extension(name.clone()), || format!("extension {name}"));
    }
}
