//! Who has signed what, and who has not.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};

use super::*;
use crate::tls::Secret;

fn ca(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn agent(ca: &CertifiedIssuer<'static, KeyPair>) -> Credentials {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI("pgbelay://agent/orders".try_into().unwrap())];
    // It has expired long ago.
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2020, 1, 2);
    let key = KeyPair::generate().unwrap();
    let certificate_pem = params.signed_by(&key, ca).unwrap().pem();
    Credentials { ca_pem: ca.pem(), certificate_pem, key_pem: Secret::new(key.serialize_pem()) }
}

#[test]
fn only_what_was_signed_is_believed() {
    let (ours, others) = (ca("ours"), ca("others"));
    let agent_ = agent(&ours);
    let check = |ca: &str, certificate: &str, document: &[u8], signature: &[u8]| {
        verify(ca, certificate, document, signature)
            .map(|signer| signer.to_string())
            .map_err(|e| e.to_string())
    };
    let signature = sign(&agent_, b"manifest").unwrap();
    let certificate = &agent_.certificate_pem;
    assert_eq!(
        check(&ours.pem(), certificate, b"manifest", &signature),
        Ok("pgbelay://agent/orders".to_owned())
    );
    let both = others.pem() + &ours.pem();
    assert!(
        check(&both, certificate, b"manifest", &signature).is_ok(),
        "while a CA is replaced there are two"
    );

    let refused = |ca: &str, certificate: &str, document: &[u8], signature: &[u8], why: &str| {
        let told = check(ca, certificate, document, signature).unwrap_err();
        assert!(told.contains(why), "{told}");
    };
    refused(&ours.pem(), certificate, b"Manifest", &signature, "changed since");
    refused(&ours.pem(), certificate, b"manifest", b"", "changed since");
    refused(&others.pem(), certificate, b"manifest", &signature, "not issued by this fleet's CA");
    refused("", certificate, b"manifest", &signature, "not issued by this fleet's CA");
    refused(&ours.pem(), "no certificate", b"manifest", &signature, "cannot be read");
    refused(&ours.pem(), &ours.pem(), b"manifest", &signature, "cannot be read");
    let other = agent(&ours);
    refused(&ours.pem(), &other.certificate_pem, b"manifest", &signature, "changed since");
    // A CA of the same name, with another key.
    let same_name = ca("ours");
    refused(&same_name.pem(), certificate, b"manifest", &signature, "not issued by this fleet's CA");
}
