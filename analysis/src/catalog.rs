//! The schema as it is when a statement runs: from a live database, from a file, or simulated from
//! the migrations before it. One shape for all three.
//!
//! Relations have ids that last for one catalog, so that renaming and moving need no other change.
//! What is absent does not exist when the catalog is [`Coverage::Whole`], and is unknown otherwise.

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "each function is about a few kinds of expressions and leaves the others as they are"
)]
mod canonical;
mod constraint;
mod data_type;
mod dependents;
mod facts;
mod file;
mod lookup;
mod marks;
mod moment;
mod name;
mod names;
mod object;
mod relation;
mod server;
mod settings;
mod shared_map;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(crate) use canonical::{canonical, elements};
pub use constraint::{Check, Constraint, ConstraintKind, Index, IndexKey, Key};
pub use data_type::DataType;
pub use dependents::Dependents;
pub use facts::{FactDifference, differences};
pub(crate) use facts::{changes, is_same};
pub use file::CatalogFileError;
pub use lookup::Lookup;
pub(crate) use marks::{Aspect, Holder, Mark, Marks};
pub(crate) use moment::moment;
pub(crate) use name::quoted;
pub use name::{Name, RelId};
pub use object::{Domain, Function, TypeDefinition, Volatility};
pub use relation::{
    Column, Generated, Inheritance, Partition, PartitionKey, Persistence, Policy, Relation, RelationKind,
    Rule, Size, Trigger, ViewUse,
};
pub use server::{NEWEST_SERVER, OLDEST_SERVER, Server, UnknownServer};
pub use settings::Settings;
pub use shared_map::SharedMap;

/// The version of the form that catalogs are written in.
pub const CATALOG_FORMAT: u32 = 1;

/// Everything about a database's schema that judging needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// [`CATALOG_FORMAT`].
    pub format: u32,
    /// Whether what is absent does not exist.
    pub coverage: Coverage,
    /// The server's major version, when it is from a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<u32>,
    /// The session that a migration would run in.
    pub settings: Settings,
    /// Names of schemas.
    pub schemas: BTreeSet<String>,
    /// Tables, views, sequences and composite types.
    pub relations: SharedMap<RelId, Arc<Relation>>,
    /// Enums, domains, ranges, base types. Composite types are relations.
    pub types: SharedMap<Name, TypeDefinition>,
    /// Functions and procedures that are not PostgreSQL's own.
    pub functions: SharedMap<Name, Vec<Function>>,
    /// Names of extensions.
    pub extensions: BTreeSet<String>,
    /// Operators, collations, publications and whatever else has a name that a statement can take
    /// away: kind and name.
    #[serde(default)]
    pub others: BTreeSet<(String, String)>,
    /// What each extension brought along: `function public.f(int4)`, `type public.citext`,
    /// `relation public.spatial_ref_sys`.
    #[serde(default)]
    pub extension_members: BTreeMap<String, BTreeSet<String>>,
    /// By name; kept by [`Self::index_names`] and the functions that move things.
    #[serde(skip)]
    names: names::Names,
    #[serde(skip)]
    dependents: Dependents,
    #[serde(skip)]
    pub(crate) marks: Marks,
    #[serde(default)]
    next_id: u32,
    /// What was changed or taken away since [`Self::watch`], as it was before.
    #[serde(skip)]
    touched: Option<BTreeMap<RelId, Arc<Relation>>>,
}

/// What absence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coverage {
    /// It was read from a database: what is absent does not exist.
    Whole,
    /// It was simulated from some migrations: what is absent may exist.
    Partial,
}

impl Catalog {
    /// Nothing but the schema `public`; what is absent may exist.
    pub fn nothing() -> Self {
        Self {
            format: CATALOG_FORMAT,
            coverage: Coverage::Partial,
            server: None,
            settings: Settings::default(),
            schemas: BTreeSet::from(["public".to_owned()]),
            relations: SharedMap::default(),
            types: SharedMap::default(),
            functions: SharedMap::default(),
            extensions: BTreeSet::new(),
            others: BTreeSet::new(),
            extension_members: BTreeMap::new(),
            names: names::Names::default(),
            dependents: Dependents::default(),
            marks: Marks::default(),
            next_id: 1,
            touched: None,
        }
    }

    /// An empty database: what is absent does not exist.
    pub fn fresh() -> Self {
        Self { coverage: Coverage::Whole, ..Self::nothing() }
    }

