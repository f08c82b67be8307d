//! Telling a changed body of a function from the same.

use sha2::{Digest as _, Sha256};

/// What [`super::Function::body`] is for a body: SHA-256 in hex.
pub fn body_digest(body: &str) -> String {
    Sha256::digest(body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
