//! Copies of backups in S3-compatible object stores.
//!
//! The keys of a copy are `<prefix>/<database>/<backup>/<part>`. The manifest is written last and removed first: what has
//! no manifest is not a backup. All of it was hashed before: what is sent is hashed again on its way, and compared.
//! Servers that ignore conditional writes exist, so keys are unique by themselves; where they work, they are used.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::{
    Certificate, ClientOptions, ObjectStore as _, ObjectStoreExt as _, PutMode, PutPayload, RetryConfig,
};
use pgbelay_core::command::Failure;
use pgbelay_core::name::DatabaseName;

use super::failure;
use crate::config::{StoreAt, Stores};
pub(super) use early::Early;
pub use error::StoreError;
use error::refused;
pub(super) use keep::{NotKept, keep};
pub(super) use read::{Archive, Brought, bring};
pub use read::{Checked, Source, forget_fetched, look, verify};
pub(super) use remove::clear_up;
pub use remove::{remove, remove_leftovers};

mod credentials;
mod early;
mod error;
mod keep;
mod read;
mod remove;
mod unfinished;
mod upload;

/// For a connection to a store.
const CONNECT: Duration = Duration::from_secs(10);

/// For an answer, and for each further piece of it: a part of an upload has to arrive in that time.
const ANSWER: Duration = Duration::from_secs(60);

/// How often a request is repeated that failed for a reason that may pass, and for how long.
const RETRIES: usize = 4;
const RETRY_FOR: Duration = Duration::from_secs(60);

/// For looking whether a store can be used.
const PROBE: Duration = Duration::from_secs(60);

/// What names of objects start with that say that a copy is being written; its name follows. They are beside the copies,
/// so that one listing shows them all.
const CLAIM: &str = ".uploading-";

/// What names of trial objects start with.
const TRIAL: &str = ".trial-";

/// A store, and where the backups of one database are in it.
#[derive(Debug, Clone)]
pub(super) struct Store {
    client: Arc<AmazonS3>,
    url: String,
    /// `<prefix>/<database>`.
    base: String,
}

impl Store {
    /// Gets ready to talk to a store; nothing is sent.
    fn open(at: &StoreAt, database: &DatabaseName) -> Result<Self, StoreError> {
        // One provider for the process. Somebody else may have chosen the same already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = at.url();
        let unusable = |why: String, hint| StoreError::new(&url, "be used", why, hint);
        let mut options = ClientOptions::new()
            .with_timeout_disabled()
            .with_connect_timeout(CONNECT)
            .with_read_timeout(ANSWER)
            .with_allow_http(at.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://")));
        if let Some(file) = &at.ca {
            let hint = "correct ca in backup.stores: a file of certificates in PEM";
            let pem = std::fs::read(file)
                .map_err(|error| unusable(format!("{}: {error}", file.display()), hint))?;
            let bundle = Certificate::from_pem_bundle(&pem).ok().filter(|bundle| !bundle.is_empty());
            let bundle =
                bundle.ok_or_else(|| unusable(format!("{} has no certificates", file.display()), hint))?;
            options = bundle.into_iter().fold(options, ClientOptions::with_root_certificate);
        }
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_FOR, ..RetryConfig::default() };
        let mut builder = from_where(at)
            .with_bucket_name(&at.bucket)
            .with_client_options(options)
            .with_retry(retry)
            .with_virtual_hosted_style_request(!at.path_style.unwrap_or(at.endpoint.is_some()));
        if let Some(endpoint) = &at.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(region) = &at.region {
            builder = builder.with_region(region);
        }
        if let Some(file) = &at.credentials {
            let hint = "correct credentials in backup.stores: a file like ~/.aws/credentials";
            let found = credentials::read(file).map_err(|why| unusable(why, hint))?;
            builder = found.give(builder);
        }
        let client = builder.build().map_err(|error| refused(&url, "be used", &error))?;
        let slash = if at.prefix.is_empty() { "" } else { "/" };
        let base = format!("{}{slash}{database}", at.prefix);
        Ok(Self { client: Arc::new(client), url, base })
    }

    fn key(&self, id: &str, name: &str) -> Key {
        Key::from(format!("{}/{id}/{name}", self.base))
    }

    fn claim_key(&self, id: &str) -> Key {
        Key::from(format!("{}/{CLAIM}{id}", self.base))
    }

