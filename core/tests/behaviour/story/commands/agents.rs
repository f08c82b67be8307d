//! What agents do and tell.

use pgbelay_core::command::{Adopt, Command, CommandKind, Outcome, RefusedBecause, Run};
use pgbelay_core::digest::Digest;
use pgbelay_core::event::Actor;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::request::Request;
use pgbelay_core::time::Span;

use super::{Said, witness};
use crate::agent::Fate;
use crate::story::teller::Teller;
use crate::world::database;

/// Carries a command out that an agent is the subject of.
pub(super) fn carry_out(teller: &mut Teller, said: &Said<'_>) {
    match said.words.as_slice() {
        ["agent", name, rest @ ..] => agent(teller, said, &database(name), rest),
        ["observe", name] => {
            let result = teller.world.observe(&database(name));
            teller.answered(&result);
        }
        ["looks", name] => {
            let seen = teller.world.agents[&database(name)].observation();
            teller.looks.insert(database(name), seen);
        }
        ["tells", name, "what", "it", "saw"] => {
            let database = database(name);
            let observation = teller.looks[&database].clone();
            teller.ask(&Actor::Agent(database.clone()), &Request::Observe { database, observation });
        }
        ["backup", id, of, name, state] => {
            assert_eq!(*of, "of", "{}", said.line);
            let (database, backup) = (database(name), full_id(teller, &database(name), id));
            let problems = match *state {
                "whole" | "reads-whole" => Vec::new(),
                "missing" => vec!["its directory is missing".to_owned()],
                _ => vec!["dump/1.dat was changed: its digest is another one".to_owned()],
            };
            let request = match *state {
                "reads-whole" | "changed" => {
                    Request::RecordCheck { database, backup, problems, notes: Vec::new() }
                }
                "gone" => Request::BackupGone { database, backup },
                _ => Request::RecordLook { database, backup, problems },
            };
            teller.ask(&Actor::Controller, &request);
        }
        ["renew", name, "with", serial, "for", next] => {
            let (database, certificate) = (database(name), teller.world.certificate(next));
            let serial = (*serial).to_owned();
            teller.ask(&Actor::Agent(database.clone()), &Request::Renew { database, serial, certificate });
        }
        ["connects", name, serial] => {
            let (database, serial) = (database(name), (*serial).to_owned());
            teller.ask(&Actor::Agent(database.clone()), &Request::CertificateSeen { database, serial });
        }
        ["somebody", "changes", name] => teller.world.agents.get_mut(&database(name)).unwrap().changes += 1,
        ["somebody", "upgrades", name, "to", major] => {
            teller.world.agents.get_mut(&database(name)).unwrap().server = major.parse().unwrap();
        }
        ["somebody", "edits", number, "on", name] => {
            let agent = teller.world.agents.get_mut(&database(name)).unwrap();
            let record = agent.applied.iter_mut().find(|record| record.version.as_str() == *number);
            record.unwrap().checksum = Digest::of("something else");
        }
        ["somebody", "deletes", number, "on", name] => {
            let agent = teller.world.agents.get_mut(&database(name)).unwrap();
            agent.applied.retain(|record| record.version.as_str() != *number);
        }
        _ => presence(teller, said),
    }
}

/// Whether an agent is there, as the controller sees it.
fn presence(teller: &mut Teller, said: &Said<'_>) {
    match said.words.as_slice() {
        ["silent", name] => {
            let database = database(name);
            teller.ask(&Actor::Controller, &Request::AgentSilent { database });
        }
        // Not heard of for so many minutes.
        ["lost", name, minutes] => {
            let minutes: i64 = minutes.parse().unwrap();
            let (database, since) = (database(name), teller.world.now + Span::seconds(-60 * minutes));
            teller.ask(&Actor::Controller, &Request::Unreachable { database, since });
        }
        ["found", name] => {
            let database = database(name);
            teller.ask(&Actor::Controller, &Request::Reachable { database });
        }
        ["back", name] => {
            let database = database(name);
            teller.ask(&Actor::Agent(database.clone()), &Request::AgentBack { database });
        }
        _ => witness::carry_out(teller, said),
    }
}

/// The backup of the command with a number, as in `c3`.
pub(super) fn full_id(teller: &Teller, database: &DatabaseName, short: &str) -> String {
    let mut known = teller.world.state.backups_of(database).map(|known| known.id().to_owned());
    known.find(|id| id.split('-').next() == Some(short)).unwrap_or_else(|| short.to_owned())
}

