//! A running controller, from its directory to its end.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pgbelay_proto::wire::agent_service_server::AgentServiceServer;
use pgbelay_proto::wire::enrolment_service_server::EnrolmentServiceServer;
use pgbelay_proto::wire::operator_service_server::OperatorServiceServer;
use pgbelay_proto::{DESCRIPTORS, MAX_ANSWER_BYTES, MAX_MESSAGE_BYTES};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::blobs::{BlobOpenError, BlobStore};
use crate::ca::{CaError, CertificateAuthority};
use crate::config::{Home, Settings};
use crate::effects::Effects;
use crate::fleet::{Fleet, Timing};
use crate::keeper::{Keeper, KeeperTiming};
use crate::listener::{self, ListenerOptions};
use crate::metrics;
use crate::metrics::Shown;
use crate::notify::{Notifier, NotifyError, NotifyTiming};
use crate::rpc::agent::Agents;
use crate::rpc::enrolment::Enrolment;
use crate::rpc::gate::Gate;
use crate::rpc::operator::{AUDITS_AT_ONCE, OperatorsService, RELEASES_AT_ONCE};
use crate::rpc::times::Times;
use crate::rpc::{CATALOGS_AT_ONCE, Operators, Services};
use crate::sequencer::{self, EndError, Running};
use crate::undo::{UndoTiming, Undoer};
use own_certificate::{OwnCertificate, OwnCertificateError};

mod own_certificate;

/// An enrolment is a token and a signing request.
const MAX_ENROLMENT_BYTES: usize = 64 << 10;

/// How long the ledger is waited for at the end, when the listeners have had their time: one commit on a slow disk.
/// What is not written by then never will be, and nobody was told that it was.
const LEDGER_DEADLINE: Duration = Duration::from_secs(10);

