//! Whether a script takes back another.

mod chains;
mod table;

use super::{Pair, PairState, pair};
use crate::catalog::Catalog;
use crate::{Options, analyze};

/// What was there before each pair.
const BEFORE: &str = "
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TABLE customers (id bigint PRIMARY KEY, email text NOT NULL UNIQUE, region varchar(20));
CREATE TABLE orders (
    id serial PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    state text DEFAULT 'new',
    total numeric(10, 2) CHECK (total >= 0),
    note text,
    code varchar(20),
    amount integer
);
CREATE INDEX orders_state_idx ON orders (state);
CREATE VIEW open_orders AS SELECT id, state FROM orders WHERE state = 'new';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER orders_touch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();
CREATE POLICY own ON customers USING (email <> '');
CREATE TABLE events (id bigint, at timestamptz NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE prices (rate numeric(6, 2));
CREATE SEQUENCE tickets;
CREATE MATERIALIZED VIEW totals AS SELECT customer_id, sum(total) AS total FROM orders GROUP BY customer_id;
COMMENT ON TABLE customers IS 'who buys';
";

fn before() -> Catalog {
    let (analysis, catalog) = analyze(BEFORE, &Catalog::fresh(), Options::default());
    let wrong: Vec<_> = analysis.statements.iter().filter_map(|statement| statement.fails.clone()).collect();
    assert!(wrong.is_empty() && analysis.faults.is_empty(), "{wrong:?} {:?}", analysis.faults);
    catalog
}

/// A pair in words: its state, what is left or not known, which values are gone.
fn told(pair: &Pair) -> String {
    let mut text = pair.state.as_str().to_owned();
    for difference in pair.state.left() {
        text.push_str(&format!("; {difference}"));
    }
    match &pair.state {
        PairState::Unknown { why } => text.push_str(&format!("; {}", why.join("; "))),
        PairState::Differs { why: Some(why), .. } => text.push_str(&format!("; {why}")),
        PairState::Differs { .. }
        | PairState::Exact
        | PairState::Equivalent { .. }
        | PairState::Missing { .. } => {}
    }
    for lost in &pair.values {
        let way = match lost.by {
            super::Way::Up => "gone",
            super::Way::Down => "new ones go",
        };
        text.push_str(&format!("; {way}: {} {}", lost.what, lost.object));
    }
    text
}

fn check(up: &str, down: Option<&str>, expected: &str) -> Option<String> {
    let found = told(&pair(up, down, &before(), Options::default()));
    (found != expected)
        .then(|| format!("{up}\n  / {}\n  found    {found}\n  expected {expected}\n", down.unwrap_or("-")))
}
