//! Whether there is room for a backup, as far as that can be said before.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use pgbelay_analysis::bytes_in_words as amount;

use super::manifest::Manifest;

/// What a backup takes of its tables' size, where nothing is known: with Zstandard, rows of numbers take a tenth and texts a
/// third, and indexes nothing at all.
const USUAL: f64 = 0.35;

/// What the last backup took says something from this size of its tables on.
const ENOUGH: u64 = 256 << 20;

/// Above what the last one took.
const MARGIN: f64 = 1.2;

/// Why there is no room, in words; `None`: there seems to be. `parent`: the directory of the database's backups.
pub(super) fn lacks(parent: &Path, bytes: u64) -> io::Result<Option<String>> {
    let volume = rustix::fs::statvfs(parent)?;
    let free = volume.f_bavail.saturating_mul(volume.f_frsize);
    let wanted = (bytes as f64 * share(parent).map_or(USUAL, |share| share * MARGIN)) as u64;
    Ok((free < wanted).then(|| {
        let (wanted, free, bytes) = (amount(wanted), amount(free), amount(bytes));
        format!(
            "about {wanted} are needed for tables of {bytes}, and {free} are free in {}",
            parent.display()
        )
    }))
}

/// The same for what takes just so many bytes: a copy of a backup.
pub(super) fn lacks_all(parent: &Path, bytes: u64) -> io::Result<Option<String>> {
    let volume = rustix::fs::statvfs(parent)?;
    let free = volume.f_bavail.saturating_mul(volume.f_frsize);
    let wanted = bytes.saturating_add(bytes / 20);
    Ok((free < wanted).then(|| {
        format!("{} are needed, and {} are free in {}", amount(wanted), amount(free), parent.display())
    }))
}

/// What the newest backup took of the size of its tables.
fn share(parent: &Path) -> Option<f64> {
    let names = parent.read_dir().ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let newest = names.filter(|name| !name.starts_with('.')).max()?;
    let manifest = Manifest::read(&parent.join(newest)).ok()?;
    // Of little data, what is always there is most of a backup.
    let says = !manifest.parts.is_empty() && manifest.database_bytes >= ENOUGH;
    says.then(|| manifest.bytes() as f64 / manifest.database_bytes as f64)
}

/// Whether the backups are on the volume of the server's own data, where one disk takes both.
pub(super) fn is_beside_data(parent: &Path, data: &Path) -> bool {
    let device = |path: &Path| path.metadata().map(|found| found.dev()).ok();
    device(data).is_some_and(|of_data| device(parent) == Some(of_data))
}
