//! A controller on free ports in a temporary directory, its admin, and agents that do as they are told.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use pgbelay_controller::config::{Home, Logging, Settings};
use pgbelay_controller::fleet::Timing;
use pgbelay_controller::init::{Wishes, init};
use pgbelay_controller::ledger::{Entry, Ledger as _, OpenError, SqliteLedger};
use pgbelay_controller::notify::Notifications;
use pgbelay_controller::server::{self, Options, ServeError, Sockets};
use pgbelay_core::digest::Digest;
use pgbelay_proto::MAX_MESSAGE_BYTES;
use pgbelay_proto::channel::{DialLimits, dial};
use pgbelay_proto::credentials::CredentialsFile;
use pgbelay_proto::csr::new_key_and_csr;
use pgbelay_proto::tls::{Credentials, client_config, pinned_client_config};
use pgbelay_proto::token::JoinToken;
use pgbelay_proto::wire;
use pgbelay_proto::wire::enrolment_service_client::EnrolmentServiceClient;
use pgbelay_proto::wire::operator_service_client::OperatorServiceClient;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::transport::Channel;

mod agent;

pub(crate) use agent::{Agent, Stream};

/// Longer than anything here takes, shorter than a person's patience.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) type Operators = OperatorServiceClient<Channel>;

/// Short bounds, so that nobody waits for long. Far enough apart for a busy machine.
pub(crate) fn quick() -> Timing {
    Timing {
        hello: Duration::from_secs(2),
        heartbeat: Duration::from_millis(500),
        lease: Duration::from_millis(1_500),
        dead_after: Duration::from_secs(3),
        silent_after: Duration::from_secs(2),
        checkpoint: Duration::from_millis(100),
        ask_again: Duration::from_millis(500),
    }
}

/// A directory that `init` has set up.
pub(crate) fn set_up(dir: &Path) -> anyhow::Result<(Home, Settings)> {
    let home = Home::new(dir.join("controller"));
    let settings = Settings {
        name: "c1".to_owned(),
        // The tests bring sockets of their own.
        listen: "127.0.0.1:1".to_owned(),
        enrol_listen: "127.0.0.1:2".to_owned(),
        enrol_advertise: None,
        metrics_listen: None,
        notifications: Notifications::default(),
        logging: Logging::default(),
    };
    let environments = vec!["staging".parse()?, "production".parse()?];
    let wishes = Wishes { settings: settings.clone(), advertise: None, environments, admin: "root".parse()? };
    init(&home, &wishes)?;
    Ok((home, settings))
}

pub(crate) struct World {
    _dir: TempDir,
    pub(crate) home: Home,
    pub(crate) settings: Settings,
    pub(crate) main: SocketAddr,
    pub(crate) enrol: SocketAddr,
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) shutdown: CancellationToken,
    options: Options,
    task: Option<JoinHandle<Result<(), ServeError>>>,
}

