//! Where a statement is carried out: the catalog, the server, and what the script has made so far.

use std::collections::BTreeSet;

use super::effects::{Effects, Job, Subject};
use super::{Cause, Change, ObjectRef};
use crate::catalog::{Catalog, Lookup, Name, RelId, Relation, RelationKind, Server};
use crate::report::{Breakage, LockMode, Loss, WorkKind};
use crate::syntax::{ObjectKind, QName};

/// The scene of one statement.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) catalog: &'a mut Catalog,
    pub(crate) server: Server,
    pub(crate) out: Effects,
    /// Relations that the script has made: nobody else can see them before it commits.
    pub(crate) born: &'a mut BTreeSet<RelId>,
    /// Relations that this statement itself makes.
    pub(crate) making: BTreeSet<RelId>,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(catalog: &'a mut Catalog, server: Server, born: &'a mut BTreeSet<RelId>) -> Self {
        Self { catalog, server, out: Effects::default(), born, making: BTreeSet::new() }
    }

    /// A relation, in words.
    pub(crate) fn subject(&self, id: RelId) -> Subject {
        let name = self.catalog.get(id).map_or_else(|| Name::new("", ""), |relation| relation.name.clone());
        Subject { name, id: Some(id) }
    }

    /// The name of a relation, to be shown.
    pub(crate) fn shown(&self, id: RelId) -> String {
        self.subject(id).name.to_string()
    }

    /// Locks a relation, unless this statement is making it.
    pub(crate) fn lock(&mut self, id: RelId, mode: LockMode) {
        if !self.making.contains(&id) && self.catalog.get(id).is_some() {
            let subject = self.subject(id);
            self.out.lock(subject, mode);
        }
    }

    /// Locks several.
    pub(crate) fn lock_all(&mut self, ids: &[RelId], mode: LockMode) {
        for id in ids {
            self.lock(*id, mode);
        }
    }

    /// Locks an index that the statement names; it is no relation of the catalog's.
    pub(crate) fn lock_index(&mut self, table: RelId, index: &str, mode: LockMode) {
        let Some(relation) = self.catalog.get(table) else { return };
        let name = Name::new(&relation.name.schema, index);
        self.out.lock(Subject { name, id: None }, mode);
    }

    /// Work on a relation that has rows of its own; on others nothing is done.
    pub(crate) fn work(&mut self, id: RelId, kind: WorkKind, cause: Cause) {
        let storage = self.catalog.get(id).is_some_and(|relation| relation.has_storage());
        if storage && !self.making.contains(&id) {
            let relation = self.subject(id);
            self.out.jobs.push(Job { relation, kind, cause });
        }
    }

    /// Records a change.
    pub(crate) fn change(&mut self, change: Change) {
        self.out.changes.push(change);
    }

    /// Something new.
    pub(crate) fn created(&mut self, kind: ObjectKind, name: String, relation: Option<RelId>) {
        self.change(Change::Created(ObjectRef { kind, name, relation }));
    }

    /// Something is gone.
    pub(crate) fn lost(&mut self, object: String, what: &str, data: bool) {
        self.out.losses.push(Loss { object, what: what.to_owned(), data });
    }

    /// Something that running code would notice.
    pub(crate) fn breaks(&mut self, object: String, what: String) {
        self.out.breaks.push(Breakage { object, what });
    }

    /// Whether nobody but this script can see a relation.
    pub(crate) fn is_born(&self, id: RelId) -> bool {
        self.born.contains(&id)
    }

    /// A relation of this script's own making.
    pub(crate) fn add(&mut self, relation: Relation) -> RelId {
        let id = self.catalog.add(relation);
        self.born.insert(id);
        self.making.insert(id);
        id
    }

    /// The relation that a statement needs. One that no catalog has is put there as partly known;
    /// one that does not exist makes the statement fail.
    pub(crate) fn need(&mut self, name: &QName, kind: RelationKind) -> Option<RelId> {
        match self.catalog.relation(name) {
            Lookup::Found(id) => {
                self.note_partial(id);
                Some(id)
            }
            Lookup::Absent => {
                self.out.fail(format!("relation {name} does not exist"));
                None
            }
            Lookup::Unknown => {
                let full = self.catalog.new_name(name);
                let id = self.catalog.add(Relation { partial: true, ..Relation::new(full, kind) });
                self.note_partial(id);
                Some(id)
            }
        }
    }

    /// The same for IF EXISTS: absence is no failure. `None` when it does not exist.
    pub(crate) fn need_if(&mut self, name: &QName, kind: RelationKind, if_exists: bool) -> Option<RelId> {
        if if_exists && self.catalog.relation(name) == Lookup::Absent {
            let object = ObjectRef {
                kind: ObjectKind::Table,
                name: self.catalog.new_name(name).to_string(),
                relation: None,
            };
            self.change(Change::NothingToDo { object, differs: false });
            return None;
        }
        self.need(name, kind)
    }

    /// Says that a relation is only partly known, where that is so.
    pub(crate) fn note_partial(&mut self, id: RelId) {
        if let Some(relation) = self.catalog.get(id)
            && relation.partial
        {
            let words = relation.kind.words();
            let name = relation.name.to_string();
            self.out.unknown(format!("{words} {name} is not in the catalog"));
        }
    }

    /// Whether only a part of a relation is known.
    pub(crate) fn is_partial(&self, id: RelId) -> bool {
        self.catalog.get(id).is_some_and(|relation| relation.partial)
    }
}

impl Scene<'_> {
    /// Says that a statement needs a newer server, if it does.
    pub(crate) fn needs(&mut self, major: u32, what: &str) {
        if !self.server.has(major) {
            self.out.needs = Some(self.out.needs.unwrap_or(0).max(major));
            self.out.fail(format!("{what} needs PostgreSQL {major}"));
        }
    }
}
