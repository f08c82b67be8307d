//! The controller's process.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use pgbelay_controller::config::{Home, Logging, Settings};
use pgbelay_controller::init::{Wishes, init};
use pgbelay_proto::MAX_MESSAGE_BYTES;
use pgbelay_proto::channel::{DialLimits, dial};
use pgbelay_proto::credentials::CredentialsFile;
use pgbelay_proto::tls::client_config;
use pgbelay_proto::wire;
use pgbelay_proto::wire::operator_service_client::OperatorServiceClient;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::transport::Channel;

/// The longest start that is waited for.
const START: Duration = Duration::from_secs(300);

pub(crate) type Operators = OperatorServiceClient<Channel>;

pub(crate) struct Controller {
    pub(crate) home: Home,
    listen: String,
    pub(crate) enrol: String,
    metrics: String,
    child: Option<Child>,
    _dir: TempDir,
}

fn free() -> anyhow::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

impl Controller {
    /// Set up, and not started.
    pub(crate) fn set_up() -> anyhow::Result<Self> {
        let dir = TempDir::new()?;
        let home = Home::new(dir.path().join("controller"));
        let (listen, enrol, metrics) = (free()?, free()?, free()?);
        let settings = Settings {
            name: "bench".to_owned(),
            listen: listen.clone(),
            enrol_listen: enrol.clone(),
            enrol_advertise: None,
            metrics_listen: Some(metrics.clone()),
            notifications: Default::default(),
            logging: Logging::default(),
        };
        let environments = vec!["staging".parse()?];
        init(&home, &Wishes { settings, advertise: None, environments, admin: "root".parse()? })?;
        Ok(Self { home, listen, enrol, metrics, child: None, _dir: dir })
    }

    pub(crate) async fn start() -> anyhow::Result<Self> {
        let mut controller = Self::set_up()?;
        controller.run().await?;
        Ok(controller)
    }

    /// Starts it, and waits until it answers.
    pub(crate) async fn run(&mut self) -> anyhow::Result<()> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgbelay-controller"));
        command.arg("run").arg("--dir").arg(self.home.path()).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn()?);
        let begun = Instant::now();
        loop {
            if let Ok(mut admin) = self.admin().await
                && admin.show_policy(wire::ShowPolicyRequest {}).await.is_ok()
            {
                return Ok(());
            }
            ensure!(begun.elapsed() < START, "the controller does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        let mut child = self.child.take().context("it does not run")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    pub(crate) fn address(&self) -> String {
        self.listen.clone()
    }

    /// One of its figures for Prometheus.
    pub(crate) async fn metric(&self, sample: &str) -> anyhow::Result<f64> {
        let mut stream = TcpStream::connect(&self.metrics).await?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let value = answer.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        Ok(value.with_context(|| format!("there is no {sample}"))?.parse()?)
    }

    pub(crate) async fn admin(&self) -> anyhow::Result<Operators> {
        let file = CredentialsFile::load(&self.home.admin_credentials())?;
        let config = Arc::new(client_config(&file.credentials)?);
        let client = OperatorServiceClient::new(dial(&self.listen, config, DialLimits::default()).await?);
        Ok(client.max_decoding_message_size(MAX_MESSAGE_BYTES))
    }

    /// Resident memory, bytes.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        let pid = self.child.as_ref().context("it does not run")?.id();
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
        Ok(kib * 1_024)
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // One that has ended already is no error.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
