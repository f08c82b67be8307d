//! Who is at the other end of a connection: the URI in its certificate.
//!
//! A certificate says only *who*. What that one may do is decided by the services, from roles in the ledger.

use std::fmt;
use std::str::FromStr;

use pgbelay_core::name::{DatabaseName, OperatorName};
use pgbelay_core::time::Timestamp;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

#[cfg(test)]
mod tests;

/// The scheme of every identity of pgbelay.
const SCHEME: &str = "pgbelay://";

/// Somebody who may hold a certificate. Prints as the URI that the certificate carries.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// `pgbelay://agent/<database>`: the agent that serves this database.
    Agent(DatabaseName),
    /// `pgbelay://operator/<name>`: a person or a program that uses the command line.
    Operator(OperatorName),
    /// `pgbelay://controller/<name>`: a controller; the name follows the grammar of all names.
    Controller(String),
}

/// Why there is no identity to be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The bytes are not one X.509 certificate.
    #[error("the certificate is not a well-formed X.509 certificate")]
    Malformed,
    /// No subject alternative name is a `pgbelay://` URI.
    #[error("the certificate carries no {SCHEME} identity")]
    Missing,
    /// More than one is: whose certificate it is would be a matter of opinion.
    #[error("the certificate carries {count} {SCHEME} identities, and must carry one")]
    Several {
        /// How many there are.
        count: usize,
    },
    /// The URI does not name an agent, an operator or a controller.
    #[error("{uri:?} is not {SCHEME}agent/<database>, {SCHEME}operator/<name> or {SCHEME}controller/<name>")]
    NotAnIdentity {
        /// The text as it was found.
        uri: String,
    },
}

impl Identity {
    /// The name without the role.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Agent(database) => database.as_str(),
            Self::Operator(name) => name.as_str(),
            Self::Controller(name) => name,
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = match self {
            Self::Agent(_) => "agent",
            Self::Operator(_) => "operator",
            Self::Controller(_) => "controller",
        };
        write!(f, "{SCHEME}{role}/{}", self.name())
    }
}

impl FromStr for Identity {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let parsed = text.strip_prefix(SCHEME).and_then(|rest| {
            let (role, name) = rest.split_once('/')?;
            match role {
                "agent" => name.parse().ok().map(Self::Agent),
                "operator" => name.parse().ok().map(Self::Operator),
                // All names share one grammar; core has no type of its own for a controller's.
                "controller" => name.parse::<OperatorName>().ok().map(|name| Self::Controller(name.into())),
                _ => None,
            }
        });
        parsed.ok_or_else(|| IdentityError::NotAnIdentity { uri: text.to_owned() })
    }
}

/// What the certificate of a peer says, once TLS has verified its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerIdentity {
    /// Whose certificate it is.
    pub identity: Identity,
    /// The serial number in lower-case hex, without leading zero bytes: what a revocation names.
    pub serial: String,
    /// The moment from which the certificate is no good; whole seconds, as X.509 has them.
    pub not_after: Timestamp,
}

impl PeerIdentity {
    /// Reads a certificate (DER). Checks neither signature nor validity: TLS has done so, or must.
    ///
    /// # Errors
    /// Not exactly one certificate, or not exactly one well-formed `pgbelay://` URI in it.
    pub fn from_certificate(der: &[u8]) -> Result<Self, IdentityError> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| IdentityError::Malformed)?;
        if !rest.is_empty() {
            return Err(IdentityError::Malformed);
        }
        Ok(Self {
            identity: identity_of(&certificate)?,
            serial: serial_of(&certificate),
            not_after: Timestamp(certificate.validity().not_after.timestamp().saturating_mul(1_000)),
        })
    }
}

fn identity_of(certificate: &X509Certificate<'_>) -> Result<Identity, IdentityError> {
    let names = certificate.subject_alternative_name().map_err(|_| IdentityError::Malformed)?;
    let uris: Vec<&str> = names
        .iter()
        .flat_map(|extension| &extension.value.general_names)
        .filter_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None })
        .filter(|uri| claims_our_scheme(uri))
        .collect();
    match uris[..] {
        [] => Err(IdentityError::Missing),
        [uri] => uri.parse(),
        _ => Err(IdentityError::Several { count: uris.len() }),
    }
}

/// A scheme in other letters counts as a claim, so that it fails to parse rather than being overlooked.
fn claims_our_scheme(uri: &str) -> bool {
    uri.get(..SCHEME.len()).is_some_and(|start| start.eq_ignore_ascii_case(SCHEME))
}

fn serial_of(certificate: &X509Certificate<'_>) -> String {
    // DER puts a zero byte before a number whose first bit is set: not a part of the number.
    let significant = certificate.raw_serial().iter().skip_while(|byte| **byte == 0);
    significant.map(|byte| format!("{byte:02x}")).collect()
}