/// Why a controller does not run, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A file of its directory cannot be read.
    #[error("failed to read {what}")]
    Read {
        /// What it holds.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The CA cannot be used.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// The SQL files cannot be opened.
    #[error(transparent)]
    Blobs(#[from] BlobOpenError),
    /// The ledger's thread cannot be started.
    #[error("failed to start the thread of the ledger")]
    Thread(#[source] io::Error),
    /// The ledger cannot be folded, or cannot go on.
    #[error(transparent)]
    Ledger(#[from] EndError),
    /// News cannot be sent where the settings say.
    #[error(transparent)]
    Notify(#[from] NotifyError),
    /// The controller has no certificate to serve with.
    #[error(transparent)]
    OwnCertificate(#[from] OwnCertificateError),
    /// An address cannot be listened on.
    #[error("failed to listen on {address}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Reflection cannot be offered.
    #[error("the contract's descriptors are damaged")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// The ledger was still busy when everything else had ended.
    #[error("the ledger was not closed within {LEDGER_DEADLINE:?}")]
    LedgerBusy,
}

/// The sockets of a controller.
#[derive(Debug)]
pub struct Sockets {
    /// For agents and operators.
    pub main: TcpListener,
    /// For agents that enrol.
    pub enrolment: TcpListener,
    /// For monitoring systems.
    pub metrics: Option<TcpListener>,
}

impl Sockets {
    /// Listens where the settings say.
    ///
    /// # Errors
    /// When an address cannot be had.
    pub async fn bind(settings: &Settings) -> Result<Self, ServeError> {
        let metrics = match &settings.metrics_listen {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let (main, enrolment) = (bind(&settings.listen).await?, bind(&settings.enrol_listen).await?);
        Ok(Self { main, enrolment, metrics })
    }
}

async fn bind(address: &str) -> Result<TcpListener, ServeError> {
    let failed = |source| ServeError::Listen { address: address.to_owned(), source };
    TcpListener::bind(address).await.map_err(failed)
}

/// The bounds of a controller.
#[derive(Debug, Clone)]
pub struct Options {
    /// Of the talk with agents.
    pub timing: Timing,
    /// Of looking after the backups.
    pub keeper: KeeperTiming,
    /// How often it is tried to take back what a rollout did.
    pub undo: UndoTiming,
    /// Of deliveries of news.
    pub notify: NotifyTiming,
    /// Of the listener for agents and operators.
    pub main: ListenerOptions,
    /// Of the listener for agents that enrol.
    pub enrolment: ListenerOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timing: Timing::default(),
            keeper: KeeperTiming::default(),
            undo: UndoTiming::default(),
            notify: NotifyTiming::default(),
            main: ListenerOptions::identified(),
            enrolment: ListenerOptions::enrolment(),
        }
    }
}

/// Serves until `shutdown`, or until the ledger cannot go on. When it returns, the ledger is closed and its lock
/// given back.
///
/// # Errors
/// When it cannot start, or has to stop.
pub async fn run(
    home: &Home,
    settings: &Settings,
    sockets: Sockets,
    options: Options,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let authority = Arc::new(load_authority(home)?);
    let own = OwnCertificate::issue(Arc::clone(&authority), settings.name.clone())?;
    let blobs = Arc::new(BlobStore::open(home.path())?);
    let notifier = Notifier::open(home, &settings.notifications, (&settings.name, &options.notify))?;
    let (controller, mut ledger) = sequencer::start(home.ledger()).map_err(ServeError::Thread)?;
    let stop = shutdown.child_token();
    let services = Services {
        controller: controller.clone(),
        fleet: Fleet::new(options.timing),
        blobs,
        authority,
        enrolment_address: settings.enrolment_address().to_owned(),
        releases: Arc::new(Semaphore::new(RELEASES_AT_ONCE)),
        notifier: notifier.clone(),
        ledger: Arc::from(home.ledger()),
        audits: Arc::new(Semaphore::new(AUDITS_AT_ONCE)),
        name: Arc::from(settings.name.as_str()),
        catalogs: Arc::new(Semaphore::new(CATALOGS_AT_ONCE)),
        stop: stop.clone(),
    };
    let operators = Operators::default();
    let tasks = TaskTracker::new();
    let (health, main_routes) = main_routes(&services).await?;
    let times = Times::default();
    let gate = Gate {
        services: main_routes,
        controller: controller.clone(),
        operators: operators.clone(),
        times: times.clone(),
    };
    let (main_tls, enrol_tls) = own.handles();
    tasks.spawn(listener::serve(sockets.main, gate, main_tls, options.main, stop.clone()));
    let enrol = enrolment_routes(&services);
    tasks.spawn(listener::serve(sockets.enrolment, enrol, enrol_tls, options.enrolment, stop.clone()));
    let keeper = Keeper::new(services.clone(), options.keeper);
    let fleet = services.fleet.clone();
    let undoer = Undoer::new(services.clone(), options.undo);
    let effects = Effects { controller: controller.clone(), fleet, operators, keeper, undoer };
    tasks.spawn(effects.run(stop.clone()));
    tasks.spawn(notifier.run(controller.clone(), Arc::clone(&services.ledger), stop.clone()));
    if let Some(listener) = sockets.metrics {
        let shown = Shown { controller: controller.clone(), fleet: services.fleet.clone(), times };
        tasks.spawn(metrics::serve(listener, shown, stop.clone()));
    }
    tasks.spawn(tell_health(health, controller, stop.clone()));
    tasks.spawn(own.keep_fresh(stop.clone()));
    tracing::info!(
        listen = settings.listen,
        enrol_listen = settings.enrol_listen,
        "listening; reading the ledger"
    );
    let ended = tokio::select! {
        () = shutdown.cancelled() => None,
        ended = ledger.ended() => Some(ended),
    };
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    match ended {
        Some(ended) => Ok(ended?),
        None => close(ledger).await,
    }
}

/// After everybody else: whoever still waited for an answer has had it.
async fn close(ledger: Running) -> Result<(), ServeError> {
    let closed = timeout(LEDGER_DEADLINE, ledger.stop()).await;
    Ok(closed.map_err(|_| ServeError::LedgerBusy)??)
}

fn load_authority(home: &Home) -> Result<CertificateAuthority, ServeError> {
    let read = |path: PathBuf, what| {
        std::fs::read_to_string(path).map_err(|source| ServeError::Read { what, source })
    };
    let certificate = read(home.ca_certificate(), "the CA's certificate")?;
    let key = read(home.ca_key(), "the CA's key")?;
    Ok(CertificateAuthority::load(&certificate, &key)?)
}

async fn main_routes(services: &Services) -> Result<(HealthReporter, Routes), ServeError> {
    let (health, health_service) = tonic_health::server::health_reporter();
    // Before anybody can ask: it would say that it serves.
    tell(&health, ServingStatus::NotServing).await;
    let agents = AgentServiceServer::new(Agents { services: services.clone() })
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let operators = OperatorServiceServer::new(OperatorsService { services: services.clone() })
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_ANSWER_BYTES);
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .build_v1()
        .map_err(ServeError::Reflection)?;
    let routes =
        Routes::new(health_service).add_service(agents).add_service(operators).add_service(reflection);
    Ok((health, routes))
}

fn enrolment_routes(services: &Services) -> Routes {
    let enrolment = EnrolmentServiceServer::new(Enrolment { services: services.clone() });
    Routes::new(enrolment.max_decoding_message_size(MAX_ENROLMENT_BYTES))
}

async fn tell(health: &HealthReporter, status: ServingStatus) {
    for service in ["", "pgbelay.v1.OperatorService", "pgbelay.v1.AgentService"] {
        health.set_service_status(service, status).await;
    }
}

/// Serving once the ledger has been folded, and not any more once the end has begun.
async fn tell_health(health: HealthReporter, controller: sequencer::Controller, stop: CancellationToken) {
    let mut states = controller.states();
    let folded = async { states.wait_for(Option::is_some).await.is_ok() };
    let is_ready = stop.run_until_cancelled(folded).await == Some(true);
    if is_ready {
        tell(&health, ServingStatus::Serving).await;
        tracing::info!("controller started");
    }
    stop.cancelled().await;
    tell(&health, ServingStatus::NotServing).await;
}
