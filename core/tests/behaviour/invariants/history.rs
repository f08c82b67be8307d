//! Random histories: what people, agents and the clock may do, in any order.

use proptest::prelude::*;

use crate::agent::Fate;

/// Most databases of a fleet: two in each environment are enough for every order of events.
pub(super) const MAX_DATABASES: usize = 4;

/// How many policies the players know.
pub(super) const POLICIES: usize = 7;

/// How many releases there are; each has the migrations of the one before and one more.
pub(super) const RELEASES: usize = 3;

/// Something that happens. Numbers pick one of what there is, whatever that is.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Push, plan, approve and start, as a person does.
    Migrate {
        production: bool,
        release: usize,
        how: How,
    },
    /// The same, backwards; to nothing when there is no such version.
    RollBack {
        production: bool,
        to: usize,
        how: How,
    },
    Push {
        release: usize,
    },
    Approve {
        plan: usize,
        by: usize,
    },
    Start {
        plan: usize,
    },
    Pause {
        rollout: usize,
    },
    Resume {
        rollout: usize,
    },
    Abort {
        rollout: usize,
    },
    Retry {
        rollout: usize,
    },
    Skip {
        rollout: usize,
        database: usize,
    },
    PassWave {
        rollout: usize,
    },
    /// Somebody gives a database another label.
    Relabel {
        database: usize,
    },
    Advance,
    Policy {
        which: usize,
    },
    /// Somebody has the backups of a database deleted that policy lets go.
    Prune {
        database: usize,
    },
    Wait {
        hours: i64,
    },
    /// For a while all goes well, and everybody tells at once.
    GoOn,
    /// Something that was not told before is told.
    Tell {
        which: usize,
    },
    /// What an agent saw before is told.
    TellOldLook {
        which: usize,
    },
    /// Something that was told before is told again.
    TellAgain {
        which: usize,
    },
    RevokeOperator {
        which: usize,
    },
    AddOperator {
        which: usize,
    },
    /// An admin takes the ledger for the true one.
    AcceptLedger,
    /// Something happens to one database and its agent.
    To {
        database: usize,
        what: Deed,
    },
}

/// How a person gets a plan carried out.
#[derive(Debug, Clone, Copy)]
pub(super) enum How {
    /// An operator, and an approver approves.
    Properly,
    /// An admin, who approves of the plan as well.
    Alone,
    /// Somebody approves, and is revoked before it starts.
    WithAWordThatIsGone,
}

/// What happens to a database and its agent.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    /// The agent works on what it has in its hands, and tells.
    Work(Fate),
    /// The agent works on what it has in its hands, and is cut off before it can tell.
    WorkQuietly(Fate),
    Accept,
    FindOut,
    Observe,
    /// The agent looks, and what it sees is on its way.
    Look,
    Silent,
    Back,
    /// Nobody has known for this long how the database is.
    Lost {
        minutes: i64,
    },
    /// Somebody knows again.
    Found,
    /// Somebody else changes the database.
    Change,
    /// A backup is read again, or looked at: whether it is whole.
    Check {
        which: usize,
        quick: bool,
        whole: bool,
    },
    /// What was given up is deleted.
    Delete,
    Revoke,
    Enrol,
    /// The agent was told of an entry that the ledger does not have.
    Doubt,
    /// The agent tells what is not true, or not its own to tell.
    Lie(Lie),
}

/// What an agent that went wrong may tell.
#[derive(Debug, Clone)]
pub(super) enum Lie {
    /// All was done.
    Ran { with_records: bool },
    /// Nothing was to be done.
    RanNothing,
    /// A backup was taken.
    BackedUp,
    /// Some migration was done that nobody asked for, and then it died.
    DiedElsewhere,
    /// The result of another run.
    OtherAttempt,
    /// The result of another agent's command.
    Foreign { by: usize },
    /// It cannot be told.
    Unknown,
}

/// A fleet, and what happens to it.
#[derive(Debug, Clone)]
pub(super) struct History {
    /// For every database whether it is in production.
    pub(super) fleet: Vec<bool>,
    /// The policy that it begins with.
    pub(super) policy: usize,
    /// Whether the controller takes the next steps at once, or when it is told to.
    pub(super) eager: bool,
    pub(super) acts: Vec<Act>,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        5 => Just(Fate::Well),
        2 => (0..3_usize).prop_map(Fate::FailsAfter),
        2 => (0..3_usize).prop_map(Fate::DiesAfter),
        2 => (0..3_usize).prop_map(Fate::CancelledAfter),
        1 => (0..3_usize).prop_map(Fate::UnknownAfter),
    ]
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![8 => Just(How::Properly), 1 => Just(How::Alone), 1 => Just(How::WithAWordThatIsGone)]
}

