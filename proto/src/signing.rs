//! Signatures of documents by an agent's key: who wrote a backup's manifest, for whoever reads it later.

use rcgen::{KeyPair, SigningKey as _};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::identity::{Identity, PeerIdentity};
use crate::tls::Credentials;

/// Why nothing is signed, or a signature is not believed.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// The key cannot sign.
    #[error("the agent's key cannot sign")]
    Key(#[source] rcgen::Error),
    /// The certificate beside the document cannot be read, or names nobody.
    #[error("the certificate of whoever signed it cannot be read")]
    Certificate,
    /// No CA that is trusted stands behind the certificate.
    #[error("the certificate of whoever signed it was not issued by this fleet's CA")]
    Issuer,
    /// The document is not what was signed.
    #[error("its signature is not that of {signer}: it was changed since it was signed")]
    Wrong {
        /// Whose certificate it is.
        signer: Identity,
    },
}

/// Signs a document: ECDSA over P-256 with SHA-256, as DER, which `openssl dgst -sha256 -verify` checks.
///
/// # Errors
/// [`SignatureError::Key`]
pub fn sign(credentials: &Credentials, document: &[u8]) -> Result<Vec<u8>, SignatureError> {
    let key = KeyPair::from_pem(credentials.key_pem.expose()).map_err(SignatureError::Key)?;
    key.sign(document).map_err(SignatureError::Key)
}

/// Who signed a document, by a certificate of one of these CAs. That it has expired since does not matter: the document
/// is older.
///
/// # Errors
/// It is not signed so.
pub fn verify(
    ca_pem: &str,
    certificate_pem: &str,
    document: &[u8],
    signature: &[u8],
) -> Result<Identity, SignatureError> {
    let der = CertificateDer::from_pem_slice(certificate_pem.as_bytes());
    let der = der.map_err(|_| SignatureError::Certificate)?;
    let signer = PeerIdentity::from_certificate(&der).map_err(|_| SignatureError::Certificate)?.identity;
    let certificate = parsed(&der).ok_or(SignatureError::Certificate)?;
    let of_ca = |ca: &CertificateDer<'_>| {
        parsed(ca).is_some_and(|ca| {
            certificate.issuer() == ca.subject()
                && certificate.verify_signature(Some(ca.public_key())).is_ok()
        })
    };
    let mut cas = CertificateDer::pem_slice_iter(ca_pem.as_bytes()).filter_map(Result::ok);
    if !cas.any(|ca| of_ca(&ca)) {
        return Err(SignatureError::Issuer);
    }
    if is_signed(&certificate, document, signature) {
        Ok(signer)
    } else {
        Err(SignatureError::Wrong { signer })
    }
}

fn parsed<'c>(der: &'c CertificateDer<'_>) -> Option<X509Certificate<'c>> {
    X509Certificate::from_der(der).ok().map(|(_, certificate)| certificate)
}

fn is_signed(by: &X509Certificate<'_>, document: &[u8], signature: &[u8]) -> bool {
    let key = by.public_key().subject_public_key.data.as_ref();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key).verify(document, signature).is_ok()
}

#[cfg(test)]
mod tests;
