//! The text of a join token: what an administrator hands to a machine that is to run an agent.
//!
//! `pgb1.<token id>.<64 hex digits of secret>.<64 hex digits: SHA-256 of the CA certificate (DER)>`. The secret lets
//! the agent in; the CA's digest tells it that it talks to the right controller, before it shows the secret.

use std::fmt;
use std::str::FromStr;

use pgbelay_core::digest::Digest;
use pgbelay_core::name::TokenId;

/// What every token of this format starts with.
const PREFIX: &str = "pgb1.";

/// Length of the secret: beyond guessing for ever, and a token lives ten minutes.
pub const SECRET_BYTES: usize = 32;

/// A join token. `Display` writes the whole of it, the secret included: print it once, to the person who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// Its public part, which the ledger knows it by.
    pub id: TokenId,
    /// What proves that its holder was given it.
    pub secret: TokenSecret,
    /// SHA-256 of the certificate (DER) of the controller's CA.
    pub ca: Digest,
}

/// The secret part of a token. Its `Debug` says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenSecret([u8; SECRET_BYTES]);

/// The text is not a join token. Says nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It does not begin as one.
    #[error("a join token starts with {PREFIX}: this is something else")]
    Prefix,
    /// It begins as one and ends too early, or has something in it that does not belong there.
    #[error("the join token is incomplete or damaged: copy the whole of it, from {PREFIX} to its last digit")]
    Damaged,
}

impl TokenSecret {
    /// A secret from random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes: what enrolment sends, and whose digest the ledger keeps.
    #[must_use]
    pub const fn expose(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 32 bytes of any kind are written as a digest is.
        write!(f, "{PREFIX}{}.{}.{}", self.id, Digest::from_bytes(self.secret.0), self.ca)
    }
}

impl FromStr for JoinToken {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let rest = text.strip_prefix(PREFIX).ok_or(TokenError::Prefix)?;
        // From the end: an id may have dots in it.
        let (rest, ca) = rest.rsplit_once('.').ok_or(TokenError::Damaged)?;
        let (id, secret) = rest.rsplit_once('.').ok_or(TokenError::Damaged)?;
        let secret: Digest = secret.parse().map_err(|_| TokenError::Damaged)?;
        Ok(Self {
            id: id.parse().map_err(|_| TokenError::Damaged)?,
            secret: TokenSecret(*secret.as_bytes()),
            ca: ca.parse().map_err(|_| TokenError::Damaged)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(id: &str) -> JoinToken {
        let secret = TokenSecret::from_bytes([0xab; SECRET_BYTES]);
        JoinToken { id: id.parse().unwrap(), secret, ca: Digest::of("ca") }
    }

    #[test]
    fn a_token_survives_its_own_text() {
        for id in ["t1", "a.b", "0-_"] {
            assert_eq!(token(id).to_string().parse(), Ok(token(id)));
        }
        let text = token("t1").to_string();
        assert!(text.starts_with(&format!("pgb1.t1.{}.", "ab".repeat(32))), "{text}");
    }

    #[test]
    fn what_is_not_a_whole_token_is_refused_without_repeating_it() {
        let whole = token("t1").to_string();
        assert_eq!("hunter2".parse::<JoinToken>(), Err(TokenError::Prefix));
        assert_eq!(whole.replacen("pgb1", "pgb2", 1).parse::<JoinToken>(), Err(TokenError::Prefix));
        let cut = &whole[..whole.len() - 1];
        let (upper, no_id) = (whole.replacen("ab", "AB", 1), whole.replacen("t1", "", 1));
        for damaged in [cut, "pgb1.", "pgb1.t1", &upper, &no_id, &format!("{whole}\n")] {
            let Err(error) = damaged.parse::<JoinToken>() else { panic!("{damaged:?} was taken") };
            assert_eq!(error, TokenError::Damaged, "{damaged:?}");
            assert!(!error.to_string().contains("ab"), "{error}");
        }
    }

    #[test]
    fn debug_does_not_show_the_secret() {
        let shown = format!("{:?}", token("t1"));
        assert!(shown.contains("t1") && !shown.contains("abab") && !shown.contains("171"), "{shown}");
    }
}
