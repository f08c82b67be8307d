//! Finding what a statement names.

use super::{Catalog, DataType, Name, RelId, Relation, TypeDefinition};
use crate::builtin;
use crate::syntax::{QName, TypeName};

/// What looking for something gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup<T> {
    /// It is there.
    Found(T),
    /// It does not exist.
    Absent,
    /// It is in no part of the schema that is known.
    Unknown,
}

impl<T> Lookup<T> {
    /// What was found.
    pub fn found(self) -> Option<T> {
        match self {
            Self::Found(it) => Some(it),
            Self::Absent | Self::Unknown => None,
        }
    }
}

impl Catalog {
    /// The schemas in which a name is looked for.
    fn path<'a>(&'a self, written: Option<&'a str>) -> Vec<&'a str> {
        match written {
            Some(schema) => vec![schema],
            None => {
                let mut path = vec!["pg_temp"];
                path.extend(self.settings.search_path.iter().map(String::as_str));
                path
            }
        }
    }

    /// The schema in which something without a schema is created.
    pub fn creation_schema(&self) -> String {
        let existing = self.settings.search_path.iter().find(|schema| self.schemas.contains(*schema));
        existing.or_else(|| self.settings.search_path.first()).cloned().unwrap_or_else(|| "public".to_owned())
    }

    /// A relation by the name that a statement writes.
    pub fn relation(&self, name: &QName) -> Lookup<RelId> {
        let found = match name.schema.as_deref() {
            Some(schema) => self.names.get(schema, &name.name),
            None => self.names.get("pg_temp", &name.name).or_else(|| {
                let mut path = self.settings.search_path.iter();
                path.find_map(|schema| self.names.get(schema, &name.name))
            }),
        };
        self.or_absent(found)
    }

    /// The relation itself.
    pub fn find(&self, name: &QName) -> Option<&Relation> {
        self.get(self.relation(name).found()?)
    }

    /// The full name that a statement means: of what is there, else where it would be created.
    pub fn full_name(&self, name: &QName) -> Name {
        match self.find(name) {
            Some(relation) => relation.name.clone(),
            None => self.new_name(name),
        }
    }

    /// The full name of something that is about to be created.
    pub fn new_name(&self, name: &QName) -> Name {
        let schema = name.schema.clone().unwrap_or_else(|| self.creation_schema());
        Name { schema, name: name.name.clone() }
    }

    /// The table that an index belongs to, with the index's name.
    pub fn index(&self, name: &QName) -> Lookup<(RelId, String)> {
        let found = self.path(name.schema.as_deref()).into_iter().find_map(|schema| {
            self.dependents.index_owner(schema, &name.name).map(|id| (id, name.name.clone()))
        });
        self.or_absent(found)
    }

    /// The functions of a name.
    pub fn function_named(&self, name: &QName) -> Option<&[super::Function]> {
        self.path(name.schema.as_deref())
            .into_iter()
            .find_map(|schema| self.functions.get(&Name::new(schema, &name.name)))
            .map(Vec::as_slice)
    }

    /// A type that is no relation.
    pub fn type_definition(&self, name: &QName) -> Lookup<(Name, &TypeDefinition)> {
        let found = self
            .path(name.schema.as_deref())
            .into_iter()
            .find_map(|schema| self.types.get_key_value(&Name::new(schema, &name.name)));
        self.or_absent(found.map(|(name, definition)| (name.clone(), definition)))
    }

    /// The type that a statement writes. `schema` is `None` when it is not known.
    pub fn data_type(&self, written: &TypeName) -> DataType {
        let (schema, name) = self.type_name(&written.name);
        let mut modifiers = written.modifiers.clone();
        if schema.as_deref() == Some("pg_catalog") && name == "numeric" && modifiers.len() == 1 {
            modifiers.push(0);
        }
        DataType { schema, name, modifiers, array: written.array }
    }

    fn type_name(&self, written: &QName) -> (Option<String>, String) {
        // The grammar's own spelling is in pg_catalog already.
        if let Some(schema) = &written.schema {
            let known = schema == "pg_catalog"
                || self.types.contains_key(&Name::new(schema, &written.name))
                || self.by_name(&Name::new(schema, &written.name)).is_some();
            return (known.then(|| schema.clone()), written.name.clone());
        }
        if builtin::is_type(&written.name) {
            return (Some("pg_catalog".to_owned()), written.name.clone());
        }
        let schema = self.path(None).into_iter().find(|schema| {
            let full = Name::new(schema, &written.name);
            self.types.contains_key(&full) || self.by_name(&full).is_some()
        });
        (schema.map(str::to_owned), written.name.clone())
    }

    fn or_absent<T>(&self, found: Option<T>) -> Lookup<T> {
        match found {
            Some(it) => Lookup::Found(it),
            None if self.is_whole() => Lookup::Absent,
            None => Lookup::Unknown,
        }
    }
}
