//! Functions and procedures.

use pgbelay_analysis::{Function, Volatility, body_digest};
use serde::Deserialize;

use super::columns::TypeColumns;
use super::rows::Oid;
use super::uses::Uses;

#[derive(Deserialize)]
pub(super) struct FunctionRow {
    pub(super) oid: Oid,
    pub(super) schema: String,
    pub(super) name: String,
    arguments: Option<Vec<TypeColumns>>,
    defaults: usize,
    volatility: char,
    language: String,
    procedure: bool,
    #[serde(flatten)]
    returns: TypeColumns,
    body: Option<String>,
}

impl FunctionRow {
    pub(super) fn function(&self, uses: &Uses) -> Function {
        let written = |argument: &TypeColumns| argument.data_type(-1).to_string();
        Function {
            arguments: self.arguments.iter().flatten().map(written).collect(),
            defaults: self.defaults,
            volatility: match self.volatility {
                'i' => Volatility::Immutable,
                's' => Volatility::Stable,
                _ => Volatility::Volatile,
            },
            language: self.language.clone(),
            procedure: self.procedure,
            returns: (!self.procedure).then(|| written(&self.returns)),
            body: self.body.as_deref().map(body_digest),
            uses: uses.of_function(self.oid),
        }
    }
}
