//! Releases out of real SQL, read by the real analysis.

use pgbelay_core::migration::{Migration, MigrationSource, Version};
use pgbelay_core::release::Release;

pub(crate) fn version(text: &str) -> Version {
    text.parse().unwrap()
}

/// A migration as its files would give it.
pub(crate) fn migration(number: &str, name: &str, up: &str, down: Option<&str>) -> Migration {
    let source = MigrationSource {
        version: version(number),
        name: name.to_owned(),
        up: up.to_owned(),
        down: down.map(str::to_owned),
    };
    source.analyse().unwrap()
}

/// A migration that adds a table, with its way back.
pub(crate) fn table(number: &str) -> Migration {
    let name = format!("t{number}");
    migration(number, &name, &format!("CREATE TABLE {name} (id int);"), Some(&format!("DROP TABLE {name};")))
}

/// The first tables of a service: `001`, `002` and so on.
pub(crate) fn tables(count: usize) -> Release {
    Release::new((1..=count).map(|n| table(&format!("{n:03}"))).collect()).unwrap()
}
