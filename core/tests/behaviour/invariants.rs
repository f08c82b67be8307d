//! The promises of the core, against random histories.
//!
//! A history is a list of acts of people, agents and the clock (`history`); a player lets them happen in a world
//! (`player`). Honest agents tell the truth, if late, twice, or never; others tell anything at all. Every invariant
//! looks at each request with the states around it, or at the end, and says in one line what must hold.

mod gates;
mod history;
mod player;
mod proofs;
mod reach;
mod rest;
mod retention;
mod safety;
mod waves;

use history::History;
use player::Player;

use crate::world::Asked;

/// Plays a history and shows every request to `watch`.
fn play(history: &History, watch: impl FnMut(&Asked<'_>) + 'static) -> Player {
    let mut player = Player::new(history, watch);
    history.acts.iter().for_each(|act| player.act(act));
    player
}
