//! A release: an immutable set of migrations, named by its digest.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::migration::{Migration, Version};

/// Most migrations in one release; a command that carries all of them stays far below a message's bound.
pub const MAX_MIGRATIONS: usize = 5_000;

/// An immutable set of migrations: the unit that is promoted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The digest of everything below: two equal sets are one release.
    pub id: Digest,
    /// The migrations in the order of their versions.
    pub migrations: Vec<Migration>,
}

/// Why some migrations are not a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// There is no migration.
    #[error("the release has no migration")]
    Empty,
    /// There are too many.
    #[error("the release has {0} migrations; at most {MAX_MIGRATIONS} are taken")]
    TooMany(usize),
    /// Two migrations claim one place in the order.
    #[error("version {0} and version {1} are one version: {2} and {3}")]
    SameVersion(Version, Version, String, String),
}

impl Release {
    /// Puts migrations in order and names the set.
    ///
    /// # Errors
    /// When the set is empty, too large, or has one version twice.
    pub fn new(mut migrations: Vec<Migration>) -> Result<Self, ReleaseError> {
        migrations.sort_by(|a, b| a.version.cmp(&b.version));
        if migrations.is_empty() {
            return Err(ReleaseError::Empty);
        }
        if migrations.len() > MAX_MIGRATIONS {
            return Err(ReleaseError::TooMany(migrations.len()));
        }
        if let Some([a, b]) = migrations.array_windows().find(|[a, b]| a.version.same_number(&b.version)) {
            let [first, second] = [a, b].map(|m| m.name.clone());
            return Err(ReleaseError::SameVersion(a.version.clone(), b.version.clone(), first, second));
        }
        Ok(Self { id: digest(&migrations), migrations })
    }

    /// The migration of a version.
    #[must_use]
    pub fn migration(&self, version: &Version) -> Option<&Migration> {
        self.migrations.iter().find(|m| m.version == *version)
    }
}

fn digest(migrations: &[Migration]) -> Digest {
    let down = |m: &Migration| m.down.as_ref().map_or_else(String::new, |down| down.checksum.to_string());
    let parts: Vec<String> = migrations
        .iter()
        .flat_map(|m| [m.version.as_str().to_owned(), m.name.clone(), m.up.checksum.to_string(), down(m)])
        .collect();
    Digest::of_parts("pgbelay release 1", parts.iter().map(String::as_bytes))
}
