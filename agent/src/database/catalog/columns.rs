//! Columns, and types as the queries of this module give them.

use pgbelay_analysis::{Column, DataType, Generated, GeneratedKind, IdentityKind};
use serde::Deserialize;

use super::CatalogError;
use super::expressions::Expressions;
use super::rows::Oid;

/// A type: for arrays that of the element.
#[derive(Deserialize)]
pub(super) struct TypeColumns {
    type_schema: String,
    type_name: String,
    type_array: bool,
}

impl TypeColumns {
    pub(super) fn data_type(&self, typmod: i32) -> DataType {
        DataType::from_server(&self.type_schema, &self.type_name, typmod, self.type_array)
    }
}

#[derive(Deserialize)]
pub(super) struct ColumnRow {
    pub(super) relation: Oid,
    name: String,
    #[serde(flatten)]
    data_type: TypeColumns,
    typmod: i32,
    collation: Option<String>,
    not_null: bool,
    pub(super) expression: Option<String>,
    generated: String,
    identity: String,
    inherited: bool,
}

impl ColumnRow {
    pub(super) fn column(&self, expressions: &Expressions) -> Result<Column, CatalogError> {
        let mut column = Column {
            collation: self.collation.clone(),
            not_null: self.not_null,
            identity: self.identity(),
            inherited: self.inherited,
            ..Column::new(&self.name, Some(self.data_type.data_type(self.typmod)))
        };
        if let Some(text) = &self.expression {
            let expression =
                expressions.expression(text, || format!("the default of column {}", self.name))?;
            match self.generated() {
                Some(kind) => column.generated = Some(Generated { expression, kind }),
                None => column.default = Some(expression),
            }
        }
        Ok(column)
    }

    fn generated(&self) -> Option<GeneratedKind> {
        match self.generated.as_str() {
            "s" => Some(GeneratedKind::Stored),
            "v" => Some(GeneratedKind::Virtual),
            _ => None,
        }
    }

    fn identity(&self) -> Option<IdentityKind> {
        match self.identity.as_str() {
            "a" => Some(IdentityKind::Always),
            "d" => Some(IdentityKind::ByDefault),
            _ => None,
        }
    }
}
