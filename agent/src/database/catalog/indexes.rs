//! Indexes.

use pgbelay_analysis::{Index, IndexKey, Key};
use serde::Deserialize;

use super::CatalogError;
use super::rows::{Oid, Schema};

#[derive(Deserialize)]
pub(super) struct IndexRow {
    pub(super) relation: Oid,
    name: String,
    unique_keys: bool,
    of_constraint: bool,
    method: String,
    keys: Vec<KeyRow>,
    include: Option<Vec<String>>,
    predicate: Option<String>,
    nulls_not_distinct: bool,
    valid: bool,
    part_of_relation: Option<Oid>,
    part_of_index: Option<String>,
    tablespace: Option<String>,
    clustered: bool,
}

#[derive(Deserialize)]
struct KeyRow {
    column: Option<String>,
    expression: Option<String>,
    collation: Option<String>,
    operator_class: Option<String>,
    option: i16,
}

impl IndexRow {
    /// The texts of its expressions.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let keys = self.keys.iter().filter_map(|key| key.expression.as_deref());
        keys.chain(self.predicate.as_deref())
    }

    pub(super) fn index(&self, schema: &Schema) -> Result<Index, CatalogError> {
        let keys: Result<_, _> = self.keys.iter().map(|key| self.key(key, schema)).collect();
        let parse = |text: &String| schema.expressions.expression(text, || format!("index {}", self.name));
        Ok(Index {
            name: self.name.clone(),
            unique: self.unique_keys,
            constraint: self.of_constraint,
            method: self.method.clone(),
            keys: keys?,
            include: self.include.clone().unwrap_or_default(),
            predicate: self.predicate.as_ref().map(parse).transpose()?,
            nulls_not_distinct: self.nulls_not_distinct,
            valid: self.valid,
            part_of: self.part_of_relation.and_then(|oid| schema.id(oid)).zip(self.part_of_index.clone()),
            tablespace: self.tablespace.clone(),
            clustered: self.clustered,
        })
    }

    fn key(&self, row: &KeyRow, schema: &Schema) -> Result<IndexKey, CatalogError> {
        let key = match (&row.column, &row.expression) {
            (None, Some(text)) => {
                Key::Expression(schema.expressions.expression(text, || format!("index {}", self.name))?)
            }
            (column, _) => Key::Column(column.clone().unwrap_or_default()),
        };
        // The bits of `indoption`: DESC, NULLS FIRST.
        let (descending, nulls_first) = (row.option & 1 != 0, row.option & 2 != 0);
        Ok(IndexKey {
            key,
            collation: row.collation.clone(),
            operator_class: row.operator_class.clone(),
            descending,
            nulls_swapped: nulls_first != descending,
        })
    }
}
