//! The settings of the session that statements run in, as far as they change what statements do.

use serde::{Deserialize, Serialize};

/// What is not known is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Schemas in which a bare name is looked for, in order, `pg_catalog` left out.
    pub search_path: Vec<String>,
    /// TimeZone.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// Milliseconds; 0 is none.
    #[serde(default)]
    pub lock_timeout: Option<u64>,
    /// Milliseconds; 0 is none.
    #[serde(default)]
    pub statement_timeout: Option<u64>,
    /// Milliseconds; 0 is none.
    #[serde(default)]
    pub idle_in_transaction_timeout: Option<u64>,
    /// The default table access method.
    #[serde(default)]
    pub table_access_method: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            search_path: vec!["public".to_owned()],
            time_zone: None,
            lock_timeout: None,
            statement_timeout: None,
            idle_in_transaction_timeout: None,
            table_access_method: None,
        }
    }
}
