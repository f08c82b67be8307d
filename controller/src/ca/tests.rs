//! What the authority writes into certificates, and what it refuses to sign.

use pgbelay_proto::csr::new_key_and_csr;
use pgbelay_proto::identity::PeerIdentity;
use x509_parser::extensions::GeneralName;

use super::*;

const NOW: Timestamp = Timestamp(1_900_000_000_500);
const DAY: Span = Span::hours(24);

fn der(pem: &str) -> anyhow::Result<CertificateDer<'static>> {
    Ok(CertificateDer::from_pem_slice(pem.as_bytes())?)
}

fn agent() -> anyhow::Result<Identity> {
    Ok("pgbelay://agent/orders".parse()?)
}

#[test]
fn the_certificate_is_what_was_recorded() -> anyhow::Result<()> {
    let (authority, _) = CertificateAuthority::create(NOW)?;
    let issued = authority.sign_csr(&new_key_and_csr()?.1, &agent()?, NOW, DAY)?;
    let peer = PeerIdentity::from_certificate(&der(&issued.certificate_pem)?)?;
    assert_eq!(peer.identity, agent()?);
    assert_eq!((peer.serial, peer.not_after), (issued.serial.clone(), issued.not_after));
    assert_eq!(issued.serial.len(), 32);
    assert_eq!(issued.not_after, Timestamp(1_900_086_400_000));
    Ok(())
}

#[test]
fn names_and_purpose_come_from_the_authority_and_not_from_the_request() -> anyhow::Result<()> {
    let (authority, _) = CertificateAuthority::create(NOW)?;
    let key = KeyPair::generate()?;
    let mut greedy = CertificateParams::new(vec![CONTROLLER_DNS_NAME.to_owned()])?;
    greedy.subject_alt_names.push(SanType::URI("pgbelay://controller/me".try_into()?));
    greedy.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    greedy.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let request = greedy.serialize_request(&key)?;

    let issued = authority.sign_csr(request.der(), &agent()?, NOW, DAY)?;

    let der = der(&issued.certificate_pem)?;
    let (_, certificate) = X509Certificate::from_der(&der)?;
    let usage =
        certificate.extended_key_usage()?.map(|usage| (usage.value.client_auth, usage.value.server_auth));
    assert_eq!(usage, Some((true, false)));
    assert!(!certificate.is_ca());
    let names = certificate.subject_alternative_name()?.map(|names| names.value.general_names.clone());
    assert_eq!(names, Some(vec![GeneralName::URI("pgbelay://agent/orders")]));
    assert_eq!(&*certificate.public_key().subject_public_key.data, key.public_key_raw());
    Ok(())
}

#[test]
fn a_request_that_was_not_signed_by_its_key_is_refused() -> anyhow::Result<()> {
    let (authority, _) = CertificateAuthority::create(NOW)?;
    let mut csr = new_key_and_csr()?.1;
    let last = csr.len() - 1;
    csr[last] ^= 1;
    let outcome = authority.sign_csr(&csr, &agent()?, NOW, DAY);
    assert!(matches!(outcome, Err(CaError::Request(Some(_)))), "{outcome:?}");
    let outcome = authority.sign_csr(&[0x30; MAX_CSR_BYTES + 1], &agent()?, NOW, DAY);
    assert!(matches!(outcome, Err(CaError::Request(None))), "{outcome:?}");
    Ok(())
}

#[test]
fn a_key_of_another_kind_is_refused() -> anyhow::Result<()> {
    let (authority, _) = CertificateAuthority::create(NOW)?;
    for kind in [&rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
        let request = CertificateParams::default().serialize_request(&KeyPair::generate_for(kind)?)?;
        let outcome = authority.sign_csr(request.der(), &agent()?, NOW, DAY);
        assert!(matches!(outcome, Err(CaError::KeyKind)), "{outcome:?}");
    }
    Ok(())
}

#[test]
fn nothing_outlives_the_authority() -> anyhow::Result<()> {
    let (authority, _) = CertificateAuthority::create(NOW)?;
    let late = Timestamp(authority.not_after().0 - 60_000);
    let issued = authority.sign_csr(&new_key_and_csr()?.1, &agent()?, late, DAY)?;
    assert_eq!(issued.not_after, authority.not_after());
    let outcome = authority.issue_controller("c", authority.not_after(), DAY);
    assert!(matches!(outcome, Err(CaError::CaExpired)), "{outcome:?}");
    Ok(())
}

#[test]
fn a_controller_is_named_by_the_grammar_and_lives_a_positive_time() -> anyhow::Result<()> {
    let (authority, _) = CertificateAuthority::create(NOW)?;
    let outcome = authority.issue_controller("a/b", NOW, DAY);
    assert!(matches!(outcome, Err(CaError::Identity(_))), "{outcome:?}");
    let outcome = authority.issue_controller("a", NOW, Span(0));
    assert!(matches!(outcome, Err(CaError::Lifetime)), "{outcome:?}");
    assert_eq!(
        authority.issue_controller("a", NOW, DAY)?.identity()?.identity.to_string(),
        "pgbelay://controller/a"
    );
    Ok(())
}

#[test]
fn an_authority_loads_from_its_own_files_and_from_no_others() -> anyhow::Result<()> {
    let (authority, files) = CertificateAuthority::create(NOW)?;
    let loaded = CertificateAuthority::load(&files.certificate_pem, files.key_pem.expose())?;
    assert_eq!(loaded.fingerprint(), authority.fingerprint());
    assert_eq!(loaded.fingerprint(), Digest::of(der(&files.certificate_pem)?));

    let (_, other) = CertificateAuthority::create(NOW)?;
    let mixed = CertificateAuthority::load(&files.certificate_pem, other.key_pem.expose());
    assert!(matches!(mixed, Err(CaError::KeyMismatch)), "{mixed:?}");
    let leaf = authority.issue_controller("c", NOW, DAY)?;
    let not_ca = CertificateAuthority::load(&leaf.certificate_pem, leaf.key_pem.expose());
    assert!(matches!(not_ca, Err(CaError::NotACa)), "{not_ca:?}");
    let no_key = CertificateAuthority::load(&files.certificate_pem, "nothing");
    assert!(matches!(no_key, Err(CaError::Key)), "{no_key:?}");
    Ok(())
}
