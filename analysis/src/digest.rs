//! A short text that tells one body of a function from another.

use sha2::{Digest as _, Sha256};

/// SHA-256 in hexadecimal: what [`crate::Function::body`] is.
pub fn hex(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
