//! Which extensions the server lets anybody create who may create in the database: the trusted ones.

use super::connect::{ConnectError, connect};
use super::quote::literal;
use super::target::Target;

/// What the server says of an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Every version of it is trusted.
    Trusted,
    /// Some version of it is not.
    Untrusted,
    /// The server does not have it, and will say so itself.
    NotThere,
    /// The server is older than 13 and does not know of trust.
    Unknown,
}

/// The first server that tells.
const TELLS: u32 = 130_000;

/// Asks the server which of these are trusted, in the same order.
///
/// # Errors
/// It does not answer.
pub async fn trust(target: &Target, names: &[String]) -> Result<Vec<Trust>, ConnectError> {
    let session = connect(target, "pgbelay-agent guard").await?;
    if session.version < TELLS {
        session.close().await;
        return Ok(vec![Trust::Unknown; names.len()]);
    }
    let mut told = Vec::with_capacity(names.len());
    for name in names {
        let sql = format!(
            "SELECT pg_catalog.bool_and(trusted) FROM pg_catalog.pg_available_extension_versions \
             WHERE name OPERATOR(pg_catalog.=) {}",
            literal(name)
        );
        let rows = session.ask(&sql).await?;
        told.push(match rows.first().and_then(|row| row.get(0)) {
            Some("t") => Trust::Trusted,
            Some(_) => Trust::Untrusted,
            None => Trust::NotThere,
        });
    }
    session.close().await;
    Ok(told)
}
