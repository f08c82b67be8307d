//! Cases out of whole files: each statement is one, with all those before it as its setup.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use pgbelay_analysis::{Catalog, Options, Server, analyze};
use pgbelay_tests::observe::corpus::{Case, Majors};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The statements of a text, by where the analysis says that they stand.
fn statements(sql: &str) -> anyhow::Result<Vec<String>> {
    let (analysis, _) = analyze(sql, &Catalog::nothing(), Options::default());
    ensure!(analysis.faults.is_empty(), "{:?}", analysis.faults);
    let texts = analysis.statements.iter().map(|s| sql.get(s.span.start..s.span.end).map(str::to_owned));
    texts.collect::<Option<_>>().context("a statement that stands nowhere")
}

/// One case for each statement of `run`; `setup` and the statements before it are its setup.
fn chain(topic: &str, setup: &mut Vec<String>, run: &str) -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (line, statement) in (1..).zip(statements(run)?) {
        cases.push(Case {
            topic: topic.to_owned(),
            name: format!("statement {line}"),
            line,
            majors: Majors::ALL,
            refused: None,
            setup: setup.clone(),
            run: statement.clone(),
        });
        setup.push(statement);
    }
    Ok(cases)
}

/// Every statement of the bad and good examples of hazards that a server knows. What fails as an example should fail, is
/// not in the setup of what follows.
pub(crate) fn examples(server: Server) -> anyhow::Result<Vec<Case>> {
    let directory = root().join("analysis/hazards");
    let mut found = Vec::new();
    let mut entries: Vec<PathBuf> =
        fs::read_dir(&directory)?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?;
    entries.sort();
    for hazard in entries.iter().filter(|path| path.is_dir()) {
        for file in ["bad.sql", "good.sql"] {
            let path = hazard.join(file);
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let name = hazard.file_name().unwrap_or_default().to_string_lossy().into_owned();
            found.extend(
                example(&format!("{name}/{file}"), &text, server)
                    .with_context(|| path.display().to_string())?,
            );
        }
    }
    Ok(found)
}

fn example(topic: &str, text: &str, server: Server) -> anyhow::Result<Vec<Case>> {
    if let Some(majors) = text.lines().find_map(|line| line.strip_prefix("-- server:"))
        && !fits(majors.trim(), server)?
    {
        return Ok(Vec::new());
    }
    let mut sections = Vec::new();
    for line in text.lines() {
        if line.starts_with("-- setup:") || line.starts_with("-- run:") {
            sections.push((line.starts_with("-- setup:"), String::new()));
        } else if let Some((_, section)) = sections.last_mut() {
            section.push_str(line);
            section.push('\n');
        }
    }
    let fails = text.contains("-- fails:");
    let mut setup = Vec::new();
    let mut cases = Vec::new();
    for (is_setup, section) in sections {
        if is_setup {
            setup.extend(statements(&section)?);
        } else {
            cases.extend(chain(topic, &mut setup, &section)?);
        }
    }
    // What fails cannot be the setup of another.
    if fails {
        cases.retain(|case| case.line == 1);
    }
    Ok(cases)
}

fn fits(majors: &str, server: Server) -> anyhow::Result<bool> {
    let number = server.number();
    if let Some(from) = majors.strip_suffix('+') {
        return Ok(number >= from.trim().parse()?);
    }
    let (from, to) = majors.split_once('-').unwrap_or((majors, majors));
    Ok((from.trim().parse()?..=to.trim().parse::<u32>()?).contains(&number))
}

/// Rows that a migration after these versions meets.
const ROWS: [(&str, &str); 2] = [
    (
        "002",
        "INSERT INTO projects (key, name) VALUES ('OPS', 'Operations');
         INSERT INTO tasks (title, project_id) SELECT 'ship it', id FROM projects",
    ),
    ("008", "UPDATE tasks SET assigned_to = 'ada'"),
];

/// Every statement of the sample migrations, in their order.
pub(crate) fn samples(_server: Server) -> anyhow::Result<Vec<Case>> {
    let mut files: Vec<PathBuf> = fs::read_dir(root().join("migrations"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<anyhow::Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|ending| ending == "sql"));
    files.sort();
    let mut setup = Vec::new();
    let mut cases = Vec::new();
    for file in files {
        let topic = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        cases.extend(chain(&topic, &mut setup, &fs::read_to_string(&file)?)?);
        // What the service would write between two migrations.
        if let Some((_, rows)) = ROWS.iter().find(|(version, _)| topic.starts_with(version)) {
            setup.extend(statements(rows)?);
        }
    }
    Ok(cases)
}
