//! Whatever the scripts: no panic, and what is called exact is.

use proptest::prelude::*;

use super::super::{PairState, pair};
use crate::catalog::{Catalog, differences};
use crate::{Options, analyze, analyze_next, session};

const STATEMENTS: &[&str] = &[
    "CREATE TABLE a (id serial PRIMARY KEY, note text)",
    "CREATE TABLE b (id int, a int REFERENCES a)",
    "CREATE TABLE IF NOT EXISTS a (id int)",
    "DROP TABLE a",
    "DROP TABLE a CASCADE",
    "DROP TABLE IF EXISTS b",
    "ALTER TABLE a ADD COLUMN x int",
    "ALTER TABLE a DROP COLUMN x",
    "ALTER TABLE a DROP COLUMN note",
    "ALTER TABLE a ADD COLUMN note text",
    "ALTER TABLE a RENAME COLUMN note TO x",
    "ALTER TABLE a RENAME TO c",
    "ALTER TABLE c RENAME TO a",
    "CREATE INDEX i ON a (note)",
    "DROP INDEX i",
    "CREATE TYPE m AS ENUM ('x')",
    "ALTER TYPE m ADD VALUE 'y'",
    "DROP TYPE m",
    "CREATE VIEW v AS SELECT id FROM a",
    "CREATE OR REPLACE VIEW v AS SELECT id FROM a WHERE id > 1",
    "DROP VIEW v",
    "COMMENT ON TABLE a IS 'x'",
    "COMMENT ON TABLE a IS NULL",
    "GRANT SELECT ON a TO r",
    "REVOKE SELECT ON a FROM r",
    "UPDATE a SET note = 'x'",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "DROP FUNCTION f()",
    "ALTER TABLE a ALTER note SET NOT NULL",
    "ALTER TABLE a ALTER note DROP NOT NULL",
    "SET search_path = app",
    "SELECT 1",
    "this is no SQL",
];

fn script() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(STATEMENTS), 0..5).prop_map(|parts| parts.join(";\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn invariant_exact_means_equal_facts(chain in prop::collection::vec(script(), 0..3), up in script(), down in script(), whole: bool) {
        let mut before = if whole { Catalog::fresh() } else { Catalog::nothing() };
        for earlier in &chain {
            analyze_next(earlier, &mut before, Options::default());
        }
        let found = pair(&up, Some(&down), &before, Options::default());
        let (_, middle) = analyze(&up, &before, Options::default());
        let (_, after) = analyze(&down, &session(&middle, &before), Options::default());
        let differs: Vec<_> = differences(&before, &after);
        match found.state {
            PairState::Exact => prop_assert_eq!(differs, Vec::new()),
            PairState::Equivalent { .. } => prop_assert!(differs.iter().all(crate::FactDifference::is_order)),
            PairState::Differs { left, .. } | PairState::Missing { left } => prop_assert!(!left.is_empty()),
            PairState::Unknown { why } => prop_assert!(!why.is_empty()),
        }
    }
}
