//! Where backups go beside the local directory: the section `backup`.
//!
//! A store is one URL, with what is special about it behind a question mark:
//! `s3://bucket/prefix?endpoint=https://s3.example.org&credentials=/etc/pgbelay/s3`.

use std::path::PathBuf;

use super::fields::Fields;

/// Remote stores of backups, and how many of them are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stores {
    /// All of them; none: backups are in the local directory only.
    pub all: Vec<StoreAt>,
    /// How many must have a backup before anything is run.
    pub needed: usize,
    /// Whether the local copy stays once the stores have it.
    pub keep_local: bool,
}

impl Default for Stores {
    fn default() -> Self {
        Self { all: Vec::new(), needed: 0, keep_local: true }
    }
}

/// A place in a bucket of an S3-compatible object store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreAt {
    /// The bucket.
    pub bucket: String,
    /// What all keys start with, without slashes at its ends; may be empty.
    pub prefix: String,
    /// The server, as a URL; `None`: that of Amazon.
    pub endpoint: Option<String>,
    /// The region; `None`: what the environment says, or us-east-1.
    pub region: Option<String>,
    /// Whether the bucket is in the path of a request rather than in its host; `None`: where there is an endpoint.
    pub path_style: Option<bool>,
    /// A file in the form of `~/.aws/credentials`; `None`: the environment, the web identity, or the machine's role.
    pub credentials: Option<PathBuf>,
    /// A file with the certificate (PEM) of the authority of the server; `None`: one that the system trusts.
    pub ca: Option<PathBuf>,
}

impl StoreAt {
    /// Its URL, as people see it.
    #[must_use]
    pub fn url(&self) -> String {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        format!("s3://{}{slash}{}", self.bucket, self.prefix)
    }

    /// Reads a URL.
    ///
    /// # Errors
    /// What is wrong with it, without its text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err("must be a URL: s3://bucket/prefix".to_owned());
        };
        if scheme != "s3" {
            return Err(
                "has a scheme that is not known: known is s3 (s3://bucket/prefix); the local directory is \
                 migration.backup_dir"
                    .to_owned(),
            );
        }
        let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if bucket.is_empty() {
            return Err("names no bucket: s3://bucket/prefix".to_owned());
        }
        let prefix = prefix.trim_matches('/');
        let segments_fit =
            prefix.split('/').all(|part| plain(part) && !part.starts_with('.') && !part.is_empty());
        if !plain(bucket) || !(prefix.is_empty() || segments_fit) {
            return Err(
                "must have a bucket and a prefix of letters, digits, '-', '_', '.' and '/'".to_owned()
            );
        }
        let mut store = Self { bucket: bucket.to_owned(), prefix: prefix.to_owned(), ..Self::default() };
        let mut plain_http = false;
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let truth = || value.parse::<bool>().map_err(|_| format!("has {name} that is not true or false"));
            match name {
                "endpoint" if value.starts_with("https://") || value.starts_with("http://") => {
                    store.endpoint = Some(value.trim_end_matches('/').to_owned());
                }
                "endpoint" => return Err("has an endpoint that is no URL (https://host:port)".to_owned()),
                "region" => store.region = Some(value.to_owned()),
                "path_style" => store.path_style = Some(truth()?),
                "allow_http" => plain_http = truth()?,
                "credentials" => store.credentials = Some(PathBuf::from(value)),
                "ca" => store.ca = Some(PathBuf::from(value)),
                _ => {
                    return Err("has an option that is not known: known are endpoint, region, path_style, \
                         allow_http, credentials and ca"
                        .to_owned());
                }
            }
        }
        if !plain_http && store.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://")) {
            return Err("has an endpoint without TLS: add allow_http=true if that is meant".to_owned());
        }
        Ok(store)
    }
}

pub(super) fn stores(fields: &mut Fields) -> Stores {
    let truth = "must be true or false";
    // A variable has several in one text.
    let read = |text: &str| text.split_whitespace().map(StoreAt::parse).collect::<Result<Vec<_>, _>>();
    let all: Vec<_> = fields.list("backup.stores", read).unwrap_or_default().into_iter().flatten().collect();
    let urls: std::collections::BTreeSet<_> = all.iter().map(StoreAt::url).collect();
    if urls.len() < all.len() {
        fields.mistake("backup.stores", "has two stores with one bucket and prefix: give one another prefix");
    }
    let count = all.len();
    let needed =
        fields.optional("backup.stores_needed", "must be a number from 1 to that of backup.stores", |text| {
            text.parse().ok().filter(|needed| (1..=count).contains(needed))
        });
    let keep_local = fields.optional("backup.keep_local", truth, |text| text.parse().ok()).unwrap_or(true);
    if !keep_local && all.is_empty() {
        fields.mistake("backup.keep_local", "can be false only where backup.stores names a store");
    }
    Stores { needed: needed.unwrap_or(count), all, keep_local }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_a_url() {
        let store = StoreAt::parse("s3://b/x/y/?endpoint=https://h:9/&region=r&credentials=/c").unwrap();
        assert_eq!(store.url(), "s3://b/x/y");
        assert_eq!(store.endpoint.as_deref(), Some("https://h:9"));
        assert_eq!((store.region.as_deref(), store.credentials), (Some("r"), Some("/c".into())));
        assert_eq!(StoreAt::parse("s3://b").unwrap().url(), "s3://b");
    }

    #[test]
    fn what_is_wrong_with_a_store_is_told() {
        let fault = |text: &str| StoreAt::parse(text).unwrap_err();
        assert!(fault("gs://b/x").contains("known is s3"));
        assert!(fault("/var/backups").contains("must be a URL"));
        assert!(fault("s3:///x").contains("names no bucket"));
        assert!(fault("s3://b/../x").contains("must have a bucket and a prefix"));
        assert!(fault("s3://b?endpoint=http://h").contains("allow_http=true"));
        assert!(fault("s3://b?endpoint=h:9").contains("no URL"));
        assert!(fault("s3://b?secret=x").contains("not known"));
        assert!(StoreAt::parse("s3://b?endpoint=http://h&allow_http=true").is_ok());
    }
}
