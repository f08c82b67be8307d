//! A state is written to a file and read again at a start: in the form that the controller uses, none is different then.

use pgbelay_core::state::State;
use serde::{Deserialize as _, Serialize as _};

/// The state is itself after it was written and read.
pub(crate) fn survives(state: &State) {
    let mut written = Vec::new();
    let mut to = rmp_serde::Serializer::new(&mut written).with_struct_map().with_human_readable();
    state.serialize(&mut to).unwrap();
    let mut from = rmp_serde::Deserializer::new(written.as_slice()).with_human_readable();
    let read = State::deserialize(&mut from).unwrap();
    assert!(read == *state, "written:\n{state:#?}\nread:\n{read:#?}");
}
