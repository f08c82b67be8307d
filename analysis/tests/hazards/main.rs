//! Every hazard is found in its bad example, and not in its good one; and what examples do not show.

#![expect(clippy::panic, reason = "a test that can't go on has failed")]
#![expect(clippy::disallowed_methods, reason = "the examples are files")]

mod edges_ad;
mod edges_eg;
mod example;

use std::path::Path;

use example::{Example, Found};
use pgbelay_analysis::hazards;

/// The example of a hazard, `bad` or `good`.
fn read(id: &str, which: &str) -> Example {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("hazards").join(id).join(format!("{which}.sql"));
    match std::fs::read_to_string(&path) {
        Ok(text) => Example::parse(&text),
        Err(error) => panic!("{id} has no {which}.sql: {error}"),
    }
}

fn shown(found: &[Found]) -> String {
    found.iter().map(|found| format!("  {found}\n")).collect()
}

#[test]
fn every_hazard_is_found_in_its_bad_example() {
    let mut missed = String::new();
    for hazard in hazards() {
        let example = read(hazard.id, "bad");
        for server in example.servers() {
            let found = example.run(server);
            if !found.iter().any(|found| found.id == hazard.id) {
                missed.push_str(&format!("{} on {}:\n{}", hazard.id, server.number(), shown(&found)));
            }
        }
    }
    assert!(missed.is_empty(), "not found:\n{missed}");
}

#[test]
fn no_hazard_is_found_in_its_good_example() {
    let mut wrong = String::new();
    for hazard in hazards() {
        let example = read(hazard.id, "good");
        for server in example.servers() {
            let mut found = example.run(server);
            found.retain(|found| found.id == hazard.id);
            if !found.is_empty() {
                wrong.push_str(&format!("{} on {}:\n{}", hazard.id, server.number(), shown(&found)));
            }
        }
    }
    assert!(wrong.is_empty(), "found in the good example:\n{wrong}");
}

#[test]
fn every_hazard_says_what_the_list_says() {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("hazards/LIST.tsv");
    let list = std::fs::read_to_string(list).unwrap_or_default();
    for hazard in hazards() {
        let line = list.lines().find(|line| line.split('\t').next() == Some(hazard.id));
        let fields: Vec<&str> = line.unwrap_or_default().split('\t').collect();
        assert_eq!(fields.get(2), Some(&hazard.severity.as_str()), "{}", hazard.id);
        assert_eq!(fields.get(3), Some(&hazard.title), "{}", hazard.id);
    }
}
