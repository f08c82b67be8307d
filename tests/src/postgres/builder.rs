//! What a cluster is made of: its data directory, its port, its configuration.

use std::net::TcpListener;

use anyhow::Context as _;

use super::Cluster;
use super::template::Template;
use crate::scratch::Scratch;

/// Ports tried for a new cluster. Between looking for a free one and listening, somebody else may take it.
const PORT_TRIES: usize = 5;

/// How a cluster is made; see [`Cluster::builder`].
#[derive(Debug, Clone, Default)]
pub struct Builder {
    durable: bool,
    own_system_identifier: bool,
    settings: Vec<(String, String)>,
}

impl Builder {
    /// Whether the server syncs to disk. Default: no, which survives every kill of its processes, but not a crash of
    /// the machine.
    #[must_use]
    pub fn durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }

    /// Runs initdb for this cluster alone. The other clusters of a process are copies of one and share its system
    /// identifier and password, as a physical copy of a server does.
    #[must_use]
    pub fn own_system_identifier(mut self) -> Self {
        self.own_system_identifier = true;
        self
    }

    /// Sets a configuration parameter, for example `max_connections`.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Makes the cluster, starts it and waits until it accepts connections.
    ///
    /// # Errors
    /// There is no PostgreSQL on this machine, or the server did not start; the message has the end of its log.
    pub async fn start(self) -> anyhow::Result<Cluster> {
        let made = tokio::task::spawn_blocking(move || self.make());
        let mut cluster = made.await.context("making the cluster panicked")??;
        for _ in 1..PORT_TRIES {
            let outcome = cluster.start_again().await;
            if outcome.is_ok() || !cluster.log()?.contains("Address already in use") {
                return outcome.map(|()| cluster);
            }
            cluster.port = free_port()?;
        }
        cluster.start_again().await.map(|()| cluster)
    }

    fn make(self) -> anyhow::Result<Cluster> {
        let own = self.own_system_identifier.then(Template::make).transpose()?;
        let template = match &own {
            Some(template) => template,
            None => Template::get()?,
        };
        let scratch = Scratch::new("postgres")?;
        let data = template.copy(scratch.path())?;
        let on_off = if self.durable { "on" } else { "off" };
        let fixed = [
            ("listen_addresses", "127.0.0.1"),
            ("unix_socket_directories", &scratch.path().to_string_lossy()),
            ("fsync", on_off),
            // Small: many servers run beside each other.
            ("shared_buffers", "16MB"),
            ("min_wal_size", "5MB"),
            ("max_connections", "60"),
            // For whoever reads the log of a failed test.
            ("log_line_prefix", "%m [%p] %a %d "),
            ("log_statement", "ddl"),
            ("log_lock_waits", "on"),
        ];
        let mut settings: Vec<_> = fixed.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        settings.extend(self.settings);
        let (programs, password) = (template.programs.clone(), template.password.clone());
        Ok(Cluster { programs, password, port: free_port()?, data, settings, server: None, scratch })
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
