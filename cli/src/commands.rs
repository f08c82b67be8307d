//! One file for each command: its arguments, and what it asks of the controller.

use std::fmt;
use std::str::FromStr;

pub(crate) mod adopt;
pub(crate) mod agent;
pub(crate) mod approve;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod baseline;
pub(crate) mod catalog;
pub(crate) mod completion;
pub(crate) mod context;
pub(crate) mod dev;
pub(crate) mod explain;
pub(crate) mod freeze;
pub(crate) mod graph;
pub(crate) mod history;
pub(crate) mod job;
pub(crate) mod ledger;
pub(crate) mod lint;
pub(crate) mod migrate;
pub(crate) mod notify;
pub(crate) mod operator;
pub(crate) mod plan;
pub(crate) mod policy;
pub(crate) mod promote;
pub(crate) mod resolve;
pub(crate) mod restore;
pub(crate) mod rollback;
pub(crate) mod rollout;
pub(crate) mod status;
pub(crate) mod token;

/// `key=value`, as a database carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label {
    key: String,
    value: String,
}

/// The text is not a label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a label is a key, an equals sign and a value, for example region=eu")]
pub(crate) struct LabelError;

impl FromStr for Label {
    type Err = LabelError;
    fn from_str(text: &str) -> Result<Self, LabelError> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() && !value.is_empty() => {
                Ok(Self { key: key.to_owned(), value: value.to_owned() })
            }
            Some(_) | None => Err(LabelError),
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}
