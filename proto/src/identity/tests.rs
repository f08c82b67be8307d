//! Identities: the grammar, and what certificates may and may not carry.

use rcgen::{CertificateParams, KeyPair, SanType, SerialNumber};

use super::*;

fn certificate(uris: &[&str]) -> anyhow::Result<Vec<u8>> {
    let mut params = CertificateParams::new(vec!["db1.example".to_owned()])?;
    params.serial_number = Some(SerialNumber::from_slice(&[0, 0xff, 1]));
    params.not_after = rcgen::date_time_ymd(2031, 2, 3);
    for uri in uris {
        params.subject_alt_names.push(SanType::URI((*uri).try_into()?));
    }
    Ok(params.self_signed(&KeyPair::generate()?)?.der().to_vec())
}

#[test]
fn an_identity_survives_its_own_text() -> anyhow::Result<()> {
    for uri in ["pgbelay://agent/orders-1", "pgbelay://operator/ada", "pgbelay://controller/eu.west"] {
        assert_eq!(uri.parse::<Identity>()?.to_string(), uri);
    }
    Ok(())
}

#[test]
fn a_text_that_is_nearly_an_identity_is_refused() {
    for text in [
        "",
        "pgbelay://",
        "pgbelay://agent",
        "pgbelay://agent/",
        "pgbelay://agent/a/b",
        "pgbelay://agent/a b",
        "pgbelay://agent/a?x=1",
        "pgbelay://admin/a",
        "PGBELAY://agent/a",
        "pgbelay://Agent/a",
        "spiffe://agent/a",
        " pgbelay://agent/a",
        "pgbelay://controller/../a",
    ] {
        assert_eq!(
            text.parse::<Identity>(),
            Err(IdentityError::NotAnIdentity { uri: text.to_owned() }),
            "{text:?}"
        );
    }
}

#[test]
fn a_certificate_gives_identity_serial_and_end() -> anyhow::Result<()> {
    let der = certificate(&["https://example.com/a", "pgbelay://agent/orders"])?;
    let peer = PeerIdentity::from_certificate(&der)?;
    assert_eq!(peer.identity.to_string(), "pgbelay://agent/orders");
    assert_eq!(peer.serial, "ff01");
    assert_eq!(peer.not_after, Timestamp(1_927_843_200_000));
    Ok(())
}

#[test]
fn a_certificate_without_exactly_one_identity_is_refused() -> anyhow::Result<()> {
    let read = |uris: &[&str]| Ok::<_, anyhow::Error>(PeerIdentity::from_certificate(&certificate(uris)?));
    assert_eq!(read(&[])?, Err(IdentityError::Missing));
    assert_eq!(read(&["https://example.com"])?, Err(IdentityError::Missing));
    let two = ["pgbelay://agent/a", "pgbelay://operator/a"];
    assert_eq!(read(&two)?, Err(IdentityError::Several { count: 2 }));
    let odd = ["Pgbelay://agent/a"];
    assert_eq!(read(&odd)?, Err(IdentityError::NotAnIdentity { uri: odd[0].to_owned() }));
    Ok(())
}

#[test]
fn bytes_that_are_not_one_certificate_are_refused() -> anyhow::Result<()> {
    let mut der = certificate(&["pgbelay://agent/a"])?;
    der.push(0);
    assert_eq!(PeerIdentity::from_certificate(&der), Err(IdentityError::Malformed));
    assert_eq!(PeerIdentity::from_certificate(b"no"), Err(IdentityError::Malformed));
    Ok(())
}
