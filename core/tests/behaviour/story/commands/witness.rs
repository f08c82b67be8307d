//! What agents were told of the ledger, and what an admin says to it; two agents with one identity; what is told in time.

use pgbelay_core::digest::Digest;
use pgbelay_core::event::Actor;
use pgbelay_core::request::Request;
use pgbelay_core::witness::{Checkpoint, Incarnation, Looked};

use super::Said;
use crate::story::teller::Teller;
use crate::world::database;

/// Carries out one of these commands: the last that there are.
pub(super) fn carry_out(teller: &mut Teller, said: &Said<'_>) {
    match said.words.as_slice() {
        ["witness", name, seq, rest @ ..] => witness(teller, name, seq, rest),
        ["accept", "ledger", rest @ ..] => accept(teller, said, rest),
        ["set-aside", name, rest @ ..] => set_aside(teller, said, name, rest),
        ["hear", name] => hear(teller, said, name),
        ["two-agents", name, places @ ..] => {
            let places = places.iter().map(ToString::to_string).collect();
            teller.ask(&Actor::Controller, &Request::Contest { database: database(name), places });
        }
        ["notice", environment, within] => {
            let (environment, within) = (environment.parse().unwrap(), within.parse().unwrap());
            teller.ask(&Actor::Controller, &Request::NoticeWindows { environment, within });
        }
        _ => panic!("there is no such command: {}", said.line),
    }
}

/// `witness NAME SEQ [lost|foreign] [accepted=N]`: an entry that this ledger has unless it is lost or of another one.
fn witness(teller: &mut Teller, name: &str, seq: &str, rest: &[&str]) {
    let (database, seq) = (database(name), seq.parse().unwrap());
    let state = &teller.world.state;
    let at = |seq, acceptances| Checkpoint {
        incarnation: Incarnation::from_bytes([1; 16]),
        acceptances,
        seq,
        hash: Digest::of(format!("entry {seq}")),
    };
    let accepted = rest.iter().find_map(|word| word.strip_prefix("accepted=")).map(|n| n.parse().unwrap());
    let mut witnessed = at(seq, accepted.unwrap_or(state.trust.acceptances));
    if rest.contains(&"lost") {
        witnessed.hash = Digest::of("lost");
    }
    if rest.contains(&"foreign") {
        witnessed.incarnation = Incarnation::from_bytes([2; 16]);
    }
    let hash = (seq <= state.seq).then(|| at(seq, 0).hash);
    let looked = Looked { head: at(state.seq, state.trust.acceptances), hash };
    teller.ask(&Actor::Agent(database.clone()), &Request::Witness { database, witnessed, looked });
}

fn accept(teller: &mut Teller, said: &Said<'_>, reason: &[&str]) {
    teller.ask(&said.actor("root"), &Request::AcceptLedger { reason: reason.join(" ") });
}

fn set_aside(teller: &mut Teller, said: &Said<'_>, name: &str, reason: &[&str]) {
    let request = Request::SetAside { database: database(name), reason: reason.join(" ") };
    teller.ask(&said.actor("root"), &request);
}

fn hear(teller: &mut Teller, said: &Said<'_>, name: &str) {
    teller.ask(&said.actor("root"), &Request::HearAgain { database: database(name) });
}