    fn directory(&self, id: &str) -> Key {
        Key::from(format!("{}/{id}", self.base))
    }

    /// Where a backup is in it, as people see it.
    fn location(&self, database: &DatabaseName, id: &str) -> String {
        format!("{}/{database}/{id}", self.url)
    }

    /// Writes, reads and deletes a small object.
    ///
    /// # Errors
    /// What does not work.
    async fn probe(&self) -> Result<(), StoreError> {
        let done = tokio::time::timeout(PROBE, self.probe_now()).await;
        done.unwrap_or_else(|_| Err(StoreError::too_slow(&self.url, "answer a trial", PROBE)))
    }

    async fn probe_now(&self) -> Result<(), StoreError> {
        let id = uuid::Uuid::new_v4();
        let key = Key::from(format!("{}/{TRIAL}{id}", self.base));
        let content = id.to_string().into_bytes();
        self.create(&key, content.clone()).await?;
        let read = async { self.client.get(&key).await?.bytes().await }.await;
        let read = read.map_err(|error| refused(&self.url, "read back a trial object", &error))?;
        if read != content {
            let why = "it was changed".to_owned();
            return Err(StoreError::new(&self.url, "read back a trial object", why, "use another store"));
        }
        match self.create(&key, b"again".to_vec()).await {
            Ok(()) => {
                tracing::warn!(
                    store = self.url,
                    "the store ignores conditional writes; keys are unique all the same"
                );
            }
            Err(StoreError { taken: true, .. }) => {}
            Err(error) => return Err(error),
        }
        self.client.delete(&key).await.map_err(|error| refused(&self.url, "delete a trial object", &error))
    }

    /// Writes an object that is not there yet. A server that does not know conditional writes gets a look before.
    async fn create(&self, key: &Key, content: Vec<u8>) -> Result<(), StoreError> {
        let payload = PutPayload::from(content.clone());
        let written = self.client.put_opts(key, payload.clone(), PutMode::Create.into()).await;
        let Err(error) = written else { return Ok(()) };
        if matches!(
            error,
            object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. }
        ) {
            if self.client.head(key).await.is_ok() {
                return Err(StoreError::taken(&self.url, key));
            }
            let written = self.client.put(key, payload).await;
            return written.map(drop).map_err(|error| refused(&self.url, "write", &error));
        }
        // A repeated request finds what the first one has written.
        if matches!(
            error,
            object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }
        ) {
            let there = async { self.client.get(key).await?.bytes().await }.await;
            if there.is_ok_and(|there| there == content) {
                return Ok(());
            }
            return Err(StoreError::taken(&self.url, key));
        }
        Err(refused(&self.url, "write", &error))
    }
}

/// Opens the stores and tries each of them. Those that can be used; the others, with the reason.
async fn try_all(stores: &Stores, database: &DatabaseName) -> (Vec<Store>, Vec<StoreError>) {
    let tried = stores.all.iter().map(|at| async move {
        let store = Store::open(at, database)?;
        store.probe().await?;
        Ok(store)
    });
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for one in futures_util::future::join_all(tried).await {
        match one {
            Ok(store) => good.push(store),
            Err(error) => bad.push(error),
        }
    }
    (good, bad)
}

/// The stores that can be used, if there are enough of them.
///
/// # Errors
/// There are not: then nothing is to be run.
pub(super) async fn enough(stores: &Stores, database: &DatabaseName) -> Result<Vec<Store>, Box<Failure>> {
    let (good, bad) = Box::pin(try_all(stores, database)).await;
    match bad.first() {
        Some(first) if good.len() < stores.needed => Err(too_few(stores, good.len(), first)),
        Some(_) | None => {
            for error in &bad {
                tracing::warn!(%error, "a store of backups cannot be used; the others are enough");
            }
            Ok(good)
        }
    }
}

fn too_few(stores: &Stores, have: usize, first: &StoreError) -> Box<Failure> {
    let of = if stores.needed > 1 { format!(" ({have} of {} stores)", stores.needed) } else { String::new() };
    failure(format!("{first}{of}"), format!("nothing was touched; {}, then retry", first.hint))
}

/// With a file of its own, a store takes nothing from the agent's surroundings: keys of one party and a token of another
/// would go there together.
fn from_where(at: &StoreAt) -> AmazonS3Builder {
    if at.credentials.is_some() { AmazonS3Builder::new() } else { AmazonS3Builder::from_env() }
}