    /// Whether what is absent does not exist.
    pub fn is_whole(&self) -> bool {
        self.coverage == Coverage::Whole
    }

    /// Rebuilds what is derived; call it once after the public fields were filled or read.
    pub fn index_names(&mut self) {
        self.names = names::Names::default();
        for (id, relation) in self.relations.iter() {
            self.names.insert(&relation.name, *id);
        }
        self.next_id = self.relations.keys().last().map_or(1, |id| id.0 + 1);
        self.dependents = Dependents::default();
        for (id, relation) in self.relations.iter() {
            self.dependents.link(*id, relation);
        }
    }

    /// Adds a relation; one of the same name is replaced.
    pub fn add(&mut self, relation: Relation) -> RelId {
        let id = RelId(self.next_id);
        self.next_id += 1;
        if let Some(old) = self.names.insert(&relation.name, id) {
            self.dependents.unlink(old);
            self.relations.remove(&old);
        }
        self.dependents.link(id, &relation);
        self.relations.insert(id, Arc::new(relation));
        id
    }

    /// From here on, what relations were before they are changed or taken away is kept.
    pub(crate) fn watch(&mut self) {
        self.touched = Some(BTreeMap::new());
    }

    /// Ends [`Self::watch`]: relations that were changed or taken away, as they were before.
    pub(crate) fn touched(&mut self) -> BTreeMap<RelId, Arc<Relation>> {
        self.touched.take().unwrap_or_default()
    }

    fn touch(&mut self, id: RelId) {
        if let (Some(touched), Some(relation)) = (&mut self.touched, self.relations.get(&id)) {
            touched.entry(id).or_insert_with(|| Arc::clone(relation));
        }
    }

    /// Takes a relation away. What depends on it is the caller's business.
    pub fn remove(&mut self, id: RelId) -> Option<Arc<Relation>> {
        self.touch(id);
        let relation = self.relations.remove(&id)?;
        self.names.remove(&relation.name);
        self.dependents.unlink(id);
        Some(relation)
    }

    /// Changes a relation in place, its name too.
    pub fn change<T>(&mut self, id: RelId, change: impl FnOnce(&mut Relation) -> T) -> Option<T> {
        self.touch(id);
        let relation = Arc::make_mut(self.relations.get_mut(&id)?);
        let old = relation.name.clone();
        let result = change(relation);
        if relation.name != old {
            self.names.remove(&old);
            self.names.insert(&relation.name, id);
        }
        self.dependents.relink(id, relation);
        Some(result)
    }

    /// Whether scripts do the same to both, as far as rows do not matter.
    pub fn is_judged_like(&self, other: &Self) -> bool {
        let settings = |catalog: &Self| {
            let Settings { search_path, time_zone, table_access_method, .. } = catalog.settings.clone();
            (search_path, time_zone, table_access_method)
        };
        settings(self) == settings(other) && differences(self, other).is_empty()
    }

    /// Takes away what is known of sizes and traffic: databases that are alike but for those are then judged alike.
    pub fn forget_sizes(&mut self) {
        for relation in self.relations.values_mut() {
            Arc::make_mut(relation).size = None;
        }
    }

    /// A relation by its id.
    pub fn get(&self, id: RelId) -> Option<&Relation> {
        self.relations.get(&id).map(Arc::as_ref)
    }

    /// A relation by its full name.
    pub fn by_name(&self, name: &Name) -> Option<RelId> {
        self.names.get(&name.schema, &name.name)
    }

    /// Whether an index of that name is there.
    pub fn has_index(&self, name: &Name) -> bool {
        self.dependents.index_owner(&name.schema, &name.name).is_some()
    }

    /// Relations that refer to this one: by foreign key, inheritance, a view's query, a sequence's
    /// owner, a column's or domain's type. Ordered.
    pub fn dependents_of(&self, id: RelId) -> Vec<RelId> {
        self.dependents.of(id)
    }

    /// Relations with a column of that type, an array of it, or a domain over it. None for
    /// PostgreSQL's own types.
    pub fn users_of_type(&self, name: &Name) -> Vec<RelId> {
        self.dependents.of_type(name)
    }

    /// Relations that call that function in a default, a constraint, an index, a trigger, a policy.
    pub fn users_of_function(&self, name: &str) -> Vec<RelId> {
        self.dependents.of_function(name)
    }
}
