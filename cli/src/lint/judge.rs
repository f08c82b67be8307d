//! Goes through the files as the runs would: each is one transaction, and is judged against what the ones before it
//! have left. A rollback file is judged against what its migration has left.

use pgbelay_analysis::{Analysis, Catalog, Options, ScriptError, Sides, analyze, analyze_next, session};

use super::report::{Fault, FileReport};
use super::rollback::RollbackReport;
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
        let (back, released) = (source.back.take(), source.released);
        // Only what may be taken back is compared with what was before.
        let before = released.then(|| catalog.clone());
        let analysis = source.text.as_deref().map(|text| analyze_next(text, &mut catalog, options));
        let ground = before.as_ref().map_or_else(|| catalog.clone(), |before| session(&catalog, before));
        let down =
            back.as_ref().and_then(|back| back.text.as_deref()).map(|text| analyze(text, &ground, options));
        let rollback = before.map(|before| {
            let path = back.as_ref().map(|back| back.path.display().to_string());
            match &analysis {
                Some(up) if down.is_some() == back.is_some() => {
                    let down = down.as_ref().map(|(analysis, after)| (analysis, after));
                    let sides = Sides { before: &before, up, middle: &catalog, down };
                    RollbackReport::new(sides.pair(), path)
                }
                Some(_) | None => RollbackReport::unread(path),
            }
        });
        judged.files.push(FileReport { rollback, ..file(source, analysis) });
        if let Some(back) = back {
            judged.rollbacks.push(file(*back, down.map(|(analysis, _)| analysis)));
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
        rollback: None,
        text: source.text.unwrap_or_default(),
        wrong_name: source.wrong_name,
    }
}
