//! A release: an immutable set of migrations, named by its digest.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::migration::{Migration, Version};
use crate::origin::Layout;

/// Most migrations in one release; a command that carries all of them stays far below a message's bound.
pub const MAX_MIGRATIONS: usize = 5_000;

/// An immutable set of migrations: the unit that is promoted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The digest of everything below: two equal sets are one release.
    pub id: Digest,
    /// The layout of the directory that it was read from.
    #[serde(default, skip_serializing_if = "Layout::is_plain")]
    pub layout: Layout,
    /// The migrations in the order of the layout: of two, the later one runs later.
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
    /// Names a set of migrations, which come in the order of their layout. That of the plain one is the order of the
    /// versions, whichever way they come.
    ///
    /// # Errors
    /// When the set is empty, too large, or has one version twice.
    pub fn new(layout: Layout, mut migrations: Vec<Migration>) -> Result<Self, ReleaseError> {
        if layout.is_plain() {
            migrations.sort_by(|a, b| a.version.cmp(&b.version));
        }
        if migrations.is_empty() {
            return Err(ReleaseError::Empty);
        }
        if migrations.len() > MAX_MIGRATIONS {
            return Err(ReleaseError::TooMany(migrations.len()));
        }
        if let Some((a, b)) = twins(layout, &migrations) {
            let [first, second] = [a, b].map(|m| m.name.clone());
            return Err(ReleaseError::SameVersion(a.version.clone(), b.version.clone(), first, second));
        }
        Ok(Self { id: digest(layout, &migrations), layout, migrations })
    }

    /// The migration of a version.
    #[must_use]
    pub fn migration(&self, version: &Version) -> Option<&Migration> {
        self.migrations.iter().find(|m| m.version == *version)
    }

    /// The place of a version in the order.
    #[must_use]
    pub fn place(&self, version: &Version) -> Option<usize> {
        self.migrations.iter().position(|m| m.version == *version)
    }
}

/// Two migrations of one version: where versions are numbers, `1` and `001` are one.
fn twins(layout: Layout, migrations: &[Migration]) -> Option<(&Migration, &Migration)> {
    let mut sorted: Vec<_> = migrations.iter().collect();
    sorted.sort_by(|a, b| a.version.cmp(&b.version));
    let one = |a: &Migration, b: &Migration| match layout.counts() {
        true => a.version.same_number(&b.version),
        false => a.version == b.version,
    };
    sorted.array_windows().find(|[a, b]| one(a, b)).map(|[a, b]| (*a, *b))
}

/// The digest of what a release is. What is as the plain layout has it adds nothing: a release has one name for ever.
fn digest(layout: Layout, migrations: &[Migration]) -> Digest {
    let down = |m: &Migration| m.down.as_ref().map_or_else(String::new, |down| down.checksum.to_string());
    let mut parts: Vec<String> = migrations
        .iter()
        .flat_map(|m| [m.version.as_str().to_owned(), m.name.clone(), m.up.checksum.to_string(), down(m)])
        .collect();
    if !layout.is_plain() {
        parts.push(format!("layout {layout}"));
    }
    parts.extend(migrations.iter().enumerate().filter_map(|(at, migration)| special(at, migration)));
    Digest::of_parts("pgbelay release 1", parts.iter().map(String::as_bytes))
}

/// What a migration has beside its SQL, if there is anything.
fn special(at: usize, migration: &Migration) -> Option<String> {
    let down = migration.down.as_ref().is_some_and(|down| down.autocommit);
    let marks = [migration.up.autocommit, down, migration.repeatable];
    let origin = migration.origin.as_ref();
    if origin.is_none() && marks == [false; 3] {
        return None;
    }
    // Plain data in a fixed order: the text is the same wherever it is made.
    let text = serde_json::to_string(&(marks, origin)).unwrap_or_default();
    Some(format!("migration {at} {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::MigrationSource;

    fn source(version: &str) -> MigrationSource {
        MigrationSource::plain(version.parse().unwrap(), "a", "SELECT 1;", None)
    }

    fn versions(layout: Layout, versions: &[&str]) -> Result<Vec<String>, String> {
        let migrations = versions.iter().map(|version| source(version).analyse().unwrap()).collect();
        let release = Release::new(layout, migrations).map_err(|error| error.to_string())?;
        Ok(release.migrations.iter().map(|m| m.version.to_string()).collect())
    }

    #[test]
    fn the_order_is_that_of_the_layout() {
        assert_eq!(versions(Layout::Plain, &["10", "9"]).unwrap(), ["9", "10"]);
        assert_eq!(versions(Layout::Sqitch, &["users", "appschema"]).unwrap(), ["users", "appschema"]);
    }

    #[test]
    fn one_version_stands_once() {
        let error = versions(Layout::Goose, &["1", "2", "01"]).unwrap_err();
        assert_eq!(error, "version 01 and version 1 are one version: a and a");
        assert!(versions(Layout::SqlMigrate, &["1", "2", "01"]).is_ok());
        assert!(versions(Layout::SqlMigrate, &["1", "2", "1"]).is_err());
    }

    #[test]
    fn the_digest_of_a_plain_release_is_what_it_was() {
        let plain = Release::new(Layout::Plain, vec![source("1").analyse().unwrap()]).unwrap();
        let parts = ["1", "a", &Digest::of("SELECT 1;").to_string(), ""].map(str::to_owned);
        assert_eq!(
            plain.id,
            Digest::of_parts("pgbelay release 1", parts.iter().map(String::as_bytes)),
            "an older version has named it so"
        );
        let mut repeatable = source("1");
        repeatable.repeatable = true;
        let others = [(Layout::Sqlx, source("1")), (Layout::Plain, repeatable)];
        for (layout, source) in others {
            assert_ne!(Release::new(layout, vec![source.analyse().unwrap()]).unwrap().id, plain.id);
        }
    }
}
