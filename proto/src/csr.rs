//! A new key, and the request to have it certified. The key never leaves the machine that made it.

use rcgen::{CertificateParams, DistinguishedName, KeyPair};

use crate::tls::Secret;

/// No key or request could be made.
#[derive(Debug, thiserror::Error)]
#[error("failed to make a key and a certificate signing request")]
pub struct CsrError(#[source] rcgen::Error);

/// A new P-256 key (PEM) and a certificate signing request (DER) for it.
///
/// The request names nobody: the controller puts into the certificate what the join token or the live identity
/// stands for, and takes only the public key from the request.
///
/// # Errors
/// The system has no randomness to give.
pub fn new_key_and_csr() -> Result<(Secret, Vec<u8>), CsrError> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(CsrError)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key).map_err(CsrError)?;
    Ok((Secret::new(key.serialize_pem()), request.der().to_vec()))
}
