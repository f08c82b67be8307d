//! Events of the doubt in the ledger.

use super::{IllegalEvent, Place, database};
use crate::name::DatabaseName;
use crate::state::State;
use crate::witness::{Checkpoint, Doubt, Finding};

pub(super) fn doubted(
    state: &mut State,
    name: &DatabaseName,
    (witnessed, finding, head): (&Checkpoint, Finding, u64),
    place: Place,
) -> Result<(), IllegalEvent> {
    database(state, name, place)?;
    let doubt = Doubt { witnessed: *witnessed, finding, head, since: place.at };
    state.trust.doubts.insert(name.clone(), doubt);
    Ok(())
}

/// What agents witnessed before is answered.
pub(super) fn accepted(state: &mut State) {
    state.trust.doubts.clear();
    state.trust.acceptances += 1;
}

pub(super) fn set_aside(
    state: &mut State,
    name: &DatabaseName,
    reason: &str,
    place: Place,
) -> Result<(), IllegalEvent> {
    database(state, name, place)?;
    state.trust.doubts.remove(name);
    state.trust.set_aside.insert(name.clone(), reason.to_owned());
    Ok(())
}

/// An agent that is another one by now, or none any more, has said nothing.
pub(super) fn forgotten(state: &mut State, name: &DatabaseName) {
    state.trust.doubts.remove(name);
    state.trust.set_aside.remove(name);
}