fn people() -> impl Strategy<Value = Act> {
    prop_oneof![
        16 => (any::<bool>(), 0..RELEASES, how())
            .prop_map(|(production, release, how)| Act::Migrate { production, release, how }),
        8 => (any::<bool>(), 0..=RELEASES, how())
            .prop_map(|(production, to, how)| Act::RollBack { production, to, how }),
        1 => (0..RELEASES).prop_map(|release| Act::Push { release }),
        2 => (0..8_usize, 0..5_usize).prop_map(|(plan, by)| Act::Approve { plan, by }),
        2 => (0..8_usize).prop_map(|plan| Act::Start { plan }),
        1 => (0..4_usize).prop_map(|rollout| Act::Pause { rollout }),
        2 => (0..4_usize).prop_map(|rollout| Act::Resume { rollout }),
        1 => (0..4_usize).prop_map(|rollout| Act::Abort { rollout }),
        2 => (0..4_usize).prop_map(|rollout| Act::Retry { rollout }),
        1 => (0..4_usize, 0..MAX_DATABASES).prop_map(|(rollout, database)| Act::Skip { rollout, database }),
        1 => (0..4_usize).prop_map(|rollout| Act::PassWave { rollout }),
        1 => (0..MAX_DATABASES).prop_map(|database| Act::Relabel { database }),
    ]
}

fn admins() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => (0..POLICIES).prop_map(|which| Act::Policy { which }),
        1 => to_one(Just(Deed::Revoke)),
        3 => to_one(Just(Deed::Enrol)),
        1 => to_one(Just(Deed::Doubt)),
        4 => Just(Act::AcceptLedger),
        1 => (0..5_usize).prop_map(|which| Act::RevokeOperator { which }),
        3 => (0..5_usize).prop_map(|which| Act::AddOperator { which }),
    ]
}

fn to_one(deed: impl Strategy<Value = Deed>) -> impl Strategy<Value = Act> {
    (0..MAX_DATABASES, deed).prop_map(|(database, what)| Act::To { database, what })
}

fn agents() -> impl Strategy<Value = Act> {
    let deed = prop_oneof![
        14 => fate().prop_map(Deed::Work),
        3 => fate().prop_map(Deed::WorkQuietly),
        1 => Just(Deed::Accept),
        2 => Just(Deed::FindOut),
        2 => Just(Deed::Observe),
        2 => Just(Deed::Look),
        1 => Just(Deed::Silent),
        2 => Just(Deed::Back),
        1 => (0..30_i64).prop_map(|minutes| Deed::Lost { minutes }),
        1 => Just(Deed::Found),
        1 => Just(Deed::Change),
        3 => (0..4_usize, any::<bool>(), prop::bool::weighted(0.7))
            .prop_map(|(which, quick, whole)| Deed::Check { which, quick, whole }),
        1 => Just(Deed::Delete),
    ];
    prop_oneof![
        6 => Just(Act::GoOn),
        4 => (0..4_usize).prop_map(|which| Act::Tell { which }),
        2 => (0..16_usize).prop_map(|which| Act::TellAgain { which }),
        1 => (0..4_usize).prop_map(|which| Act::TellOldLook { which }),
        24 => to_one(deed),
    ]
}

fn clock() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => Just(Act::Advance),
        1 => (0..30_i64).prop_map(|hours| Act::Wait { hours }),
        3 => (0..MAX_DATABASES).prop_map(|database| Act::Prune { database }),
    ]
}

fn lie() -> impl Strategy<Value = Act> {
    let lie = prop_oneof![
        any::<bool>().prop_map(|with_records| Lie::Ran { with_records }),
        Just(Lie::RanNothing),
        Just(Lie::BackedUp),
        Just(Lie::DiedElsewhere),
        Just(Lie::OtherAttempt),
        (0..MAX_DATABASES).prop_map(|by| Lie::Foreign { by }),
        Just(Lie::Unknown),
    ];
    to_one(lie.prop_map(Deed::Lie))
}

fn history(act: impl Strategy<Value = Act>) -> impl Strategy<Value = History> {
    let fleet = prop::collection::vec(any::<bool>(), 1..=MAX_DATABASES);
    let acts = prop::collection::vec(act, 1..100);
    (fleet, 0..POLICIES, any::<bool>(), acts).prop_map(|(fleet, policy, eager, acts)| History {
        fleet,
        policy,
        eager,
        acts,
    })
}

/// Histories in which no agent lies.
pub(super) fn honest() -> impl Strategy<Value = History> {
    history(prop_oneof![8 => people(), 16 => agents(), 4 => clock(), 1 => admins()])
}

/// Histories in which agents tell anything.
pub(super) fn any_history() -> impl Strategy<Value = History> {
    history(prop_oneof![8 => people(), 16 => agents(), 4 => clock(), 1 => admins(), 2 => lie()])
}