/// The agent does something with the command in its hands. `quietly`: and does not tell.
fn agent(teller: &mut Teller, said: &Said<'_>, name: &DatabaseName, words: &[&str]) {
    match words {
        ["tells"] => return tell(teller, name, name),
        ["claims", other] => return tell(teller, name, &database(other)),
        ["finds-out"] => return find_out(teller, name),
        _ => {}
    }
    let Some(command) = teller.world.in_hand(name) else {
        return teller.say(format!("{name} has nothing to do"));
    };
    let outcome = match words {
        ["accepts"] => {
            let request = Request::Accepted { command: command.id.clone(), attempt: command.attempt };
            return teller.ask(&Actor::Agent(name.clone()), &request);
        }
        ["pretends", lie] => pretended(teller, name, &command, lie),
        _ => {
            let fate = fate(&command, words).unwrap_or_else(|| panic!("no such command: {}", said.line));
            let now = teller.world.now;
            teller.world.agents.get_mut(name).unwrap().carry_out(&command, &fate, now)
        }
    };
    teller.results.insert(name.clone(), (command, outcome));
    if !said.has("quietly") {
        tell(teller, name, name);
    }
}

fn fate(command: &Command, words: &[&str]) -> Option<Fate> {
    let at = |version: &str| match &command.kind {
        CommandKind::Backup { .. } | CommandKind::Verify(_) | CommandKind::Rehearse(_) => 0,
        CommandKind::Run(Run { steps, .. }) | CommandKind::Adopt(Adopt { steps, .. }) => {
            steps.iter().position(|s| s.version.as_str() == version).unwrap()
        }
    };
    Some(match words {
        ["backs-up" | "runs" | "answers" | "passes" | "rehearses", ..] => Fate::Well,
        ["fails"] => Fate::FailsAfter(0),
        ["fails", version] => Fate::FailsAfter(at(version)),
        ["interrupted"] => Fate::DiesAfter(0),
        ["interrupted", "after", version, ..] => Fate::DiesAfter(at(version) + 1),
        ["cancels", "after", version, ..] => Fate::CancelledAfter(at(version) + 1),
        ["cancels", ..] => Fate::CancelledAfter(0),
        ["unsettled", "after", version, ..] => Fate::UnsettledAfter(at(version) + 1),
        ["unsettled", ..] => Fate::UnsettledAfter(0),
        ["unknown", "after", version, ..] => Fate::UnknownAfter(at(version) + 1),
        ["unknown", ..] => Fate::UnknownAfter(0),
        _ => return None,
    })
}

/// A result that is not true.
fn pretended(teller: &Teller, name: &DatabaseName, command: &Command, lie: &str) -> Outcome {
    let observation = teller.world.agents[name].observation();
    match lie {
        "guard" => {
            Outcome::Refused { reason: RefusedBecause::Guard { rule: "no DROP TABLE on Fridays".to_owned() } }
        }
        "it-ran" => {
            let honest = &mut teller.world.agents[name].clone();
            let ran = honest.carry_out(command, &Fate::Well, teller.world.now);
            match ran {
                Outcome::Ran { done, .. } => Outcome::Ran { done, observation },
                other @ (Outcome::BackedUp { .. }
                | Outcome::Verified { .. }
                | Outcome::Rehearsed { .. }
                | Outcome::Failed { .. }
                | Outcome::Interrupted { .. }
                | Outcome::Cancelled { .. }
                | Outcome::Unsettled { .. }
                | Outcome::Refused { .. }
                | Outcome::Unknown { .. }) => other,
            }
        }
        "nothing-ran" => Outcome::Ran { done: Vec::new(), observation },
        _ => panic!("no such lie: {lie}"),
    }
}

/// Tells a result; `whose` it is may be another agent's.
fn tell(teller: &mut Teller, name: &DatabaseName, whose: &DatabaseName) {
    let (command, outcome) = teller.results[whose].clone();
    let result = teller.world.report(name, &command, outcome);
    teller.answered(&result);
}

fn find_out(teller: &mut Teller, name: &DatabaseName) {
    let known = teller.results.get(name).cloned();
    let found = known.and_then(|(command, _)| {
        let outcome = teller.world.agents.get_mut(name).unwrap().find_out(&command.id)?;
        Some((command, outcome))
    });
    let Some((command, outcome)) = found else { return teller.say(format!("{name} has nothing to do")) };
    teller.results.insert(name.clone(), (command, outcome));
    tell(teller, name, name);
}
