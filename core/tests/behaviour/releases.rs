//! Releases out of real SQL, read by the real analysis.

use pgbelay_core::migration::{Migration, MigrationSource, Version};
use pgbelay_core::origin::Layout;
use pgbelay_core::release::Release;

pub(crate) fn version(text: &str) -> Version {
    text.parse().unwrap()
}

/// A migration as its files would give it.
pub(crate) fn migration(number: &str, name: &str, up: &str, down: Option<&str>) -> Migration {
    let source = MigrationSource::plain(version(number), name, up, down.map(str::to_owned));
    source.analyse().unwrap()
}

/// The SQL of a migration that adds a table, and of its way back.
pub(crate) fn table_sql(number: &str) -> [String; 2] {
    [format!("CREATE TABLE t{number} (id int);"), format!("DROP TABLE t{number};")]
}

/// A migration that adds a table, with its way back.
pub(crate) fn table(number: &str) -> Migration {
    let [up, down] = table_sql(number);
    migration(number, &format!("t{number}"), &up, Some(&down))
}

/// The first tables of a service: `001`, `002` and so on.
pub(crate) fn tables(count: usize) -> Release {
    Release::new(Layout::Plain, (1..=count).map(|n| table(&format!("{n:03}"))).collect()).unwrap()
}
