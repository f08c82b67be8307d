//! An identity on disk: whole, private, and never lost to a half-written successor.

use pgbelay_proto::csr::new_key_and_csr;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, IsCa, Issuer, KeyPair, SanType,
};

use super::*;

struct Ca {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

fn ca() -> Ca {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    Ca { pem, issuer: Issuer::new(params, key) }
}

fn credentials(ca: &Ca, uri: &str) -> Credentials {
    let (key_pem, csr) = new_key_and_csr().unwrap();
    let mut request = CertificateSigningRequestParams::from_der(&csr.into()).unwrap();
    request.params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
    let certificate_pem = request.signed_by(&ca.issuer).unwrap().pem();
    Credentials { ca_pem: ca.pem.clone(), certificate_pem, key_pem }
}

fn files(dir: &tempfile::TempDir) -> IdentityFiles {
    IdentityFiles::new(dir.path().join("identity"), "orders".parse().unwrap())
}

#[test]
fn an_identity_is_there_whole_or_not_at_all() {
    let (dir, ca) = (tempfile::tempdir().unwrap(), ca());
    let files = files(&dir);
    assert!(matches!(files.load(), Err(IdentityFileError::NotEnrolled { .. })));
    let first = credentials(&ca, "pgbelay://agent/orders");
    files.save(Slot::Current, &first, Timestamp(5)).unwrap();
    let (slot, loaded) = files.load().unwrap();
    assert_eq!((slot, loaded.obtained_at), (Slot::Current, Timestamp(5)));
    assert_eq!(loaded.credentials.key_pem.expose(), first.key_pem.expose());
}

#[test]
fn a_successor_comes_first_and_the_old_one_stays_until_it_was_used() {
    let (dir, ca) = (tempfile::tempdir().unwrap(), ca());
    let files = files(&dir);
    let [first, second, third] = [(); 3].map(|()| credentials(&ca, "pgbelay://agent/orders"));
    let loaded = || files.load().map(|(slot, found)| (slot, found.credentials.certificate_pem)).unwrap();
    files.save(Slot::Current, &first, Timestamp(1)).unwrap();
    files.save(Slot::Next, &second, Timestamp(2)).unwrap();
    assert_eq!(loaded(), (Slot::Next, second.certificate_pem.clone()));
    files.discard_next().unwrap();
    assert_eq!(loaded(), (Slot::Current, first.certificate_pem));
    files.save(Slot::Next, &second, Timestamp(2)).unwrap();
    files.promote_next().unwrap();
    assert_eq!(loaded(), (Slot::Current, second.certificate_pem.clone()));
    files.save(Slot::Next, &second, Timestamp(2)).unwrap();
    files.save(Slot::Current, &third, Timestamp(3)).unwrap();
    assert_eq!(loaded(), (Slot::Current, third.certificate_pem), "enrolled again");
}

#[test]
fn what_is_not_this_agents_identity_is_not_kept() {
    let (dir, ca) = (tempfile::tempdir().unwrap(), ca());
    let files = files(&dir);
    let good = credentials(&ca, "pgbelay://agent/orders");
    files.save(Slot::Current, &good, Timestamp(1)).unwrap();
    let other = credentials(&ca, "pgbelay://agent/billing");
    let refused = files.save(Slot::Current, &other, Timestamp(2));
    assert!(matches!(refused, Err(IdentityFileError::OtherName { .. })), "{refused:?}");
    let mixed = Credentials { key_pem: other.key_pem, ..good.clone() };
    let refused = files.save(Slot::Current, &mixed, Timestamp(2));
    assert!(matches!(refused, Err(IdentityFileError::Unusable(_))), "{refused:?}");
    assert_eq!(files.load().unwrap().1.credentials.certificate_pem, good.certificate_pem);
}

#[test]
fn a_damaged_file_is_named_and_not_quoted() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(&dir);
    fs::create_dir(dir.path().join("identity")).unwrap();
    fs::write(dir.path().join("identity/current.json"), "{\"key_pem\": \"hunter2").unwrap();
    let error = files.load().unwrap_err();
    assert!(matches!(error, IdentityFileError::Damaged { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[test]
fn renewal_is_due_at_half_life_give_or_take() {
    let ca = ca();
    let credentials = credentials(&ca, "pgbelay://agent/orders");
    let peer = PeerIdentity { not_after: Timestamp(2_000_000), ..credentials.identity().unwrap() };
    let identity = StoredIdentity { credentials, obtained_at: Timestamp(1_000_000), peer };
    assert_eq!(identity.renew_at(0.0), Timestamp(1_500_000));
    assert_eq!(identity.renew_at(0.1), Timestamp(1_550_000));
    assert_eq!(identity.renew_at(-0.1), Timestamp(1_450_000));
}
