//! Who is let in, and whom a client believes.

use std::sync::Arc;

use pgbelay_controller::listener::ListenerOptions;
use pgbelay_core::digest::Digest;
use pgbelay_core::time::Timestamp;
use pgbelay_proto::channel::{DialError, is_certificate_alert};
use pgbelay_proto::tls::{
    CONTROLLER_DNS_NAME, ClientAuth, Credentials, Secret, ServerCredentials, client_config,
    pinned_client_config, server_config,
};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair, SanType};
use rustls::client::Resumption;
use rustls::{ClientConfig, HandshakeKind};

use super::world::{Ca, HOUR, Server, check, now};

const AGENT: &str = "pgbelay://agent/orders";

/// A certificate of the test's own making, signed by the authority, or by itself.
fn odd_certificate(ca: Option<&Ca>, uri: Option<&str>, dns: &str) -> anyhow::Result<(String, Secret)> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![dns.to_owned()])?;
    if let Some(uri) = uri {
        params.subject_alt_names.push(SanType::URI(uri.try_into()?));
    }
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = match ca {
        None => params.self_signed(&key)?,
        Some(ca) => {
            let ca_key = KeyPair::from_pem(ca.files.key_pem.expose())?;
            params.signed_by(&key, &Issuer::from_ca_cert_pem(&ca.files.certificate_pem, ca_key)?)?
        }
    };
    Ok((certificate.pem(), Secret::new(key.serialize_pem())))
}

async fn start(ca: &Ca) -> anyhow::Result<Server> {
    Server::start(ca.server()?, ListenerOptions::identified()).await
}

async fn refused(server: &Server, config: ClientConfig) -> anyhow::Result<()> {
    let outcome = server.dial(config).await;
    let Err(error @ DialError::Refused { .. }) = outcome else {
        anyhow::bail!("{outcome:?}");
    };
    assert!(is_certificate_alert(&error));
    Ok(())
}

async fn not_trusted(server: &Server, config: ClientConfig) -> anyhow::Result<()> {
    let outcome = server.dial(config).await;
    assert!(matches!(outcome, Err(DialError::NotTrusted { .. })), "{outcome:?}");
    Ok(())
}

#[tokio::test]
async fn agents_and_operators_of_the_authority_are_let_in() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let server = start(&ca).await?;
    for uri in [AGENT, "pgbelay://operator/ada"] {
        check(&server.dial_as(&ca.credentials(uri)?).await?).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_client_without_certificate_is_refused() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    refused(&start(&ca).await?, pinned_client_config(ca.authority.fingerprint())?).await
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let mut credentials = Ca::new()?.credentials(AGENT)?;
    credentials.ca_pem = ca.files.certificate_pem.clone();
    refused(&start(&ca).await?, client_config(&credentials)?).await
}

#[tokio::test]
async fn a_self_signed_certificate_is_refused() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let (certificate_pem, key_pem) = odd_certificate(None, Some(AGENT), "agent")?;
    let credentials = Credentials { ca_pem: ca.files.certificate_pem.clone(), certificate_pem, key_pem };
    refused(&start(&ca).await?, client_config(&credentials)?).await
}

#[tokio::test]
async fn a_certificate_without_a_client_identity_is_refused() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let server = start(&ca).await?;
    for uri in [None, Some("pgbelay://controller/c2"), Some("pgbelay://agent/a/b")] {
        let (certificate_pem, key_pem) = odd_certificate(Some(&ca), uri, "agent")?;
        let credentials = Credentials { ca_pem: ca.files.certificate_pem.clone(), certificate_pem, key_pem };
        refused(&server, client_config(&credentials)?).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_controllers_certificate_does_not_make_a_client() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let ServerCredentials { certificate_pem, key_pem } = ca.controller()?;
    let credentials = Credentials { ca_pem: ca.files.certificate_pem.clone(), certificate_pem, key_pem };
    refused(&start(&ca).await?, client_config(&credentials)?).await
}

#[tokio::test]
async fn an_expired_certificate_is_refused() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let (credentials, _) = ca.issue(AGENT, Timestamp(now()?.0 - 2 * HOUR.0), HOUR)?;
    refused(&start(&ca).await?, client_config(&credentials)?).await
}

#[tokio::test]
async fn an_agents_certificate_does_not_make_a_controller() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let agent = ca.credentials(AGENT)?;
    let posing =
        ServerCredentials { certificate_pem: agent.certificate_pem.clone(), key_pem: agent.key_pem.clone() };
    let server =
        Server::start(server_config(&posing, &ca.client_auth())?, ListenerOptions::identified()).await?;
    not_trusted(&server, client_config(&agent)?).await
}

