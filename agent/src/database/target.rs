//! Which database an agent serves, and as whom it connects.

pub use pgbelay_proto::tls::Secret;

/// The schema of pgbelay's own tables, unless it is configured.
pub const DEFAULT_SCHEMA: &str = "pgbelay";

/// A database, how to reach it, and where pgbelay keeps its records in it.
#[derive(Debug, Clone)]
pub struct Target {
    /// A host name, an address, or the directory of a Unix socket (starts with `/`).
    pub host: String,
    /// The port.
    pub port: u16,
    /// The database's name on the server.
    pub name: String,
    /// Whom to connect as.
    pub user: String,
    /// The password, where the server asks for one.
    pub password: Option<Secret>,
    /// The schema of pgbelay's own tables, [`DEFAULT_SCHEMA`] as a rule.
    pub schema: String,
}
