//! Functions and procedures.

use std::collections::BTreeMap;

use pgbelay_analysis::{Catalog, Function, Name, Volatility, body_digest, steady_bodies};
use serde::Deserialize;

use super::columns::TypeColumns;
use super::rows::Oid;
use super::uses::Uses;

#[derive(Deserialize)]
pub(super) struct FunctionRow {
    pub(super) oid: Oid,
    schema: String,
    name: String,
    arguments: Option<Vec<TypeColumns>>,
    defaults: usize,
    variadic: bool,
    volatility: char,
    language: String,
    procedure: bool,
    #[serde(flatten)]
    returns: TypeColumns,
    /// Whether calls stay calls.
    kept: bool,
    body: Option<String>,
    /// One in standard SQL that reads no table, as the server shows it.
    parsed: Option<String>,
}

impl FunctionRow {
    pub(super) fn name(&self) -> Name {
        Name::new(&self.schema, &self.name)
    }

    /// Its name with the types of its arguments.
    pub(super) fn signature(&self, uses: &Uses) -> String {
        self.function(uses).signature(&self.name())
    }

    fn function(&self, uses: &Uses) -> Function {
        let written = |argument: &TypeColumns| argument.data_type(-1).to_string();
        Function {
            arguments: self.arguments.iter().flatten().map(written).collect(),
            defaults: self.defaults,
            variadic: self.variadic,
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
            steady_body: false,
        }
    }

    /// The body, if calls may be replaced by what it computes.
    fn replaceable(&self) -> Option<&String> {
        self.body.as_ref().or(self.parsed.as_ref()).filter(|_| self.language == "sql" && !self.kept)
    }
}

/// Adds functions to a catalog that has everything else.
pub(super) fn add(catalog: &mut Catalog, rows: &[FunctionRow], uses: &Uses) {
    let bodies: Vec<String> = rows.iter().filter_map(FunctionRow::replaceable).cloned().collect();
    for row in rows {
        catalog.functions.get_or_default(row.name()).push(row.function(uses));
    }
    // What a body calls may be among them.
    let mut steady = steady_bodies(catalog, &bodies).into_iter();
    let mut seen: BTreeMap<Name, usize> = BTreeMap::new();
    for row in rows {
        let at = seen.entry(row.name()).or_default();
        let function = catalog.functions.get_mut(&row.name()).and_then(|named| named.get_mut(*at));
        *at += 1;
        if row.replaceable().is_some()
            && let (Some(function), Some(is_steady)) = (function, steady.next())
        {
            function.steady_body = is_steady;
        }
    }
}
