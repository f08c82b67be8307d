//! Goes through the files as the runs would: each is one transaction, and is judged against what the ones before it
//! have left. A rollback file is judged against what its migration has left.

use pgbelay_analysis::{Analysis, Catalog, Options, ScriptError, analyze, analyze_next};

use super::report::{Fault, FileReport};
use super::sources::Source;

/// What the files do, and what taking them back does.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    pub(crate) files: Vec<FileReport>,
    pub(crate) rollbacks: Vec<FileReport>,
}

pub(crate) fn judge(sources: Vec<Source>, mut catalog: Catalog, options: Options) -> Judged {
    let mut judged = Judged::default();
    for mut source in sources {
        let back = source.back.take();
        let analysis = source.text.as_deref().map(|text| analyze_next(text, &mut catalog, options));
        judged.files.push(file(source, analysis));
        if let Some(back) = back {
            let analysis = back.text.as_deref().map(|text| analyze(text, &catalog, options).0);
            judged.rollbacks.push(file(*back, analysis));
        }
    }
    judged
}

fn file(source: Source, analysis: Option<Analysis>) -> FileReport {
    let Analysis { statements, faults, allows } = analysis.unwrap_or_default();
    let mut found = source.faults;
    found.extend(faults.iter().map(Fault::from));
    if source.text.is_some() && statements.is_empty() && found.is_empty() {
        found.push(Fault::from(&ScriptError::Empty));
    }
    FileReport {
        path: source.path.display().to_string(),
        statements,
        faults: found,
        allows,
        text: source.text.unwrap_or_default(),
        wrong_name: source.wrong_name,
    }
}
