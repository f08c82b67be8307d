//! The network: streams that deliver in order, late, sometimes twice, until they are cut.

use pgbelay_core::name::DatabaseName;

/// One connection of an agent.
pub(crate) struct Link {
    pub(crate) database: DatabaseName,
    /// The process that opened it.
    pub(crate) process: u64,
    /// Nothing arrives before.
    pub(crate) held_until: i64,
    /// When the last message of each direction arrives.
    pub(crate) last: [i64; 2],
    pub(crate) cut: bool,
}

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    ToAgent,
    ToController,
}

impl Link {
    /// When a message arrives that is sent now and takes this long: never before the one sent before it.
    pub(crate) fn arrival(&mut self, way: Way, now: i64, takes: i64) -> i64 {
        let last = &mut self.last[way as usize];
        *last = (now + takes).max(self.held_until).max(*last);
        *last
    }
}
