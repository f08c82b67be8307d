//! Stores in bad circumstances: a bucket that is not there, somebody else's backup of the same name, a certificate of an
//! authority that nobody knows.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use jiff::{Timestamp, ToSpan as _};
use pgbelay_agent::config::StoreAt;
use pgbelay_core::command::{Failure, FailureKind};
use pgbelay_tests::s3::{BUCKET, S3};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use crate::backups::{Yard, backed_up, failure};
use crate::storing::{objects, place, problems, stores};
use crate::world::APP;

/// Takes a backup, which fails with these words, of the store and of what to do, and leaves nothing here.
async fn refused(yard: &Yard, words: &str, next: &str) -> anyhow::Result<Failure> {
    let failure = failure(yard.back_up(None).await?);
    ensure!(failure.kind == FailureKind::Backup && failure.message.contains(words), "{words}: {failure:?}");
    let hint = failure.hint.clone().unwrap_or_default();
    ensure!(hint.starts_with("nothing was touched") && hint.contains(next), "{next}: {failure:?}");
    let left: Vec<_> = yard.left().into_iter().filter(|name| !name.starts_with('.')).collect();
    ensure!(left.is_empty(), "{left:?}");
    Ok(failure)
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_named_and_nothing_is_touched() -> anyhow::Result<()> {
    let s3 = S3::start().await?;
    let mut yard = Yard::new().await?;
    yard.stores = stores(&s3, &yard, &["nowhere/p"]);
    let failure = refused(&yard, "there is no such bucket", "make the bucket").await?;
    ensure!(failure.message.contains("s3://nowhere/p"), "{failure:?}");
    ensure!(!s3.root().join("nowhere").exists(), "it was made");
    ensure!(s3.objects().is_empty(), "{:?}", s3.objects());
    Ok(())
}

/// Puts these objects where a backup of the next minutes would go, whenever it is begun; what is there then. `ID` in a name
/// is that of the backup.
fn plant(root: &Path, ending: &str, names: &[&str]) -> anyhow::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let now = Timestamp::now();
    let mut there = BTreeMap::new();
    for second in 0..300 {
        let id = format!("{}{ending}", (now + second.seconds()).strftime("%Y%m%dT%H%M%SZ"));
        for name in names {
            let path = root.join(name.replace("ID", &id));
            fs::create_dir_all(path.parent().context("no directory")?)?;
            fs::write(&path, format!("{name} of another"))?;
            there.insert(path, format!("{name} of another").into_bytes());
        }
    }
    Ok(there)
}

#[tokio::test]
async fn a_backup_of_the_same_name_by_another_agent_is_left_alone() -> anyhow::Result<()> {
    let s3 = S3::start().await?;
    let mut yard = Yard::new().await?;
    // The other one is at work, or was done a moment ago.
    for (prefix, names) in [
        ("begun", ["ID/dump/toc.dat", ".uploading-ID"].as_slice()),
        ("done", ["ID/dump/toc.dat", "ID/manifest.json"].as_slice()),
    ] {
        yard.stores = stores(&s3, &yard, &[&place(prefix)]);
        let root = s3.bucket().join(prefix).join(APP);
        let there = plant(&root, "-r3-c7", names)?;
        let failure = refused(&yard, "is there already, and was left alone", "who else writes there").await?;
        ensure!(failure.message.contains(names[1].trim_matches(['I', 'D'])), "{failure:?}");
        for (path, content) in &there {
            ensure!(fs::read(path).ok().as_ref() == Some(content), "{} was touched", path.display());
        }
        ensure!(objects(&s3, prefix).len() == there.len(), "something of this one is there");
    }
    Ok(())
}

#[tokio::test]
async fn of_two_agents_that_write_the_same_backup_one_has_it_and_the_other_says_so() -> anyhow::Result<()> {
    let s3 = S3::start().await?;
    let (mut one, mut other) = (Yard::new().await?, Yard::new().await?);
    one.stores = stores(&s3, &one, &[&place("p")]);
    other.stores = stores(&s3, &other, &[&place("p")]);
    // Both are called by the second in which they began: sooner or later that is the same.
    for _ in 0..20 {
        let (first, second) = tokio::join!(one.back_up(None), other.back_up(None));
        let (winner, yard, lost) = match (first?, second?) {
            (first, second) if matches!(second, pgbelay_core::command::Outcome::Failed { .. }) => {
                (backed_up(first), &one, failure(second))
            }
            (first, second) if matches!(first, pgbelay_core::command::Outcome::Failed { .. }) => {
                (backed_up(second), &other, failure(first))
            }
            (first, second) => {
                ensure!(backed_up(first).path != backed_up(second).path, "both have it");
                continue;
            }
        };
        ensure!(lost.message.contains("is there already, and was left alone"), "{lost:?}");
        ensure!(problems(yard, &winner).await?.is_empty());
        fs::remove_dir_all(&winner.path)?;
        // The copy, by itself.
        let found = crate::storing::checked(yard, &winner).await?;
        ensure!(found.problems.is_empty(), "{found:?}");
        return Ok(());
    }
    anyhow::bail!("they never began in the same second")
}

/// A server with TLS, whose certificate is of a CA of its own, before another one.
struct Tls {
    address: SocketAddr,
    ca_pem: String,
    accepting: AbortHandle,
}

impl Tls {
    async fn before(behind: SocketAddr) -> anyhow::Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST))];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &ca)?;
        let private = PrivateKeyDer::try_from(key.serialize_der()).map_err(|why| anyhow::anyhow!(why))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut here = acceptor.accept(socket).await?;
                    let mut there = TcpStream::connect(behind).await?;
                    copy_bidirectional(&mut here, &mut there).await
                });
            }
        });
        Ok(Self { address, ca_pem: ca.pem(), accepting: accepting.abort_handle() })
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[tokio::test]
async fn a_store_whose_certificate_is_of_its_own_authority_needs_ca() -> anyhow::Result<()> {
    let s3 = S3::start().await?;
    let tls = Tls::before(s3.address()).await?;
    let mut yard = Yard::new().await?;
    yard.stores = stores(&s3, &yard, &[&place("p")]);
    let at = |host: &str| Some(format!("https://{host}:{}", tls.address.port()));

    yard.stores.all[0].endpoint = at("127.0.0.1");
    refused(&yard, "from an authority that this machine does not trust", "ca=/path").await?;
    let ca = yard.dir.path().join("ca.pem");
    fs::write(&ca, "no certificate")?;
    yard.stores.all[0].ca = Some(ca.clone());
    refused(&yard, "has no certificates", "correct ca in backup.stores").await?;
    fs::write(&ca, &tls.ca_pem)?;
    // Its certificate is for the address, and not for the name.
    yard.stores.all[0].endpoint = at("localhost");
    refused(&yard, "has another name", "the name that is in the store's certificate").await?;
    ensure!(s3.objects().is_empty(), "{:?}", s3.objects());

    let url = format!("s3://{BUCKET}/p?endpoint={}&ca={}", at("127.0.0.1").unwrap(), ca.display());
    let credentials = yard.stores.all[0].credentials.clone();
    yard.stores.all[0] = StoreAt { credentials, ..StoreAt::parse(&url).unwrap() };
    let backup = backed_up(yard.back_up(None).await?);
    ensure!(backup.copies.len() == 1 && !objects(&s3, "p").is_empty(), "{backup:?}");
    ensure!(problems(&yard, &backup).await?.is_empty());
    Ok(())
}
