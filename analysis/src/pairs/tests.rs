mod chains;
mod table;

use super::{Pair, PairState, pair, session};
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
        PairState::Differs { .. } | PairState::Exact | PairState::Equivalent { .. } | PairState::Missing { .. } => {}
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
    (found != expected).then(|| format!("{up}\n  / {}\n  found    {found}\n  expected {expected}\n", down.unwrap_or("-")))
}

/// The migrations of this repository.
#[test]
fn our_own_migrations_are_taken_back() -> anyhow::Result<()> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let mut files: Vec<_> = std::fs::read_dir(&folder)?.collect::<Result<Vec<_>, _>>()?;
    files.retain(|file| file.path().extension().is_some_and(|extension| extension == "sql"));
    files.sort_by_key(std::fs::DirEntry::file_name);
    let mut catalog = Catalog::fresh();
    let mut found = Vec::new();
    for file in files {
        let name = file.file_name().to_string_lossy().into_owned();
        let version = name.split('_').next().unwrap_or_default();
        let down = std::fs::read_to_string(folder.join(format!("rollback/{version}_rollback.sql"))).ok();
        let up = std::fs::read_to_string(file.path())?;
        found.push(format!("{version} {}", told(&pair(&up, down.as_deref(), &catalog, Options::default()))));
        catalog = session(&analyze(&up, &catalog, Options::default()).1, &catalog);
    }
    assert_eq!(found, OWN);
    Ok(())
}

const OWN: &[&str] = &[
    "001 exact; new ones go: table public.tasks",
    "002 exact; new ones go: table public.projects; new ones go: column public.tasks.project_id",
    // Missing on purpose.
    "003 missing; constraint public.tasks.tasks_title_normalised is new: \
     check (title = btrim(regexp_replace(title, '\\s+', ' ', 'g'))); gone: values public.tasks.title",
    "004 exact; new ones go: table public.labels; new ones go: table public.task_labels",
    "005 exact",
    "006 exact; new ones go: table public.task_template_steps; new ones go: table public.task_templates",
    "007 exact; new ones go: table public.task_audit",
    "008 exact; new ones go: column public.tasks.assigned_to",
    "009 exact; new ones go: column public.task_templates.slug; gone: values public.task_templates.slug",
    "010 exact; new ones go: table public.task_assignees",
    "011 exact; gone: column public.tasks.assigned_to",
    "012 exact",
];
