//! Jobs: what people, policy and agents say of them.

use pgbelay_core::decide::due_proofs;
use pgbelay_core::event::Actor;
use pgbelay_core::job::{Destination, JobEnd, Restore, Restored};
use pgbelay_core::request::Request;
use pgbelay_core::time::Span;

use super::Said;
use super::agents::full_id;
use crate::story::teller::Teller;
use crate::world::database;

/// `restore NAME BACKUP DESTINATION`.
pub(super) fn restore(teller: &mut Teller, said: &Said<'_>, words: &[&str]) {
    let [name, id, into] = words else { panic!("restore NAME BACKUP DESTINATION") };
    let database = database(name);
    let backup = full_id(teller, &database, id);
    let into = match *into {
        "as-a-proof" => Destination::Scratch,
        "tables" => Destination::Tables { tables: vec!["a".to_owned()], schema: "back".to_owned() },
        "no-tables" => Destination::Tables { tables: Vec::new(), schema: "back".to_owned() },
        "in-place" => Destination::InPlace { cut_off: Vec::new() },
        new => Destination::New { name: new.to_owned() },
    };
    teller.ask(&said.actor("olga"), &Request::StartJob { database, restore: Restore { backup, into } });
}

/// `drills`, `drills without NAME…`: what policy asks for now, where these agents are away.
pub(super) fn drills(teller: &mut Teller, away: &[&str]) {
    let state = teller.world.state.clone();
    let due = due_proofs(&state, teller.world.now, |name| !away.contains(&name.as_str()));
    if due.is_empty() {
        teller.say("nothing is due".to_owned());
    }
    for (database, restore) in due {
        teller.ask(&Actor::Controller, &Request::StartJob { database, restore });
    }
}

/// `job ID taken`, `restored`, `broken`, `fails`, `lost`, `elsewhere`, `cancel`.
pub(super) fn job(teller: &mut Teller, said: &Said<'_>, id: &str, word: &str) {
    // By its number.
    let known = teller.world.state.jobs.values().find(|job| job.id.as_str().split('-').next() == Some(id));
    let id = known.map_or_else(|| id.parse().unwrap(), |job| job.id.clone());
    let Some(job) = teller.world.state.jobs.get(&id).map(|job| job.as_ref().clone()) else {
        return teller.say(format!("there is no job {id}"));
    };
    let agent = Actor::Agent(job.database.clone());
    let fails = |problems: Vec<String>| JobEnd::Failed {
        message: "it did not work".to_owned(),
        hint: "try again".to_owned(),
        problems,
    };
    let end = match word {
        "taken" => return teller.ask(&agent, &Request::JobTaken { job: id }),
        "cancel" => return teller.ask(&said.actor("olga"), &Request::CancelJob { job: id }),
        "fails" => fails(Vec::new()),
        "broken" => fails(vec!["a has 1 rows in place of 2".to_owned()]),
        "lost" => JobEnd::Interrupted { why: "its agent was restarted".to_owned() },
        "restored" | "elsewhere" => {
            let mut seen = teller.world.agents[&job.database].observation();
            let server =
                if word == "elsewhere" { "other" } else { seen.system_identifier.split('/').next().unwrap() };
            seen.system_identifier = format!("{server}/77");
            seen.records.truncate(1);
            JobEnd::Restored(Restored {
                location: "there".to_owned(),
                kept: None,
                counted: 1,
                sampled: 0,
                rows: 1,
                schema_doubt: None,
                notes: Vec::new(),
                took: Span(1),
                observation: job.restore.into.is_in_place().then(|| Box::new(seen)),
            })
        }
        _ => panic!("there is no such end of a job: {word}"),
    };
    teller.ask(&agent, &Request::EndJob { job: id, end });
}
