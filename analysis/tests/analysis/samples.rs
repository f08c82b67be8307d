//! The sample migrations of the project are readable.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use pgbelay_analysis::read;

fn sql_files(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(sql_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "sql") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[test]
fn every_sample_is_read() -> anyhow::Result<()> {
    let files = sql_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations"))?;
    for file in &files {
        let name = file.display();
        read(&fs::read_to_string(file)?).with_context(|| name.to_string())?;
    }
    Ok(())
}
