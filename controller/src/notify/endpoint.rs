//! A receiver, from its settings: where it is, who is believed to be it, what it wants to know.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use http::Uri;
use pgbelay_core::name::EnvironmentName;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::message::{Kind, Message};
use super::settings::{EndpointSettings, key};
use super::sign::Key;

/// How a message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Standard Webhooks: type, timestamp, data.
    Generic,
    /// What Slack's incoming webhooks take, and what is like them.
    Slack,
}

impl Format {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Slack => "slack",
        }
    }
}

/// A receiver.
pub(super) struct Endpoint {
    pub(super) name: String,
    pub(super) host: String,
    pub(super) port: u16,
    /// What is asked for of the host.
    pub(super) path: String,
    /// `None`: plain http, as the settings say by name.
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) key: Option<Key>,
    pub(super) format: Format,
    kinds: BTreeSet<Kind>,
    environments: BTreeSet<EnvironmentName>,
}

impl Endpoint {
    /// Makes a receiver of its settings, with what stands in files; what is wrong is said by key.
    pub(super) fn load(
        settings: &EndpointSettings,
        at: usize,
        directory: &Path,
    ) -> Result<Self, Vec<String>> {
        let mut mistakes = Vec::new();
        let mut wrong = |what: &str, why: String| mistakes.push(format!("{}.{what} {why}", key(at)));
        let place = match place(settings.url.expose(), settings.plain_http) {
            Ok(place) => Some(place),
            Err(why) => {
                wrong("url", why.to_owned());
                None
            }
        };
        let secret = match (&settings.secret, &settings.secret_file) {
            (Some(secret), _) => Some(("secret", Ok(secret.expose().to_owned()))),
            (None, Some(file)) => Some(("secret_file", std::fs::read_to_string(directory.join(file)))),
            (None, None) => None,
        };
        let key = secret.and_then(|(what, read)| {
            let key = read.map_err(|error| format!("cannot be read: {error}"));
            let key = key.and_then(|text| Key::read(&text).map_err(str::to_owned));
            key.map_err(|why| wrong(what, why)).ok()
        });
        let tls = match (&place, settings.ca.as_deref()) {
            (Some(place), ca) if place.https => match trust(ca.map(|file| directory.join(file)).as_deref()) {
                Ok(tls) => Some(tls),
                Err(why) => {
                    wrong("ca", why);
                    None
                }
            },
            (Some(_) | None, _) => None,
        };
        let Some(place) = place.filter(|_| mistakes.is_empty()) else { return Err(mistakes) };
        Ok(Self {
            name: settings.name.clone(),
            host: place.host,
            port: place.port,
            path: place.path,
            tls,
            key,
            format: if settings.format == "slack" { Format::Slack } else { Format::Generic },
            kinds: Kind::ALL
                .into_iter()
                .filter(|kind| settings.kinds.iter().any(|k| k == kind.as_str()))
                .collect(),
            environments: settings.environments.iter().filter_map(|name| name.parse().ok()).collect(),
        })
    }

    /// Whether it wants to hear of this kind at all.
    pub(super) fn wants_kind(&self, kind: Kind) -> bool {
        kind.is_for_everybody() || self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    /// Whether it wants to hear this.
    pub(super) fn wants(&self, message: &Message) -> bool {
        let here = message.environment.as_ref().is_none_or(|environment| {
            self.environments.is_empty() || self.environments.contains(environment)
        });
        here && self.wants_kind(message.kind)
    }

    /// Scheme and host: what comes after may be a secret.
    pub(super) fn shown(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }

    pub(super) fn kinds(&self) -> Vec<String> {
        self.kinds.iter().map(|kind| kind.as_str().to_owned()).collect()
    }

    /// Of which environments it hears, of those that somebody sees; `None`: of none of them.
    pub(super) fn environments(&self, sees: impl Fn(&EnvironmentName) -> bool) -> Option<Vec<String>> {
        let seen = self.environments.iter().filter(|environment| sees(environment));
        let seen: Vec<_> = seen.map(ToString::to_string).collect();
        (self.environments.is_empty() || !seen.is_empty()).then_some(seen)
    }
}

struct Place {
    https: bool,
    host: String,
    port: u16,
    path: String,
}

fn place(url: &str, plain_http: bool) -> Result<Place, &'static str> {
    let uri: Uri =
        url.parse().map_err(|_| "must be an address, for example https://hooks.example.com/pgbelay")?;
    let https = match uri.scheme_str() {
        Some("https") => true,
        Some("http") if plain_http => false,
        Some("http") => return Err("is plain http: use https, or say plain_http: true"),
        Some(_) | None => return Err("must begin with https://"),
    };
    let authority = uri.authority().ok_or("must name a host")?;
    if authority.as_str().contains('@') {
        return Err("must not have a user or password in it");
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    if host.is_empty() {
        return Err("must name a host");
    }
    let port = authority.port_u16().unwrap_or(if https { 443 } else { 80 });
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    Ok(Place { https, host, port, path })
}

/// Who is believed to be the receiver: certificates of these CAs, or of those that the system trusts.
fn trust(ca: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    let (added, _) = match ca {
        Some(path) => {
            let unread =
                |error: &dyn std::fmt::Display| format!("{} cannot be read: {error}", path.display());
            let pem = std::fs::read(path).map_err(|error| unread(&error))?;
            let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
            roots.add_parsable_certificates(certificates.map_err(|error| unread(&error))?)
        }
        None => roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
    };
    if added == 0 {
        return Err("has no certificate of a CA, or the system has none: name a file with ca".to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| format!("cannot be used: {error}"))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
