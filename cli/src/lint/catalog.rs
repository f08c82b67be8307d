//! The schema before the first file, as `pgbelay catalog` and `pgbelay-agent catalog` write it.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use pgbelay_analysis::Catalog;

use crate::error::CliError;

/// Largest file: 100,000 relations with their columns and indexes.
const MAX_BYTES: u64 = 512 << 20;

/// Reads the schema from a file.
pub(crate) fn read(path: &Path) -> Result<Catalog, CliError> {
    let failed = |why: String| {
        CliError::usage(format!("failed to read the schema in {}", path.display()))
            .because(why)
            .hint("pgbelay catalog DATABASE writes such a file")
    };
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text))
        .map_err(|error| failed(error.to_string()))?;
    if u64::try_from(text.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(failed(format!("it has more than {MAX_BYTES} bytes")));
    }
    Catalog::read_json(&text).map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_was_written_is_read_and_anything_else_refused() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("catalog.json");
        let mut catalog = Catalog::nothing();
        catalog.server = Some(15);
        fs::write(&path, catalog.write_json())?;
        assert_eq!(read(&path)?.server, Some(15));
        catalog.format = 99;
        fs::write(&path, catalog.write_json())?;
        assert!(read(&path).unwrap_err().cause.unwrap().contains("format 99"));
        fs::write(&path, "{}")?;
        assert!(read(&path).unwrap_err().cause.unwrap().contains("not one that pgbelay has written"));
        assert!(read(&dir.path().join("none")).is_err());
        Ok(())
    }
}
