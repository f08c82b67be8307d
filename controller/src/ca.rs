//! The controller's own certificate authority.
//!
//! Whose certificate it becomes and what it is good for are decided here, never by the request: of a certificate
//! signing request only the public key is used. P-256 throughout. What was issued is recorded by the caller.

use std::fmt;
use std::time::Duration;

use pgbelay_core::digest::Digest;
use pgbelay_core::time::{Span, Timestamp};
use pgbelay_proto::identity::{Identity, IdentityError};
use pgbelay_proto::tls::{CONTROLLER_DNS_NAME, Secret, ServerCredentials};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData,
    SanType, SerialNumber,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer};
use x509_parser::prelude::{FromDer, X509Certificate};

#[cfg(test)]
mod tests;

/// How long the authority itself lives: longer than a fleet goes without a planned change of its CA.
pub const CA_LIFETIME: Span = Span::hours(24 * 3_653);

/// Certificates count from this much before they were issued, for peers whose clock is behind.
/// A clock that is further off also breaks deadlines and windows, and had better be noticed.
pub const CLOCK_SKEW: Span = Span::seconds(5 * 60);

/// Largest certificate signing request that is looked at; one with a P-256 key is below 500 bytes.
pub const MAX_CSR_BYTES: usize = 4 * 1024;

/// An uncompressed point on P-256: one byte of format and two coordinates.
const P256_POINT_BYTES: usize = 65;

/// A certificate authority with its key in memory.
pub struct CertificateAuthority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
    fingerprint: Digest,
    not_after: Timestamp,
}

/// What has to be kept to load the authority again.
#[derive(Debug, Clone)]
pub struct AuthorityFiles {
    /// The CA certificate: public, and given to everyone.
    pub certificate_pem: String,
    /// The CA key: whoever reads it can be anybody.
    pub key_pem: Secret,
}

/// A certificate that was issued for somebody else's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The certificate, without the CA's.
    pub certificate_pem: String,
    /// Its serial number, as [`pgbelay_proto::identity::PeerIdentity`] gives it.
    pub serial: String,
    /// The end of its validity; whole seconds.
    pub not_after: Timestamp,
}