#[tokio::test]
async fn a_servers_certificate_with_another_identity_or_name_is_not_trusted() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let controller = "pgbelay://controller/c1";
    for (uri, dns, trusted) in [
        (Some(controller), CONTROLLER_DNS_NAME, true),
        (Some(AGENT), CONTROLLER_DNS_NAME, false),
        (Some("pgbelay://operator/ada"), CONTROLLER_DNS_NAME, false),
        (None, CONTROLLER_DNS_NAME, false),
        (Some(controller), "localhost", false),
    ] {
        let (leaf, key_pem) = odd_certificate(Some(&ca), uri, dns)?;
        let odd = ServerCredentials { certificate_pem: leaf + &ca.files.certificate_pem, key_pem };
        let server =
            Server::start(server_config(&odd, &ca.client_auth())?, ListenerOptions::identified()).await?;
        if trusted {
            check(&server.dial_as(&ca.credentials(AGENT)?).await?).await?;
        } else {
            not_trusted(&server, client_config(&ca.credentials(AGENT)?)?).await?;
            not_trusted(&server, pinned_client_config(ca.authority.fingerprint())?).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_controller_of_another_authority_is_not_trusted() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let server = start(&Ca::new()?).await?;
    not_trusted(&server, client_config(&ca.credentials(AGENT)?)?).await
}

#[tokio::test]
async fn a_pin_lets_in_its_own_authority_only() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let config = server_config(&ca.controller()?, &ClientAuth::None)?;
    let mut server = Server::start(config, ListenerOptions::enrolment()).await?;
    check(&server.dial(pinned_client_config(ca.authority.fingerprint())?).await?).await?;
    assert_eq!(server.next_seen().await?.identity, None);

    not_trusted(&server, pinned_client_config(Ca::new()?.authority.fingerprint())?).await?;
    not_trusted(&server, pinned_client_config(Digest::of("something else"))?).await
}

/// Anybody can send the CA's certificate along: it must be the one that signed.
#[tokio::test]
async fn a_pinned_certificate_that_signed_nothing_is_not_trusted() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let imposter = Ca::new()?.controller()?;
    let (alone, its_key) = odd_certificate(None, Some("pgbelay://controller/c1"), CONTROLLER_DNS_NAME)?;
    for (chain, key_pem) in [(imposter.certificate_pem, imposter.key_pem), (alone, its_key)] {
        let posing = ServerCredentials { certificate_pem: chain + &ca.files.certificate_pem, key_pem };
        let config = server_config(&posing, &ClientAuth::None)?;
        let server = Server::start(config, ListenerOptions::enrolment()).await?;
        not_trusted(&server, pinned_client_config(ca.authority.fingerprint())?).await?;
    }
    Ok(())
}

/// What the peer has sent meanwhile must not turn the reason into a reset connection.
#[tokio::test]
async fn a_refused_client_learns_why_even_if_it_talks_on() -> anyhow::Result<()> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let ca = Ca::new()?;
    let server = start(&ca).await?;
    let mut stream = server.raw_tls(pinned_client_config(ca.authority.fingerprint())?).await?;
    for _ in 0..10 {
        // Lets the server refuse in between: what is sent after that is what a reset would answer.
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        stream.write_all(&[0; 1024]).await?;
    }
    let outcome = tokio::time::timeout(super::world::PATIENCE, stream.read_u8()).await?;
    let Err(error) = outcome else {
        anyhow::bail!("{outcome:?}");
    };
    assert!(is_certificate_alert(&error), "{error}");
    Ok(())
}

/// The TLS 1.3 client of the product, made to speak something else.
fn altered(
    credentials: &Credentials,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> anyhow::Result<ClientConfig> {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(credentials.ca_pem.as_bytes())?)?;
    let chain = vec![CertificateDer::from_pem_slice(credentials.certificate_pem.as_bytes())?];
    let key = PrivateKeyDer::from_pem_slice(credentials.key_pem.expose().as_bytes())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)?)
}

#[tokio::test]
async fn tls_1_2_is_refused() -> anyhow::Result<()> {
    let ca = Ca::new()?;
    let server = start(&ca).await?;
    let credentials = ca.credentials(AGENT)?;
    let old = server.raw_tls(altered(&credentials, &[&rustls::version::TLS12])?).await;
    let error = old.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("ProtocolVersion"), "{error:?}");
    server.raw_tls(altered(&credentials, &[&rustls::version::TLS13])?).await?;
    Ok(())
}

/// A resumed session would skip the verifier: a revoked peer would get back in.
#[tokio::test]
async fn no_session_is_resumed_even_if_the_client_wants_to() -> anyhow::Result<()> {
    use tokio::io::AsyncReadExt as _;
    let ca = Ca::new()?;
    let server = start(&ca).await?;
    let mut config = client_config(&ca.credentials(AGENT)?)?;
    config.resumption = Resumption::in_memory_sessions(8);
    let config = Arc::new(config);
    for _ in 0..3 {
        let mut stream = super::world::raw_tls(server.address, Arc::clone(&config)).await?;
        // Tickets would come before the first bytes of HTTP/2.
        stream.read_u8().await?;
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
    }
    Ok(())
}
