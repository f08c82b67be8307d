//! The agent's own bounds in time. One value, so that tests can wait for less.

use std::time::Duration;

/// How long things may take, and how often they are tried.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Longest random delay before the first new connection: a controller that restarts meets its fleet spread out.
    pub reconnect_first: Duration,
    /// Longest delay before any new connection: a controller that is back is found within half a minute.
    pub reconnect_cap: Duration,
    /// A connection that lived this long was a good one; the delays start again from the first.
    pub stable: Duration,
    /// Between tries of an agent that is turned away: only a person can change that, and the log should not overflow.
    pub refused: Duration,
    /// Between two reports of one result: acknowledgements take one commit of the controller, far below this.
    pub resend: Duration,
    /// Between two looks whether the database answers: each is a new session on it.
    pub check: Duration,
    /// For a look at the database while a connection waits for the hello, and for a heartbeat. The controller closes
    /// connections on which nothing is said for ten seconds.
    pub look: Duration,
    /// For a look that takes longer: the bounds of `database::inspect`, three tries of two minutes, and some.
    pub long_look: Duration,
    /// For the controller's first message: it has to read its state, not more.
    pub welcome: Duration,
    /// For all SQL of a command: 256 MiB at 20 Mbit/s, across a restart of the controller.
    pub fetch: Duration,
    /// For a probe: a dry run of a long release. Who asked has given up before that. A backup that is read again has a
    /// bound of its own, by its size, which comes with the question.
    pub probe: Duration,
    /// For a transaction that is under way when the agent is asked to stop. Supervisors kill after 30 s or more.
    pub grace: Duration,
    /// For the rollback of a transaction that did not end in time, and for the last report.
    pub farewell: Duration,
    /// Between two tries to read what an interrupted command did, at most.
    pub recover_cap: Duration,
    /// For those tries: a restart of PostgreSQL, its own recovery included, is mostly over by then. After it the
    /// controller hears that the outcome is not known, and asks again.
    pub recover_for: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            reconnect_first: Duration::from_secs(1),
            reconnect_cap: Duration::from_secs(30),
            stable: Duration::from_secs(30),
            refused: Duration::from_secs(60),
            resend: Duration::from_secs(10),
            check: Duration::from_secs(15),
            look: Duration::from_secs(8),
            long_look: Duration::from_secs(400),
            welcome: Duration::from_secs(10),
            fetch: Duration::from_secs(120),
            probe: Duration::from_secs(600),
            grace: Duration::from_secs(10),
            farewell: Duration::from_secs(3),
            recover_cap: Duration::from_secs(30),
            recover_for: Duration::from_secs(60),
        }
    }
}
