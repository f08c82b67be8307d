//! Judging files without a controller: which files (`sources`), what they do one after the other (`judge`), what of
//! that is new (`since`), and the answer that every format is made of (`report`).
//!
//! What SQL does is decided in pgbelay-analysis.

pub(crate) mod catalog;
pub(crate) mod judge;
pub(crate) mod report;
pub(crate) mod rollback;
pub(crate) mod since;
pub(crate) mod sources;