/// Why nothing was issued or loaded.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// The CA certificate file is not one PEM certificate of a CA.
    #[error("the CA certificate file does not hold the certificate of a CA")]
    NotACa,
    /// The CA key file doesn't parse. The parser's own words could quote the key, and are left out.
    #[error("the CA key file does not hold a private key that can be used")]
    Key,
    /// Certificate and key are not a pair.
    #[error("the CA certificate and the CA key do not belong together")]
    KeyMismatch,
    /// The CA's own validity is over (or has not begun).
    #[error("the CA certificate is not valid at this time")]
    CaExpired,
    /// The request doesn't parse, is too large, or asks for extensions that nobody here knows.
    #[error("the certificate signing request is not usable")]
    Request(#[source] Option<rcgen::Error>),
    /// The request's key is of another kind.
    #[error("the certificate signing request must be for a P-256 key")]
    KeyKind,
    /// A lifetime of nothing, or a time that X.509 can't express.
    #[error("a certificate cannot have this lifetime")]
    Lifetime,
    /// The name doesn't follow the grammar of names.
    #[error("the identity cannot be put into a certificate")]
    Identity(#[source] IdentityError),
    /// Making the key or the signature failed.
    #[error("failed to make a key or certificate")]
    Crypto(#[source] rcgen::Error),
}

impl CertificateAuthority {
    /// A new authority with a new key. The files are for the caller to keep, the key with mode 0600.
    ///
    /// # Errors
    /// No randomness, or a time that can't be.
    pub fn create(now: Timestamp) -> Result<(Self, AuthorityFiles), CaError> {
        let key = new_key()?;
        let mut params = params_for(now, now + CA_LIFETIME)?;
        // Two authorities never share a name: a peer of another one gets "unknown CA", not a bad signature.
        params
            .distinguished_name
            .push(DnType::CommonName, format!("pgbelay CA {:08x}", rand::random::<u32>()));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate_pem = params.self_signed(&key).map_err(CaError::Crypto)?.pem();
        let key_pem = key.serialize_pem();
        let authority = Self::load(&certificate_pem, &key_pem)?;
        Ok((authority, AuthorityFiles { certificate_pem, key_pem: Secret::new(key_pem) }))
    }

    /// The authority from its files; the user's own CA works as well.
    ///
    /// # Errors
    /// The files don't parse, are not a CA's, or don't belong together.
    pub fn load(certificate_pem: &str, key_pem: &str) -> Result<Self, CaError> {
        let der = CertificateDer::from_pem_slice(certificate_pem.as_bytes()).map_err(|_| CaError::NotACa)?;
        let (_, certificate) = X509Certificate::from_der(&der).map_err(|_| CaError::NotACa)?;
        if !certificate.is_ca() {
            return Err(CaError::NotACa);
        }
        let key = KeyPair::from_pem(key_pem).map_err(|_| CaError::Key)?;
        if key.public_key_raw() != &*certificate.public_key().subject_public_key.data {
            return Err(CaError::KeyMismatch);
        }
        Ok(Self {
            issuer: Issuer::from_ca_cert_der(&der, key).map_err(|_| CaError::NotACa)?,
            certificate_pem: certificate_pem.to_owned(),
            fingerprint: Digest::of(&der),
            not_after: Timestamp(certificate.validity().not_after.timestamp().saturating_mul(1_000)),
        })
    }

    /// The CA certificate, for peers to trust.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// SHA-256 of the CA certificate (DER): what join tokens pin.
    #[must_use]
    pub const fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    /// The end of the CA's own validity; nothing that it issues lives longer.
    #[must_use]
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// A certificate for the public key of a request (DER), whose self-signature proves possession of the key.
    ///
    /// Agents and operators get a client's certificate, controllers a server's. It counts from [`CLOCK_SKEW`]
    /// before `now`, and ends after `lifetime` or with the CA, whichever comes first.
    ///
    /// # Errors
    /// The request is unusable, or the identity, lifetime or CA is not valid.
    pub fn sign_csr(
        &self,
        csr_der: &[u8],
        identity: &Identity,
        now: Timestamp,
        lifetime: Span,
    ) -> Result<Issued, CaError> {
        self.issue(&public_key(csr_der)?, identity, now, lifetime)
    }

    /// A new key and certificate for a controller, with the CA's certificate in the chain.
    ///
    /// # Errors
    /// The name, lifetime or CA is not valid, or there is no randomness.
    pub fn issue_controller(
        &self,
        name: &str,
        now: Timestamp,
        lifetime: Span,
    ) -> Result<ServerCredentials, CaError> {
        let key = new_key()?;
        let issued = self.issue(&key, &Identity::Controller(name.to_owned()), now, lifetime)?;
        Ok(ServerCredentials {
            certificate_pem: issued.certificate_pem + &self.certificate_pem,
            key_pem: Secret::new(key.serialize_pem()),
        })
    }

    fn issue(
        &self,
        key: &impl PublicKeyData,
        identity: &Identity,
        now: Timestamp,
        lifetime: Span,
    ) -> Result<Issued, CaError> {
        if now >= self.not_after {
            return Err(CaError::CaExpired);
        }
        if lifetime.0 <= 0 {
            return Err(CaError::Lifetime);
        }
        let not_after = whole_seconds((now + lifetime).min(self.not_after));
        let mut params = params_for(now, not_after)?;
        describe(&mut params, identity)?;
        let serial = serial_number();
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        let certificate = params.signed_by(key, &self.issuer).map_err(CaError::Crypto)?;
        let serial = serial.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Issued { certificate_pem: certificate.pem(), serial, not_after })
    }
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAuthority").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

/// Writes into the certificate who it is for and what it is good for.
fn describe(params: &mut CertificateParams, identity: &Identity) -> Result<(), CaError> {
    let uri = identity.to_string();
    // The name of a controller is a plain text until here.
    uri.parse::<Identity>().map_err(CaError::Identity)?;
    let usage = match identity {
        Identity::Agent(_) | Identity::Operator(_) => ExtendedKeyUsagePurpose::ClientAuth,
        Identity::Controller(_) => {
            let name = CONTROLLER_DNS_NAME.try_into().map_err(CaError::Crypto)?;
            params.subject_alt_names.push(SanType::DnsName(name));
            ExtendedKeyUsagePurpose::ServerAuth
        }
    };
    params.subject_alt_names.push(SanType::URI(uri.as_str().try_into().map_err(CaError::Crypto)?));
    params.distinguished_name.push(DnType::CommonName, identity.name());
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    Ok(())
}

fn public_key(csr_der: &[u8]) -> Result<rcgen::PublicKey, CaError> {
    if csr_der.len() > MAX_CSR_BYTES {
        return Err(CaError::Request(None));
    }
    let request = CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(csr_der))
        .map_err(|error| CaError::Request(Some(error)))?;
    let key = request.public_key;
    // The algorithm is that of the signature; with another curve under it, the point has another length.
    if *key.algorithm() != PKCS_ECDSA_P256_SHA256 || key.der_bytes().len() != P256_POINT_BYTES {
        return Err(CaError::KeyKind);
    }
    Ok(key)
}

fn new_key() -> Result<KeyPair, CaError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(CaError::Crypto)
}

/// 128 bits, of which 126 are random: the first byte is kept between 0x40 and 0x7f, so that the DER integer has
/// neither a leading zero nor a sign, and prints with the same digits everywhere.
fn serial_number() -> [u8; 16] {
    let mut serial: [u8; 16] = rand::random();
    serial[0] = serial[0] & 0x3f | 0x40;
    serial
}

fn params_for(now: Timestamp, not_after: Timestamp) -> Result<CertificateParams, CaError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let since_epoch = |moment: Timestamp| {
        let ms = u64::try_from(whole_seconds(moment).0).map_err(|_| CaError::Lifetime)?;
        epoch
            .checked_add(Duration::from_millis(ms).try_into().map_err(|_| CaError::Lifetime)?)
            .ok_or(CaError::Lifetime)
    };
    params.not_before = since_epoch(Timestamp(now.0.saturating_sub(CLOCK_SKEW.0).max(0)))?;
    params.not_after = since_epoch(not_after)?;
    Ok(params)
}

/// X.509 has no milliseconds.
fn whole_seconds(moment: Timestamp) -> Timestamp {
    Timestamp(moment.0.div_euclid(1_000) * 1_000)
}
