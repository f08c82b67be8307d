//! Judges what a plan will run, as the controller's shell does: the schema is what the applied SQL has made.

use std::collections::BTreeSet;
use std::sync::Arc;

use pgbelay_analysis::{Options, analyze_next};
use pgbelay_core::Catalog;
use pgbelay_core::database::{Observation, no_conditions};
use pgbelay_core::decide::{Wanted, pending};
use pgbelay_core::digest::Digest;
use pgbelay_core::judge::{AllJudged, Circumstances as Server, Script, judge};
use pgbelay_core::name::{DatabaseName, EnvironmentName};
use pgbelay_core::plan::{AllSizes, Goal};
use pgbelay_core::request::Circumstances;

use crate::story::teller::Teller;

/// `unread`: the database whose schema cannot be read.
pub(super) fn judged(
    teller: &Teller,
    (environment, goal, fresh): (&EnvironmentName, &Goal, &BTreeSet<DatabaseName>),
    unread: Option<&str>,
    here: &Circumstances,
) -> AllJudged {
    let state = &teller.world.state;
    let wanted = Wanted {
        environment,
        goal,
        fresh,
        judged: &AllJudged::new(),
        sizes: &AllSizes::new(),
        histories: &teller.histories,
    };
    let Ok(pending) = pending(state, &wanted, here) else { return AllJudged::new() };
    let settings = state.environment(environment).unwrap().into();
    let judge = |(name, files): (DatabaseName, Vec<_>)| {
        let scripts: Vec<_> =
            files.iter().map(|file| Script { file, text: &teller.texts[&file.sql] }).collect();
        let schema = match unread {
            Some(unread) if unread == name.as_str() => Err("its agent is not connected".to_owned()),
            Some(_) | None => Ok((name.clone(), schema(teller, &name))),
        };
        let fingerprint = seen_in(teller, &name).map_or(Digest::of(""), |seen| seen.fingerprint);
        let server_version = seen_in(teller, &name).map_or(150_018, |seen| seen.server_version);
        let server = Server { fingerprint, conditions: no_conditions(), server_version, settings: &settings };
        (name, Arc::new(judge(schema, &scripts, server)))
    };
    pending.into_iter().map(judge).collect()
}

fn seen_in<'a>(teller: &'a Teller, name: &DatabaseName) -> Option<&'a Observation> {
    teller.world.state.databases[name].observed.as_ref().map(|(_, seen)| seen.as_ref())
}

fn schema(teller: &Teller, name: &DatabaseName) -> Catalog {
    let mut catalog = Catalog::fresh();
    for record in seen_in(teller, name).iter().flat_map(|seen| &seen.records) {
        // What was applied by somebody else has no text.
        if let Some(text) = teller.texts.get(&record.checksum) {
            analyze_next(text, &mut catalog, Options::default());
        }
    }
    catalog
}
