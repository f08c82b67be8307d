//! Is a database in the state that a plan was made for?

use pgbelay_core::database::Observation;
use pgbelay_core::plan::Expectation;

/// What is different from what was expected, in words; `None`: nothing.
pub(crate) fn difference(expect: &Expectation, seen: &Observation) -> Option<String> {
    if seen.system_identifier != expect.system_identifier {
        return Some(format!(
            "this is another database: its system identifier is {}, and the plan was made for {}",
            seen.system_identifier, expect.system_identifier
        ));
    }
    if seen.records_digest() != expect.records {
        let applied = match seen.records.last() {
            Some(last) => format!("{} are applied, the last is {}", seen.records.len(), last.version),
            None => "none is applied".to_owned(),
        };
        return Some(format!(
            "the applied migrations are not the ones that the plan was made for: {applied}"
        ));
    }
    (seen.fingerprint != expect.fingerprint).then(|| {
        format!(
            "the schema was changed since the plan was made: its fingerprint is {}, and the plan expects {}",
            seen.fingerprint.short(),
            expect.fingerprint.short()
        )
    })
}

#[cfg(test)]
mod tests {
    use pgbelay_core::digest::Digest;

    use super::*;

    #[test]
    fn it_is_told_which_of_the_three_is_different() {
        let seen = Observation {
            conditions: pgbelay_core::database::no_conditions(),
            server_version: 150_000,
            system_identifier: "1/2".into(),
            fingerprint: Digest::of("schema"),
            records: Vec::new(),
            unfinished: Vec::new(),
        };
        let expect = Expectation::from(&seen);
        assert_eq!(difference(&expect, &seen), None);
        let check = |spoil: fn(&mut Expectation), told: &str| {
            let mut other = expect.clone();
            spoil(&mut other);
            let words = difference(&other, &seen).unwrap_or_default();
            assert!(words.contains(told), "{words}");
        };
        check(|e| e.system_identifier = "1/3".into(), "made for 1/3");
        check(|e| e.records = Digest::of("other"), "none is applied");
        check(|e| e.fingerprint = Digest::of("other"), "schema was changed");
    }
}
