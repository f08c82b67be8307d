//! Golden stories: `tests/stories/*.txt`, commands in, what happens out.
//!
//! A line that starts with `> ` is a command, one with `#` a remark; all others are what the core says, and are
//! compared. `UPDATE_STORIES=1` writes them anew. `> vera: plan staging` asks in vera's name.
#![expect(clippy::disallowed_methods, reason = "the core reads no file; its stories are files")]

use std::path::{Path, PathBuf};

mod commands;
pub(crate) mod teller;
mod words;

use teller::Teller;

#[test]
fn the_stories_end_as_they_are_told() {
    let update = std::env::var_os("UPDATE_STORIES").is_some();
    let mut wrong = Vec::new();
    for path in stories() {
        let told = std::fs::read_to_string(&path).unwrap();
        let happens = retell(&told);
        if update {
            std::fs::write(&path, &happens).unwrap();
        } else if told != happens {
            wrong.push(format!("{}\n{}", path.display(), first_difference(&told, &happens)));
        }
    }
    assert!(wrong.is_empty(), "{}\nUPDATE_STORIES=1 takes over what happens", wrong.join("\n\n"));
}

fn stories() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "txt"));
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

/// The story with what happens after each of its commands.
fn retell(told: &str) -> String {
    let mut teller = Teller::new();
    let mut text = String::new();
    for line in told.lines() {
        match line.strip_prefix("> ") {
            Some(command) => {
                text.push_str(&format!("> {command}\n"));
                let lines = teller.tell(command);
                crate::snapshots::survives(&teller.world.state);
                for line in lines {
                    text.push_str(&format!("  {line}\n"));
                }
            }
            None if line.starts_with('#') || line.is_empty() => text.push_str(&format!("{line}\n")),
            None => {}
        }
    }
    text
}

fn first_difference(told: &str, happens: &str) -> String {
    let (mut told, mut happens) = (told.lines(), happens.lines());
    for number in 1.. {
        match (told.next(), happens.next()) {
            (None, None) => break,
            (told, happens) if told == happens => {}
            (told, happens) => {
                return format!(
                    "line {number}\n  told:    {}\n  happens: {}",
                    told.unwrap_or("-"),
                    happens.unwrap_or("-")
                );
            }
        }
    }
    String::new()
}
