//! Schemas of databases, as their agents read them now. Nothing of them is kept.

use std::sync::Arc;
use std::time::Duration;

use pgbelay_core::digest::Digest;
use pgbelay_core::name::DatabaseName;
use pgbelay_proto::wire::probe::{Catalog, Kind};
use pgbelay_proto::wire::probe_answer::Answer;

use tokio::sync::OwnedSemaphorePermit;

use super::Services;
use crate::fleet::ProbeError;

/// Reading fifty thousand tables takes a minute, their fingerprint twenty seconds, and then there is the way.
const CATALOG_DEADLINE: Duration = Duration::from_secs(150);

/// Schemas that are in memory at the same time: each may take [`pgbelay_proto::MAX_CATALOG_BYTES`], and what is made of
/// it some times that.
pub(crate) const CATALOGS_AT_ONCE: usize = 4;

/// A schema, as an agent sent it.
pub(super) struct ReadCatalog {
    /// JSON.
    pub(super) json: Vec<u8>,
    /// The fingerprint that was read after it.
    pub(super) fingerprint: Digest,
}

impl Services {
    /// A turn to have a schema in memory, and another one to compare it with; `None`: the controller stops.
    pub(super) async fn catalog_turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.catalogs).acquire_owned().await.ok()
    }

    /// Asks an agent for the schema of its database.
    /// Whoever asks has a turn, and keeps it for as long as what was read is in memory.
    pub(super) async fn read_catalog(&self, name: &DatabaseName) -> Result<ReadCatalog, ProbeError> {
        let take = |answer| if let Answer::Catalog(whole) = answer { Some(whole) } else { None };
        let whole = self.probe(name, (Kind::Catalog(Catalog {}), CATALOG_DEADLINE), take).await?;
        match whole.fingerprint.parse() {
            Ok(fingerprint) => Ok(ReadCatalog { json: whole.json, fingerprint }),
            Err(_) => Err(ProbeError::Failed("the agent sent a schema without its fingerprint".to_owned())),
        }
    }
}
