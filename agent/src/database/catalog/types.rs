//! Enums, domains, ranges and base types.

use pgbelay_analysis::{Check, Domain, TypeDefinition};
use serde::Deserialize;

use super::CatalogError;
use super::columns::TypeColumns;
use super::expressions::Expressions;
use super::rows::Oid;

#[derive(Deserialize)]
pub(super) struct TypeRow {
    pub(super) oid: Oid,
    pub(super) schema: String,
    pub(super) name: String,
    kind: char,
    labels: Option<Vec<String>>,
    /// Of what it is a domain or range.
    base: Option<TypeColumns>,
    typmod: i32,
    not_null: bool,
    default_expression: Option<String>,
    collation: Option<String>,
    checks: Option<Vec<CheckRow>>,
}

#[derive(Deserialize)]
struct CheckRow {
    name: String,
    expression: String,
    valid: bool,
}

impl TypeRow {
    /// The texts of its expressions.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let checks = self.checks.iter().flatten().map(|check| check.expression.as_str());
        checks.chain(self.default_expression.as_deref())
    }

    pub(super) fn definition(&self, expressions: &Expressions) -> Result<TypeDefinition, CatalogError> {
        Ok(match (self.kind, &self.base) {
            ('e', _) => TypeDefinition::Enum(self.labels.clone().unwrap_or_default()),
            ('d', Some(base)) => TypeDefinition::Domain(self.domain(base, expressions)?),
            ('r', base) => TypeDefinition::Range { subtype: base.as_ref().map(|base| base.data_type(-1)) },
            _ => TypeDefinition::Base,
        })
    }

    fn domain(&self, base: &TypeColumns, expressions: &Expressions) -> Result<Domain, CatalogError> {
        let parse =
            |text: &str| expressions.expression(text, || format!("domain {}.{}", self.schema, self.name));
        let checks = self.checks.iter().flatten().map(|row| {
            let check = Check { expression: parse(&row.expression)?, no_inherit: false };
            Ok((row.name.clone(), check, row.valid))
        });
        Ok(Domain {
            base: base.data_type(self.typmod),
            not_null: self.not_null,
            default: self.default_expression.as_deref().map(parse).transpose()?,
            checks: checks.collect::<Result<_, CatalogError>>()?,
            collation: self.collation.clone(),
        })
    }
}
