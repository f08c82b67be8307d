//! Who may be at the other end: the usual verification of a chain, and then the identity.

use std::error::Error as StdError;
use std::sync::Arc;

use pgbelay_core::digest::Digest;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::CONTROLLER_DNS_NAME;
use crate::identity::{Identity, PeerIdentity};

/// A certificate that is genuine, and somebody else's.
#[derive(Debug, thiserror::Error)]
#[error("the certificate belongs to {found}, which is not {wanted}")]
struct WrongRole {
    found: Identity,
    wanted: &'static str,
}

/// The server did not send the certificate that the pin names.
#[derive(Debug, thiserror::Error)]
#[error("none of the server's CA certificates has the SHA-256 that was pinned")]
struct PinNotFound;

/// Verifies that a server is a controller.
#[derive(Debug)]
pub(super) struct ControllerVerifier {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
enum Trust {
    Roots(Arc<WebPkiServerVerifier>),
    Pin(Digest),
}

impl ControllerVerifier {
    pub(super) fn from_roots(
        roots: Arc<RootCertStore>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, VerifierBuilderError> {
        let chain = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build()?;
        Ok(Self { trust: Trust::Roots(chain), provider })
    }

    pub(super) fn from_pin(ca_sha256: Digest, provider: Arc<CryptoProvider>) -> Self {
        Self { trust: Trust::Pin(ca_sha256), provider }
    }

    fn chain_verifier(&self, sent: &[CertificateDer<'_>]) -> Result<Arc<WebPkiServerVerifier>, Error> {
        let pin = match &self.trust {
            Trust::Roots(chain) => return Ok(Arc::clone(chain)),
            Trust::Pin(pin) => pin,
        };
        let pinned = sent.iter().find(|certificate| Digest::of(certificate) == *pin && is_ca(certificate));
        let mut roots = RootCertStore::empty();
        roots.add(pinned.ok_or_else(|| refusal(PinNotFound))?.clone().into_owned())?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .map_err(refusal)
    }
}

impl ServerCertVerifier for ControllerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let name = ServerName::try_from(CONTROLLER_DNS_NAME).map_err(refusal)?;
        self.chain_verifier(intermediates)?.verify_server_cert(
            end_entity,
            intermediates,
            &name,
            ocsp_response,
            now,
        )?;
        match PeerIdentity::from_certificate(end_entity).map_err(refusal)?.identity {
            Identity::Controller(_) => Ok(ServerCertVerified::assertion()),
            found @ (Identity::Agent(_) | Identity::Operator(_)) => {
                Err(refusal(WrongRole { found, wanted: "a controller" }))
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(only_tls13())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Verifies that a client is an agent or an operator.
///
/// The listener reads the identity again for its requests; it is checked here as well so that the peer gets an
/// alert that says what is wrong, instead of a closed connection.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    chain: Arc<dyn ClientCertVerifier>,
}

impl ClientVerifier {
    pub(super) fn new(
        roots: Arc<RootCertStore>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, VerifierBuilderError> {
        let chain = WebPkiClientVerifier::builder_with_provider(roots, provider).build()?;
        Ok(Self { chain })
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.chain.verify_client_cert(end_entity, intermediates, now)?;
        match PeerIdentity::from_certificate(end_entity).map_err(refusal)?.identity {
            Identity::Agent(_) | Identity::Operator(_) => Ok(verified),
            found @ Identity::Controller(_) => {
                Err(refusal(WrongRole { found, wanted: "an agent or an operator" }))
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(only_tls13())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

fn is_ca(der: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(_, certificate)| certificate.is_ca())
}

fn refusal(reason: impl StdError + Send + Sync + 'static) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(reason))))
}

fn only_tls13() -> Error {
    Error::General("only TLS 1.3 is spoken here".to_owned())
}
