//! How failures are told apart; dialling itself is tested against the real listener, with the controller.

use rustls::CertificateError;
use tokio::net::TcpListener;

use super::*;
use crate::tls::pinned_client_config;
use pgbelay_core::digest::Digest;

fn client() -> anyhow::Result<Arc<ClientConfig>> {
    Ok(Arc::new(pinned_client_config(Digest::of("any"))?))
}

fn short() -> DialLimits {
    DialLimits { connect_deadline: Duration::from_millis(300), ..DialLimits::default() }
}

#[derive(Debug, thiserror::Error)]
#[error("outer")]
struct Outer(#[source] io::Error);

#[test]
fn an_alert_is_found_however_deep_it_is_wrapped() {
    let deep = |alert| Outer(io::Error::other(Outer(io::Error::other(rustls::Error::AlertReceived(alert)))));
    assert!(is_certificate_alert(&deep(AlertDescription::CertificateRevoked)));
    assert!(is_certificate_alert(&deep(AlertDescription::CertificateRequired)));
    assert!(!is_certificate_alert(&deep(AlertDescription::ProtocolVersion)));
    assert!(!is_certificate_alert(&Outer(io::Error::other("a certificate"))));
    let ours = rustls::Error::InvalidCertificate(CertificateError::Expired);
    assert!(!is_certificate_alert(&ours), "our refusal is not theirs");
}

#[tokio::test]
async fn nobody_listening_is_unreachable() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    drop(listener);
    let outcome = dial(&address, client()?, short()).await;
    assert!(matches!(outcome, Err(DialError::Unreachable { .. })), "{outcome:?}");
    Ok(())
}

#[tokio::test]
async fn an_address_without_port_or_name_is_unreachable() -> anyhow::Result<()> {
    for address in ["localhost", "", "no-such-host.invalid:1"] {
        let limits = DialLimits::default();
        let outcome = dial(address, client()?, limits).await;
        assert!(matches!(outcome, Err(DialError::Unreachable { .. })), "{address}: {outcome:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_at_the_deadline() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let outcome = dial(&listener.local_addr()?.to_string(), client()?, short()).await;
    let Err(DialError::Unreachable { source, .. }) = outcome else {
        anyhow::bail!("{outcome:?}");
    };
    assert_eq!(source.kind(), io::ErrorKind::TimedOut);
    Ok(())
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_told_apart() -> anyhow::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let server = async {
        let (mut socket, _) = listener.accept().await?;
        socket.read_u8().await?;
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await?;
        Ok::<_, anyhow::Error>(socket)
    };
    let (outcome, served) = tokio::join!(dial(&address, client()?, DialLimits::default()), server);
    served?;
    assert!(matches!(outcome, Err(DialError::Protocol { .. })), "{outcome:?}");
    Ok(())
}
