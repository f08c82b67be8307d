//! The part of `controller.yaml` that says where news is sent.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use pgbelay_core::name::{EnvironmentName, OperatorName};
use pgbelay_core::time::Span;
use serde::{Deserialize, Serialize};

use super::message::Kind;

/// How long before its end a rollback window is told of.
const BEFORE: Span = Span::hours(1);

/// Where news is sent: the section `notifications`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notifications {
    /// How long before its end a rollback window is told of: `1h` when it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify_before: Option<String>,
    /// The receivers.
    #[serde(default)]
    pub endpoints: Vec<EndpointSettings>,
}

/// A receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointSettings {
    /// What it is called.
    pub name: String,
    /// Where messages are posted.
    pub url: SecretText,
    /// What messages are signed with: `whsec_` and the key in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretText>,
    /// The same, in a file; a relative path is below the controller's directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// `generic` or `slack`.
    #[serde(default = "generic")]
    pub format: String,
    /// Which kinds of news; none: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// Of which environments; none: of all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<String>,
    /// A file with the certificates of the CAs that are trusted, in place of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Whether messages may go over plain http.
    #[serde(default)]
    pub plain_http: bool,
}

fn generic() -> String {
    "generic".to_owned()
}

/// A text that no log shows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretText(String);

impl SecretText {
    /// Keeps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Notifications {
    /// Whether nothing is sent anywhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
    }

    /// How long before its end a rollback window is told of.
    #[must_use]
    pub fn before(&self) -> Span {
        self.notify_before.as_ref().and_then(|text| text.parse().ok()).unwrap_or(BEFORE)
    }

    /// What makes no sense, by key and never by value, as far as it can be said without reading a file.
    #[must_use]
    pub fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        if self.notify_before.as_ref().is_some_and(|text| text.parse::<Span>().is_err()) {
            mistakes.push("notifications.notify_before must be a time, for example 1h or 30m".to_owned());
        }
        let mut names = BTreeSet::new();
        for (at, endpoint) in self.endpoints.iter().enumerate() {
            endpoint.mistakes(at, &mut mistakes);
            if !names.insert(&endpoint.name) {
                mistakes.push(format!("{}.name is that of another endpoint", key(at)));
            }
        }
        mistakes
    }
}

/// How an endpoint is called in a mistake.
pub(super) fn key(at: usize) -> String {
    format!("notifications.endpoints[{at}]")
}

impl EndpointSettings {
    fn mistakes(&self, at: usize, mistakes: &mut Vec<String>) {
        let key = key(at);
        let mut need = |fine: bool, said: String| {
            if !fine {
                mistakes.push(format!("{key}.{said}"));
            }
        };
        need(self.name.parse::<OperatorName>().is_ok(), "name must be a name, for example ops".to_owned());
        need(
            matches!(self.format.as_str(), "generic" | "slack"),
            "format must be generic or slack".to_owned(),
        );
        need(
            self.secret.is_none() || self.secret_file.is_none(),
            "secret and secret_file exclude each other".to_owned(),
        );
        need(
            self.format == "slack" || self.secret.is_some() || self.secret_file.is_some(),
            "secret or secret_file must be there: messages are signed with it".to_owned(),
        );
        let all: Vec<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        need(
            self.kinds.iter().all(|kind| all.contains(&kind.as_str())),
            format!("kinds may have {}", all.join(", ")),
        );
        need(
            self.environments.iter().all(|name| name.parse::<EnvironmentName>().is_ok()),
            "environments must be names of environments".to_owned(),
        );
    }
}
