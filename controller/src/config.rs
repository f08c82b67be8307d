//! The controller's directory and its settings.
//!
//! `init` writes the directory, `run` reads it. Everything that the controller owns lives in there.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use pgbelay_core::name::OperatorName;
use pgbelay_proto::credentials::is_address;
use serde::{Deserialize, Serialize};

use crate::notify::Notifications;

/// The files of a controller's directory.
#[derive(Debug, Clone)]
pub struct Home(PathBuf);

impl Home {
    /// The directory at a path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> PathBuf {
        self.0.join("controller.yaml")
    }

    /// The ledger.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.0.join("ledger.db")
    }

    /// The CA's certificate.
    #[must_use]
    pub fn ca_certificate(&self) -> PathBuf {
        self.0.join("ca.pem")
    }

    /// The CA's key.
    #[must_use]
    pub fn ca_key(&self) -> PathBuf {
        self.0.join("ca.key")
    }

    /// The credentials of an operator that `init` made.
    #[must_use]
    pub fn admin_credentials(&self) -> PathBuf {
        self.0.join("admin.credentials")
    }
}

/// The settings of a controller: `controller.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The name that its certificate carries.
    pub name: String,
    /// Where it listens for agents and operators: `host:port`.
    pub listen: String,
    /// Where it listens for agents that enrol: `host:port`.
    pub enrol_listen: String,
    /// Where agents reach that, if it is not the address listened on: what `token create` tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrol_advertise: Option<String>,
    /// Where figures for Prometheus are served, without TLS: `host:port`. Absent: nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics_listen: Option<String>,
    /// Where news is sent.
    #[serde(default, skip_serializing_if = "Notifications::is_empty")]
    pub notifications: Notifications,
    /// What it logs.
    #[serde(default)]
    pub logging: Logging,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    /// error, warn, info, debug, trace.
    #[serde(default = "default_level")]
    pub level: String,
    /// text or json.
    #[serde(default)]
    pub format: LogFormat,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

fn default_level() -> String {
    "info".to_owned()
}

impl Default for Logging {
    fn default() -> Self {
        Self { level: default_level(), format: LogFormat::Text }
    }
}

/// Names of the variables that override the file.
pub const LISTEN: &str = "PGBELAY_CONTROLLER_LISTEN";
/// See [`LISTEN`].
pub const ENROL_LISTEN: &str = "PGBELAY_CONTROLLER_ENROL_LISTEN";
/// See [`LISTEN`].
pub const ENROL_ADVERTISE: &str = "PGBELAY_CONTROLLER_ENROL_ADVERTISE";
/// See [`LISTEN`].
pub const LOG_LEVEL: &str = "PGBELAY_LOG_LEVEL";

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// There is no such directory, or it was not set up.
    #[error("there is no controller in {}: run pgbelay-controller init --dir {} first", .0.display(), .0.display())]
    NotInitialised(PathBuf),
    /// The file cannot be read.
    #[error("failed to read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not well-formed.
    #[error("{} is not a settings file", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Settings that make no sense: all of them.
    #[error("the settings cannot be used: {}", .0.join("; "))]
    Mistakes(Vec<String>),
}

impl Settings {
    /// Reads the settings of a directory; `variable` gives the value of an environment variable.
    ///
    /// # Errors
    /// When they are missing, do not read, or make no sense; then everything that does not is said.
    pub fn load(home: &Home, variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let path = home.settings();
        let text = fs::read_to_string(&path).map_err(|source| {
            if source.kind() == io::ErrorKind::NotFound {
                SettingsError::NotInitialised(home.path().to_owned())
            } else {
                SettingsError::Read { path: path.clone(), source }
            }
        })?;
        let mut settings: Self = serde_saphyr::from_str(&text)
            .map_err(|source| SettingsError::Parse { path, source: Box::new(source) })?;
        settings.enrol_advertise = variable(ENROL_ADVERTISE).or(settings.enrol_advertise);
        let overrides = [
            (LISTEN, &mut settings.listen),
            (ENROL_LISTEN, &mut settings.enrol_listen),
            (LOG_LEVEL, &mut settings.logging.level),
        ];
        for (name, setting) in overrides {
            if let Some(value) = variable(name) {
                *setting = value;
            }
        }
        let mistakes = settings.mistakes();
        if mistakes.is_empty() { Ok(settings) } else { Err(SettingsError::Mistakes(mistakes)) }
    }

    /// Where agents enrol, as they are told.
    #[must_use]
    pub fn enrolment_address(&self) -> &str {
        self.enrol_advertise.as_deref().unwrap_or(&self.enrol_listen)
    }

    /// What makes no sense, by key.
    #[must_use]
    pub fn mistakes(&self) -> Vec<String> {
        let levels = ["error", "warn", "info", "debug", "trace"];
        let advertised = self.enrol_advertise.as_deref();
        let checks = [
            (self.name.parse::<OperatorName>().is_ok(), NAME_MISTAKE),
            (is_address(&self.listen), "listen must be host:port"),
            (is_address(&self.enrol_listen), "enrol_listen must be host:port"),
            (
                advertised.is_none_or(is_reachable),
                "enrol_advertise must be host:port, and an address that agents can reach",
            ),
            (
                advertised.is_some() || !is_wildcard(&self.enrol_listen),
                "enrol_advertise must say where agents reach enrol_listen, which is every address of this machine",
            ),
            (self.metrics_listen.as_deref().is_none_or(is_address), "metrics_listen must be host:port"),
            (
                self.metrics_listen
                    .as_ref()
                    .is_none_or(|own| *own != self.listen && *own != self.enrol_listen),
                "metrics_listen must be an address of its own",
            ),
            (self.listen != self.enrol_listen, "listen and enrol_listen must be two addresses"),
            (
                levels.contains(&self.logging.level.as_str()),
                "logging.level must be error, warn, info, debug or trace",
            ),
        ];
        let wrong = checks.into_iter().filter(|(fine, _)| !fine).map(|(_, said)| said.to_owned());
        wrong.chain(self.notifications.mistakes()).collect()
    }
}

const NAME_MISTAKE: &str =
    "name must be 1 to 63 characters of a-z, A-Z, 0-9, '-', '_' or '.', and start with a letter or digit";

/// Whether an address means every address of this machine: good to listen on, and nowhere to go to.
pub(crate) fn is_wildcard(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified())
}

/// Whether somebody else can be told to go there.
pub(crate) fn is_reachable(address: &str) -> bool {
    is_address(address) && !is_wildcard(address)
}
