//! TLS as pgbelay speaks it: 1.3 only, ring, no resumption, and an identity in every certificate.
//!
//! Nothing here relies on a process-wide crypto provider, reads a file or opens a socket.
//! Resumption is off on both sides: a resumed session skips the verifier, so that a revoked peer would get back in.

use std::sync::Arc;

use pgbelay_core::digest::Digest;
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{NoServerSessionStorage, VerifierBuilderError};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::identity::{IdentityError, PeerIdentity};

mod secret;
mod verify;

pub use secret::Secret;
use verify::{ClientVerifier, ControllerVerifier};

/// The DNS name in every controller's certificate, and the only name that clients verify for.
///
/// Controllers are found under addresses that change (a load balancer, a new replica); what makes one a
/// controller is the CA's word, not its address.
pub const CONTROLLER_DNS_NAME: &str = "controller.pgbelay";

const VERSIONS: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS13];
const ALPN_H2: &[u8] = b"h2";

/// What an agent or an operator dials with: the text of PEM files that the caller has read.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The CA certificates to trust; several while a CA is being replaced.
    pub ca_pem: String,
    /// The own certificate, then intermediates if there are any.
    pub certificate_pem: String,
    /// The private key of the own certificate.
    pub key_pem: Secret,
}

/// What a controller serves with.
#[derive(Debug, Clone)]
pub struct ServerCredentials {
    /// The own certificate, then the CA's: a client that enrols by pin must see the CA.
    pub certificate_pem: String,
    /// The private key of the own certificate.
    pub key_pem: Secret,
}

/// What a server asks of its clients.
#[derive(Debug, Clone)]
pub enum ClientAuth {
    /// A certificate of an agent or operator from one of these CAs.
    Required {
        /// The CA certificates as PEM; several while a CA is being replaced.
        ca_pem: String,
    },
    /// Nothing: the enrolment listener, and only that.
    None,
}

/// Why credentials don't make a TLS configuration.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM text holds no certificate.
    #[error("the {part} holds no certificate")]
    NoCertificate {
        /// Which text.
        part: &'static str,
    },
    /// A PEM text with certificates doesn't parse.
    #[error("the {part} is not well-formed PEM")]
    Pem {
        /// Which text.
        part: &'static str,
        /// What the parser says.
        #[source]
        source: pem::Error,
    },
    /// The key doesn't parse. The parser's own words could quote the key, and are left out.
    #[error("the private key is not a well-formed PEM private key")]
    PrivateKey,
    /// A CA certificate can't be an anchor of trust.
    #[error("the CA certificate cannot be used")]
    Anchor(#[source] rustls::Error),
    /// No verifier can be made from the CA certificates.
    #[error("the CA certificates cannot be used")]
    Verifier(#[source] VerifierBuilderError),
    /// Certificate and key don't go together, or are of a kind that can't be used.
    #[error("the certificate and its private key cannot be used")]
    OwnCertificate(#[source] rustls::Error),
    /// The crypto provider can't do TLS 1.3.
    #[error("TLS 1.3 cannot be set up")]
    Provider(#[source] rustls::Error),
    /// The own certificate names nobody.
    #[error("the own certificate has no usable identity")]
    Identity(#[source] IdentityError),
}

impl Credentials {
    /// What the own certificate says: whose it is, and when it must have been renewed.
    ///
    /// # Errors
    /// The PEM holds no certificate, or one without an identity.
    pub fn identity(&self) -> Result<PeerIdentity, TlsError> {
        leaf_identity(&self.certificate_pem)
    }
}

impl ServerCredentials {
    /// What the own certificate says: whose it is, and when it must have been renewed.
    ///
    /// # Errors
    /// The PEM holds no certificate, or one without an identity.
    pub fn identity(&self) -> Result<PeerIdentity, TlsError> {
        leaf_identity(&self.certificate_pem)
    }
}

/// Configuration of a client that shows its certificate and trusts only controllers of its CA.
///
/// The server must chain to the CA, be valid for [`CONTROLLER_DNS_NAME`] and carry a `pgbelay://controller/…` URI:
/// the certificate of an agent or operator can't pose as the controller.
///
/// # Errors
/// The credentials don't parse or don't belong together.
pub fn client_config(credentials: &Credentials) -> Result<ClientConfig, TlsError> {
    let provider = provider();
    let roots = roots(&credentials.ca_pem)?;
    let verifier =
        ControllerVerifier::from_roots(roots, Arc::clone(&provider)).map_err(TlsError::Verifier)?;
    let chain = certificates(&credentials.certificate_pem, "certificate file")?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&VERSIONS)
        .map_err(TlsError::Provider)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(chain, private_key(&credentials.key_pem)?)
        .map_err(TlsError::OwnCertificate)?;
    Ok(finish_client(config))
}

/// Configuration of a client that has no certificate yet, and knows only the SHA-256 of the CA's certificate (DER).
///
/// The server must send that CA certificate, chain to it, and be a controller as for [`client_config`].
///
/// # Errors
/// TLS 1.3 can't be set up.
pub fn pinned_client_config(ca_sha256: Digest) -> Result<ClientConfig, TlsError> {
    let provider = provider();
    let verifier = ControllerVerifier::from_pin(ca_sha256, Arc::clone(&provider));
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&VERSIONS)
        .map_err(TlsError::Provider)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(finish_client(config))
}

/// Configuration of a server. Make a whole new one for each reload.
///
/// # Errors
/// The credentials don't parse or don't belong together.
pub fn server_config(
    credentials: &ServerCredentials,
    clients: &ClientAuth,
) -> Result<ServerConfig, TlsError> {
    let provider = provider();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&VERSIONS)
        .map_err(TlsError::Provider)?;
    let builder = match clients {
        ClientAuth::None => builder.with_no_client_auth(),
        ClientAuth::Required { ca_pem } => {
            let verifier = ClientVerifier::new(roots(ca_pem)?, provider).map_err(TlsError::Verifier)?;
            builder.with_client_cert_verifier(Arc::new(verifier))
        }
    };
    let chain = certificates(&credentials.certificate_pem, "certificate file")?;
    let mut config = builder
        .with_single_cert(chain, private_key(&credentials.key_pem)?)
        .map_err(TlsError::OwnCertificate)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![ALPN_H2.to_vec()];
    Ok(config)
}

fn finish_client(mut config: ClientConfig) -> ClientConfig {
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![ALPN_H2.to_vec()];
    config
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn roots(ca_pem: &str) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca_pem, "CA file")? {
        roots.add(certificate).map_err(TlsError::Anchor)?;
    }
    Ok(Arc::new(roots))
}

fn certificates(text: &str, part: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|source| TlsError::Pem { part, source })?;
    if all.is_empty() { Err(TlsError::NoCertificate { part }) } else { Ok(all) }
}

fn leaf_identity(certificate_pem: &str) -> Result<PeerIdentity, TlsError> {
    let part = "certificate file";
    let chain = certificates(certificate_pem, part)?;
    let leaf = chain.first().ok_or(TlsError::NoCertificate { part })?;
    PeerIdentity::from_certificate(leaf).map_err(TlsError::Identity)
}

fn private_key(key: &Secret) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(|_| TlsError::PrivateKey)
}
