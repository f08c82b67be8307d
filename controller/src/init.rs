//! `pgbelay-controller init`: a directory with a CA, a ledger, settings and the first admin's credentials.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use pgbelay_core::access::{Certificate, Certificates, Operator, Role};
use pgbelay_core::event::{Actor, Event};
use pgbelay_core::name::{EnvironmentName, OperatorName};
use pgbelay_core::policy::Policy;
use pgbelay_core::request::Circumstances;
use pgbelay_core::time::Timestamp;
use pgbelay_proto::credentials::{CredentialsError, CredentialsFile, write_private};
use pgbelay_proto::csr::{CsrError, new_key_and_csr};
use pgbelay_proto::identity::Identity;
use pgbelay_proto::tls::Credentials;

use crate::ca::{CaError, CertificateAuthority};
use crate::clock;
use crate::config::{Home, Settings, is_reachable, is_wildcard};
use crate::ledger::{AppendError, CreateError, Ledger, LedgerError, SqliteLedger};
use crate::rpc::OPERATOR_CERTIFICATE;
use crate::sequencer::{EncodeError, entry};

/// What a new controller is told.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// Where it listens and what it logs.
    pub settings: Settings,
    /// What the admin's credentials name as the controller's address; `None`: where it listens.
    pub advertise: Option<String>,
    /// The environments, in order.
    pub environments: Vec<EnvironmentName>,
    /// The first admin.
    pub admin: OperatorName,
}

/// Why a controller cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// There is one already.
    #[error("{} already has a controller, and was left as it is", .0.display())]
    Exists(PathBuf),
    /// An earlier set-up did not get to its end.
    #[error(
        "{} has a ledger and no controller.yaml, and was left as it is: if a controller has run here, restore that file; \
         if an earlier init was cut short, remove the directory and run init again",
        .0.display()
    )]
    Unfinished(PathBuf),
    /// There is half of a CA: the user's own, or of a set-up that was cut short.
    #[error(
        "{} has one of ca.pem and ca.key: add the other one, or remove it and run init again",
        .0.display()
    )]
    HalfACa(PathBuf),
    /// The wishes make no sense: all of them.
    #[error("the controller cannot be set up: {}", .0.join("; "))]
    Mistakes(Vec<String>),
    /// A file that is there cannot be read.
    #[error("failed to read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("failed to write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The settings cannot be written as YAML.
    #[error("failed to write the settings")]
    Settings(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The CA cannot be made.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// The admin's key cannot be made.
    #[error(transparent)]
    Key(#[from] CsrError),
    /// The admin's credentials cannot be written.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The ledger cannot be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The ledger's head cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The first events cannot be written.
    #[error("failed to write the first events")]
    Append(#[source] AppendError),
    /// The first events cannot be put into words.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// Sets a controller up.
///
/// # Errors
/// When there is one already, or it cannot be written; what was there is left as it was.
pub fn init(home: &Home, wishes: &Wishes) -> Result<(), InitError> {
    let policy = Policy::initial(&wishes.environments);
    let mistakes = mistakes(wishes, &policy);
    if !mistakes.is_empty() {
        return Err(InitError::Mistakes(mistakes));
    }
    if home.settings().exists() {
        return Err(InitError::Exists(home.path().to_owned()));
    }
    if home.ledger().exists() {
        return Err(InitError::Unfinished(home.path().to_owned()));
    }
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(home.path());
    made.map_err(|source| InitError::Write { path: home.path().to_owned(), source })?;
    let now = clock::now();
    let authority = authority(home, now)?;
    let operator = admin(home, wishes, &authority)?;
    let here = Circumstances { actor: Actor::Controller, now };
    let events = [Event::PolicyApplied { policy }, Event::OperatorAdded { operator }];
    let entries = events.iter().map(|event| entry(event, &here)).collect::<Result<Vec<_>, _>>()?;
    let mut ledger = SqliteLedger::create(&home.ledger())?;
    let head = ledger.head()?;
    ledger.append(&head, &entries).map_err(InitError::Append)?;
    // The settings come last: with them the directory counts as a controller's.
    let yaml = serde_saphyr::to_string(&wishes.settings).map_err(|e| InitError::Settings(Box::new(e)))?;
    write(home.settings(), yaml.as_bytes())
}

fn mistakes(wishes: &Wishes, policy: &Policy) -> Vec<String> {
    let mut mistakes = wishes.settings.mistakes();
    match &wishes.advertise {
        Some(address) if !is_reachable(address) => {
            mistakes.push("advertise must be host:port, and an address that operators can reach".to_owned());
        }
        None if is_wildcard(&wishes.settings.listen) => mistakes.push(
            "advertise must say where operators reach listen, which is every address of this machine"
                .to_owned(),
        ),
        Some(_) | None => {}
    }
    mistakes.extend(policy.mistakes().iter().map(ToString::to_string));
    mistakes
}

/// The CA that is there, be it the user's own or that of a set-up which was cut short; else a new one.
fn authority(home: &Home, now: Timestamp) -> Result<CertificateAuthority, InitError> {
    let read = |path: PathBuf| match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(InitError::Read { path, source }),
    };
    match (read(home.ca_certificate())?, read(home.ca_key())?) {
        (Some(certificate), Some(key)) => Ok(CertificateAuthority::load(&certificate, &key)?),
        (None, None) => {
            let (authority, files) = CertificateAuthority::create(now)?;
            write(home.ca_key(), files.key_pem.expose().as_bytes())?;
            write(home.ca_certificate(), files.certificate_pem.as_bytes())?;
            Ok(authority)
        }
        (Some(_), None) | (None, Some(_)) => Err(InitError::HalfACa(home.path().to_owned())),
    }
}

fn admin(home: &Home, wishes: &Wishes, authority: &CertificateAuthority) -> Result<Operator, InitError> {
    let (key_pem, csr) = new_key_and_csr()?;
    let identity = Identity::Operator(wishes.admin.clone());
    let issued = authority.sign_csr(&csr, &identity, clock::now(), OPERATOR_CERTIFICATE)?;
    let credentials = Credentials {
        ca_pem: authority.certificate_pem().to_owned(),
        certificate_pem: issued.certificate_pem,
        key_pem,
    };
    let controller = wishes.advertise.clone().unwrap_or_else(|| wishes.settings.listen.clone());
    let file = CredentialsFile { controller, operator: wishes.admin.clone(), credentials };
    file.save(&home.admin_credentials())?;
    let certificate = Certificate { serial: issued.serial, not_after: issued.not_after };
    Ok(Operator {
        name: wishes.admin.clone(),
        role: Role::Admin,
        environments: None,
        certificates: Certificates::new(certificate),
    })
}

fn write(path: PathBuf, bytes: &[u8]) -> Result<(), InitError> {
    write_private(&path, bytes).map_err(|source| InitError::Write { path, source })
}
