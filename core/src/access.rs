//! Who may talk to the controller: operators and their roles, agents, certificates, join tokens.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::name::{DatabaseName, EnvironmentName, OperatorName, TokenId};
use crate::time::{Span, Timestamp};

/// How long a join token counts: long enough to type it, short enough to lose it.
pub const TOKEN_LIFETIME: Span = Span::seconds(600);

/// How long an agent waits for a second successor of its certificate while the first is unused: every one of them stands
/// in the ledger for ever, and an answer that was lost is asked for again after about a minute.
pub const RENEWAL_PAUSE: Span = Span::seconds(60);

/// What an operator may do. A higher role may do all that a lower one may, but `approver` is beside `operator`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Plans, runs, rolls back.
    Operator,
    /// Approves plans.
    Approver,
    /// Everything, and who may do what.
    Admin,
}

impl Role {
    /// Whether this role may do what asks for `needed`.
    #[must_use]
    pub fn covers(self, needed: Self) -> bool {
        match (self, needed) {
            (Self::Admin, _) | (_, Self::Viewer) => true,
            (Self::Operator, Self::Operator) | (Self::Approver, Self::Approver) => true,
            (Self::Viewer | Self::Approver, Self::Operator)
            | (Self::Viewer | Self::Operator, Self::Approver)
            | (Self::Viewer | Self::Operator | Self::Approver, Self::Admin) => false,
        }
    }

    /// The role's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Approver => "approver",
            Self::Admin => "admin",
        }
    }
}

/// A certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Its serial number, lower-case hex.
    pub serial: String,
    /// When it expires.
    pub not_after: Timestamp,
}

/// The certificates of one identity: the one in use, and its successor until that has been used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificates {
    /// The one in use.
    pub current: Certificate,
    /// Its successor: issued, not yet seen.
    pub next: Option<Certificate>,
    /// Whether the identity was revoked.
    pub revoked: bool,
}

impl Certificates {
    /// A first certificate.
    #[must_use]
    pub const fn new(current: Certificate) -> Self {
        Self { current, next: None, revoked: false }
    }

    /// Whether a certificate with this serial number counts.
    #[must_use]
    pub fn accepts(&self, serial: &str) -> bool {
        let known =
            self.current.serial == serial || self.next.as_ref().is_some_and(|next| next.serial == serial);
        known && !self.revoked
    }
}

/// Two agents were connected with one identity: neither is served until one is enrolled anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contested {
    /// Whoever shows one of these certificates is shut out.
    pub serials: BTreeSet<String>,
    /// Where they were connected from, as far as it was seen.
    pub places: Vec<String>,
    /// When it was found.
    pub since: Timestamp,
}

/// A person or program that talks to the controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// The name.
    pub name: OperatorName,
    /// What it may do.
    pub role: Role,
    /// Where; `None`: everywhere.
    pub environments: Option<BTreeSet<EnvironmentName>>,
    /// Its certificates.
    pub certificates: Certificates,
}

impl Operator {
    /// Whether it is an admin of everything: only such a one may say who may do what.
    #[must_use]
    pub const fn is_full_admin(&self) -> bool {
        matches!(self.role, Role::Admin) && self.environments.is_none()
    }
}

/// A one-time invitation for an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinToken {
    /// Its public part.
    pub id: TokenId,
    /// The digest of its secret part.
    pub secret: Digest,
    /// The only database that it counts for.
    pub database: DatabaseName,
    /// Where that database belongs.
    pub environment: EnvironmentName,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// When it expires.
    pub expires_at: Timestamp,
    /// Whether it has been used, or does not count any more: a newer one was made, or the agent was revoked.
    pub used: bool,
}
