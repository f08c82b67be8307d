//! Constraints of tables.

use pgbelay_analysis::{Check, Constraint, ConstraintKind, FkAction};
use serde::Deserialize;

use super::CatalogError;
use super::rows::{Oid, Schema};

#[derive(Deserialize)]
pub(super) struct ConstraintRow {
    pub(super) relation: Oid,
    name: String,
    kind: char,
    valid: bool,
    enforced: bool,
    deferrable: bool,
    initially_deferred: bool,
    inherited: bool,
    no_inherit: bool,
    columns: Option<Vec<String>>,
    to_relation: Oid,
    to_columns: Option<Vec<String>>,
    on_delete: String,
    on_update: String,
    pub(super) expression: Option<String>,
    index_columns: Option<Vec<String>>,
    nulls_not_distinct: bool,
}

impl ConstraintRow {
    /// `None` for a foreign key to a table that is not read.
    pub(super) fn constraint(&self, schema: &Schema) -> Result<Option<Constraint>, CatalogError> {
        let kind = self.constraint_kind(schema)?;
        Ok(kind.map(|kind| Constraint {
            valid: self.valid,
            enforced: self.enforced,
            deferrable: self.deferrable,
            initially_deferred: self.initially_deferred,
            inherited: self.inherited,
            ..Constraint::new(&self.name, kind)
        }))
    }

    fn constraint_kind(&self, schema: &Schema) -> Result<Option<ConstraintKind>, CatalogError> {
        let columns = self.columns.clone().unwrap_or_default();
        Ok(Some(match self.kind {
            'c' => ConstraintKind::Check(self.check(schema)?),
            'p' => ConstraintKind::Primary { columns },
            'u' => ConstraintKind::Unique { columns, nulls_not_distinct: self.nulls_not_distinct },
            'x' => ConstraintKind::Exclude { columns: self.excluded(columns) },
            'n' => return Ok(columns.into_iter().next().map(|column| ConstraintKind::NotNull { column })),
            _ => return Ok(self.foreign(schema, columns)),
        }))
    }

    fn check(&self, schema: &Schema) -> Result<Check, CatalogError> {
        let text = self.expression.as_deref().unwrap_or_default();
        let expression = schema.expressions.expression(text, || format!("constraint {}", self.name))?;
        Ok(Check { expression, no_inherit: self.no_inherit })
    }

    fn excluded(&self, mut columns: Vec<String>) -> Vec<String> {
        for column in self.index_columns.iter().flatten() {
            if !columns.contains(column) {
                columns.push(column.clone());
            }
        }
        columns
    }

    fn foreign(&self, schema: &Schema, columns: Vec<String>) -> Option<ConstraintKind> {
        Some(ConstraintKind::Foreign {
            columns,
            to: schema.id(self.to_relation)?,
            to_columns: self.to_columns.clone().unwrap_or_default(),
            on_delete: action(&self.on_delete),
            on_update: action(&self.on_update),
        })
    }
}

fn action(letter: &str) -> FkAction {
    match letter {
        "r" => FkAction::Restrict,
        "c" => FkAction::Cascade,
        "n" => FkAction::SetNull,
        "d" => FkAction::SetDefault,
        _ => FkAction::NoAction,
    }
}
