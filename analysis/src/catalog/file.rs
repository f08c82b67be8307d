//! Catalogs as files: JSON with the version of its form first.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::error::Category;

use super::{CATALOG_FORMAT, Catalog, ConstraintKind, Name, RelId, Relation, ViewUse};
use crate::read::on_parser_stack;

/// How deep the JSON of a catalog may be: an expression of [`crate::MAX_EXPR_DEPTH`] makes about four
/// levels of each of its own.
const MAX_DEPTH: usize = 512;

/// Why a file is no catalog.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogFileError {
    /// It is not JSON.
    #[error("the catalog is not JSON: {why}")]
    NotJson {
        /// The parser's words, with line and column.
        why: String,
    },
    /// It is JSON, but something else.
    #[error("the catalog is not one that pgbelay has written: it has no number \"format\"")]
    NoFormat,
    /// Another version of pgbelay wrote it.
    #[error(
        "the catalog is of format {found}, and this pgbelay reads format {CATALOG_FORMAT}: \
         write it again, or use the pgbelay that wrote it"
    )]
    OtherFormat {
        /// The version of its form.
        found: u64,
    },
    /// It says so, but is not.
    #[error("the catalog is damaged: {why}")]
    Damaged {
        /// The parser's words, with line and column.
        why: String,
    },
    /// Something in it refers to what is not in it.
    #[error("the catalog is damaged: {relation} refers to relation {id}, which is not in it")]
    Dangling {
        /// Which relation.
        relation: String,
        /// To which id.
        id: u32,
    },
    /// Two relations have the same name.
    #[error("the catalog is damaged: it has two relations called {name}")]
    Twice {
        /// The name.
        name: String,
    },
}

impl Catalog {
    /// Reads a catalog from the text of a file.
    ///
    /// # Errors
    /// The text is not a catalog, not whole, or of another version.
    pub fn read_json(text: &str) -> Result<Self, CatalogFileError> {
        if depth(text) > MAX_DEPTH {
            return Err(CatalogFileError::NotJson { why: "it is nested too deeply".to_owned() });
        }
        let stopped = |_| CatalogFileError::Damaged { why: "reading it stopped unexpectedly".to_owned() };
        on_parser_stack(|| read(text)).map_err(stopped)?
    }

    /// The text of a file.
    pub fn write_json(&self) -> String {
        // Nothing in a catalog can fail to be written: all keys are strings or numbers.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

fn read(text: &str) -> Result<Catalog, CatalogFileError> {
    let mut json = serde_json::Deserializer::from_str(text);
    json.disable_recursion_limit();
    let head = Head::deserialize(&mut json).and_then(|head| json.end().map(|()| head));
    let head = head.map_err(|error| match error.classify() {
        // It is JSON, and something else.
        Category::Data => CatalogFileError::NoFormat,
        Category::Io | Category::Syntax | Category::Eof => {
            CatalogFileError::NotJson { why: error.to_string() }
        }
    })?;
    match head.format {
        None => return Err(CatalogFileError::NoFormat),
        Some(found) if found != u64::from(CATALOG_FORMAT) => {
            return Err(CatalogFileError::OtherFormat { found });
        }
        Some(_) => {}
    }
    let mut json = serde_json::Deserializer::from_str(text);
    json.disable_recursion_limit();
    let catalog = Catalog::deserialize(&mut json);
    let mut catalog = catalog.map_err(|error| CatalogFileError::Damaged { why: error.to_string() })?;
    catalog.check()?;
    catalog.index_names();
    Ok(catalog)
}

/// What says how to read the rest, which is passed over without being kept.
#[derive(Deserialize)]
struct Head {
    format: Option<u64>,
}

/// How deep brackets are nested, at most.
fn depth(text: &str) -> usize {
    let (mut now, mut most) = (0_usize, 0_usize);
    let mut quoted = false;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if quoted => {
                bytes.next();
            }
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                now += 1;
                most = most.max(now);
            }
            b'}' | b']' if !quoted => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

impl Catalog {
    /// That ids refer to something, and that names are names of one thing.
    fn check(&self) -> Result<(), CatalogFileError> {
        let mut names: BTreeSet<&Name> = BTreeSet::new();
        for relation in self.relations.values() {
            if !names.insert(&relation.name) {
                return Err(CatalogFileError::Twice { name: relation.name.to_string() });
            }
            if let Some(id) = ids(relation).into_iter().find(|id| !self.relations.contains_key(id)) {
                return Err(CatalogFileError::Dangling { relation: relation.name.to_string(), id: id.0 });
            }
        }
        Ok(())
    }
}

/// All ids in a relation.
fn ids(relation: &Relation) -> Vec<RelId> {
    let mut found = relation.inheritance.parents.clone();
    found.extend(relation.inheritance.partition.as_ref().map(|partition| partition.parent));
    found.extend(relation.owned_by.as_ref().map(|(owner, _)| *owner));
    found.extend(relation.of_type);
    found.extend(
        relation.indexes.iter().filter_map(|index| index.part_of.as_ref().map(|(parent, _)| *parent)),
    );
    found.extend(relation.constraints.iter().filter_map(|constraint| match &constraint.kind {
        ConstraintKind::Foreign { to, .. } => Some(*to),
        ConstraintKind::Check(_)
        | ConstraintKind::NotNull { .. }
        | ConstraintKind::Primary { .. }
        | ConstraintKind::Unique { .. }
        | ConstraintKind::Exclude { .. } => None,
    }));
    let uses = |uses: &[ViewUse]| uses.iter().map(|used| used.relation).collect::<Vec<_>>();
    found.extend(uses(&relation.reads));
    found.extend(relation.rules.iter().flat_map(|rule| uses(&rule.uses)));
    found.extend(relation.policies.iter().flat_map(|policy| uses(&policy.uses)));
    found
}