impl World {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        Self::with(Timing::default()).await
    }

    pub(crate) async fn with(timing: Timing) -> anyhow::Result<Self> {
        Self::with_options(Options { timing, ..Options::default() }).await
    }

    pub(crate) async fn with_options(options: Options) -> anyhow::Result<Self> {
        Self::with_notifications(options, |_| Notifications::default()).await
    }

    /// One that sends news; the settings of that are made for its directory.
    pub(crate) async fn with_notifications(
        options: Options,
        notifications: impl FnOnce(&Path) -> Notifications,
    ) -> anyhow::Result<Self> {
        let dir = TempDir::new()?;
        let (home, settings) = set_up(dir.path())?;
        let settings = Settings { notifications: notifications(dir.path()), ..settings };
        let nowhere: SocketAddr = "127.0.0.1:1".parse()?;
        let mut world = Self {
            _dir: dir,
            home,
            settings,
            main: nowhere,
            enrol: nowhere,
            metrics: None,
            shutdown: CancellationToken::new(),
            options,
            task: None,
        };
        world.run().await?;
        Ok(world)
    }

    /// Starts the controller, and waits until it serves.
    pub(crate) async fn run(&mut self) -> anyhow::Result<()> {
        let sockets = Sockets {
            main: TcpListener::bind("127.0.0.1:0").await?,
            enrolment: TcpListener::bind("127.0.0.1:0").await?,
            metrics: Some(TcpListener::bind("127.0.0.1:0").await?),
        };
        self.metrics = sockets.metrics.as_ref().map(TcpListener::local_addr).transpose()?;
        (self.main, self.enrol) = (sockets.main.local_addr()?, sockets.enrolment.local_addr()?);
        self.shutdown = CancellationToken::new();
        let (home, settings) = (self.home.clone(), self.settings.clone());
        let (options, shutdown) = (self.options.clone(), self.shutdown.clone());
        self.task = Some(tokio::spawn(async move {
            Box::pin(server::run(&home, &settings, sockets, options, shutdown)).await
        }));
        let mut admin = self.admin().await?;
        until("the controller serves", async || {
            Ok(admin.show_policy(wire::ShowPolicyRequest {}).await.is_ok())
        })
        .await
    }

    /// Asks the controller to end, and waits for it.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        self.shutdown.cancel();
        self.ended().await?.map_err(Into::into)
    }

    pub(crate) async fn ended(&mut self) -> anyhow::Result<Result<(), ServeError>> {
        let task = self.task.as_mut().context("it does not run")?;
        let ended = timeout(PATIENCE, task).await??;
        self.task = None;
        Ok(ended)
    }

    /// What the ledger holds; the controller must have ended.
    pub(crate) fn ledger(&self) -> anyhow::Result<Vec<Entry>> {
        let ledger = SqliteLedger::open(&self.home.ledger(), |_| Ok::<_, OpenError>(()))?;
        Ok(ledger.read(0, 1_000)?)
    }

    /// Stops the controller; `actor kind` of each entry after the two that `init` writes.
    pub(crate) async fn story(&mut self) -> anyhow::Result<Vec<String>> {
        self.stop().await?;
        let entries = self.ledger()?;
        Ok(entries.iter().skip(2).map(|entry| format!("{} {}", entry.actor, entry.kind)).collect())
    }

    pub(crate) fn admin_file(&self) -> anyhow::Result<CredentialsFile> {
        Ok(CredentialsFile::load(&self.home.admin_credentials())?)
    }

    pub(crate) async fn dial(&self, credentials: &Credentials) -> anyhow::Result<Channel> {
        let config = Arc::new(client_config(credentials)?);
        Ok(dial(&self.main.to_string(), config, DialLimits::default()).await?)
    }

    pub(crate) async fn admin(&self) -> anyhow::Result<Operators> {
        self.operators(&self.admin_file()?.credentials).await
    }

    pub(crate) async fn operators(&self, credentials: &Credentials) -> anyhow::Result<Operators> {
        let client = OperatorServiceClient::new(self.dial(credentials).await?);
        Ok(client.max_decoding_message_size(MAX_MESSAGE_BYTES))
    }

    /// Adds an operator; an empty list of environments: everywhere.
    pub(crate) async fn add_operator(
        &self,
        name: &str,
        role: &str,
        environments: &[&str],
    ) -> anyhow::Result<Credentials> {
        let (key_pem, csr_der) = new_key_and_csr()?;
        let environments = environments.iter().map(ToString::to_string).collect();
        let request =
            wire::AddOperatorRequest { name: name.into(), role: role.into(), environments, csr_der };
        let added = self.admin().await?.add_operator(request).await?.into_inner();
        Ok(Credentials { ca_pem: added.ca_pem, certificate_pem: added.certificate_pem, key_pem })
    }

    pub(crate) async fn token(&self, database: &str, environment: &str) -> anyhow::Result<JoinToken> {
        let request = wire::CreateTokenRequest {
            database: database.into(),
            environment: environment.into(),
            ..Default::default()
        };
        let created = self.admin().await?.create_token(request).await?.into_inner();
        Ok(created.token.parse()?)
    }

    pub(crate) async fn enrolment(&self, pin: Digest) -> anyhow::Result<EnrolmentServiceClient<Channel>> {
        let config = Arc::new(pinned_client_config(pin)?);
        let channel = dial(&self.enrol.to_string(), config, DialLimits::default()).await?;
        Ok(EnrolmentServiceClient::new(channel))
    }

    /// Shows a token for a database.
    pub(crate) async fn show(&self, token: &JoinToken, database: &str) -> anyhow::Result<Credentials> {
        let (key_pem, csr_der) = new_key_and_csr()?;
        let request = wire::EnrolRequest {
            token_id: token.id.to_string(),
            token_secret: token.secret.expose().to_vec(),
            database: database.into(),
            system_identifier: agent::system_identifier(database),
            csr_der,
        };
        let enrolled = self.enrolment(token.ca).await?.enrol(request).await?.into_inner();
        Ok(Credentials { ca_pem: enrolled.ca_pem, certificate_pem: enrolled.certificate_pem, key_pem })
    }

    /// An agent that has joined, and is not connected.
    pub(crate) async fn agent(&self, database: &str, environment: &str) -> anyhow::Result<Agent> {
        let credentials = self.show(&self.token(database, environment).await?, database).await?;
        Ok(Agent::new(database, credentials))
    }

    /// Pushes migrations; the digest of the release.
    pub(crate) async fn push(&self, versions: &[&str]) -> anyhow::Result<String> {
        let file = |version: &&str| wire::MigrationFile {
            version: version.to_string(),
            name: format!("m{version}"),
            up: format!("CREATE TABLE t{version} (id int);"),
            down: Some(format!("DROP TABLE t{version};")),
            ..wire::MigrationFile::default()
        };
        self.push_files(versions.iter().map(file).collect()).await
    }

    pub(crate) async fn push_files(&self, files: Vec<wire::MigrationFile>) -> anyhow::Result<String> {
        let pushed = self.admin().await?.push_release(tokio_stream::iter(files)).await?;
        Ok(pushed.into_inner().release)
    }

    pub(crate) async fn state_of(&self, rollout: &str) -> anyhow::Result<String> {
        let request = wire::RolloutRequest { rollout: rollout.into() };
        Ok(self.admin().await?.get_rollout(request).await?.into_inner().state)
    }

    pub(crate) async fn status(&self, database: &str) -> anyhow::Result<wire::DatabaseView> {
        let request = wire::StatusRequest { database: database.into(), ..Default::default() };
        let answer = self.admin().await?.status(request).await?.into_inner();
        answer.databases.into_iter().next().context("no such database")
    }

    pub(crate) async fn connected(&self, database: &str) -> anyhow::Result<bool> {
        Ok(self.status(database).await?.connected)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Looks until something is so.
pub(crate) async fn until(
    what: &str,
    mut look: impl AsyncFnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !Box::pin(look()).await? {
        anyhow::ensure!(Instant::now() < deadline, "it did not become true: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// The status that a call was refused with.
pub(crate) fn refusal<T: std::fmt::Debug>(outcome: anyhow::Result<T>) -> anyhow::Result<Status> {
    match outcome {
        Ok(granted) => anyhow::bail!("it was granted: {granted:?}"),
        Err(error) => error.downcast(),
    }
}
