//! Texts of expressions, parsed all at once, each once.

use std::collections::{BTreeMap, BTreeSet};

use pgbelay_analysis::{Bound, Expr, parse_bounds, parse_expressions};

use super::CatalogError;

/// What each text means; `None`: not in the grammar.
pub(super) struct Expressions {
    expressions: BTreeMap<String, Option<Expr>>,
    bounds: BTreeMap<String, Option<Bound>>,
}

impl Expressions {
    pub(super) fn parse(texts: &BTreeSet<String>, bounds: &BTreeSet<String>) -> Result<Self, CatalogError> {
        let texts: Vec<String> = texts.iter().cloned().collect();
        let bounds: Vec<String> = bounds.iter().cloned().collect();
        let (expressions, parsed) = (parse_expressions(&texts)?, parse_bounds(&bounds)?);
        Ok(Self {
            expressions: texts.into_iter().zip(expressions).collect(),
            bounds: bounds.into_iter().zip(parsed).collect(),
        })
    }

    /// An expression. `of`: what it belongs to, for people.
    pub(super) fn expression(&self, text: &str, of: impl Fn() -> String) -> Result<Expr, CatalogError> {
        self.expressions.get(text).cloned().flatten().ok_or_else(|| unknown(text, of()))
    }

    /// The bound of a partition.
    pub(super) fn bound(&self, text: &str, of: impl Fn() -> String) -> Result<Bound, CatalogError> {
        self.bounds.get(text).cloned().flatten().ok_or_else(|| unknown(text, of()))
    }
}

fn unknown(text: &str, what: String) -> CatalogError {
    const SHOWN: usize = 200;
    CatalogError::Expression { what, text: text.chars().take(SHOWN).collect() }
}
