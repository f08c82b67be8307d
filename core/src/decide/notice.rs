//! What people are told of in time.

use crate::event::Event;
use crate::name::EnvironmentName;
use crate::notice::closing;
use crate::state::State;
use crate::time::{Span, Timestamp};

pub(super) fn windows(state: &State, environment: &EnvironmentName, soon: (Timestamp, Span)) -> Vec<Event> {
    let windows = closing(state, environment, soon);
    if windows.is_empty() {
        return Vec::new();
    }
    vec![Event::WindowsClosing { environment: environment.clone(), windows }]
}
