//! Commands that record what is applied already.

use pgbelay_core::command::Adopt;
use pgbelay_core::history::{How, Tool};
use pgbelay_core::plan::{HistoryMark, Recorded, Step};
use pgbelay_core::time::Timestamp;

use super::command::{WireAdopt, WireAdopted};
use super::{BadMessage, all, none_if_empty, parse, required};
use crate::wire;

impl From<&Adopt> for wire::AdoptCommand {
    fn from(adopt: &Adopt) -> Self {
        Self {
            steps: adopt.steps.iter().filter_map(adopted).collect(),
            expect: Some((&adopt.expect).into()),
            history: adopt.history.as_ref().map(Into::into),
        }
    }
}

/// A step that is not only to be recorded is not sent.
fn adopted(step: &Step) -> Option<wire::AdoptedStep> {
    let recorded = step.recorded.as_ref()?;
    Some(wire::AdoptedStep {
        step: Some(step.into()),
        applied_at_ms: recorded.applied_at.map(|at| at.0),
        how: recorded.how.as_str().to_owned(),
        tool_checksum: recorded.tool_checksum.clone().unwrap_or_default(),
    })
}

impl From<&HistoryMark> for wire::HistoryMark {
    fn from(mark: &HistoryMark) -> Self {
        Self {
            tool: mark.tool.to_string(),
            schema: mark.schema.clone(),
            table: mark.table.clone(),
            digest: mark.digest.to_string(),
        }
    }
}

impl TryFrom<wire::HistoryMark> for HistoryMark {
    type Error = BadMessage;
    fn try_from(wire: wire::HistoryMark) -> Result<Self, BadMessage> {
        Ok(Self {
            tool: parse::<Tool>("tool", &wire.tool)?,
            schema: wire.schema,
            table: wire.table,
            digest: parse("digest", &wire.digest)?,
        })
    }
}

impl TryFrom<wire::AdoptedStep> for WireAdopted {
    type Error = BadMessage;
    fn try_from(wire: wire::AdoptedStep) -> Result<Self, BadMessage> {
        let applied_at = wire.applied_at_ms.map(Timestamp);
        let recorded = Recorded {
            applied_at,
            how: parse::<How>("how", &wire.how)?,
            tool_checksum: none_if_empty(wire.tool_checksum),
        };
        Ok(Self { step: required("step", wire.step)?, recorded })
    }
}

impl TryFrom<wire::AdoptCommand> for WireAdopt {
    type Error = BadMessage;
    fn try_from(wire: wire::AdoptCommand) -> Result<Self, BadMessage> {
        Ok(Self {
            steps: all(wire.steps)?,
            expect: required("expect", wire.expect)?,
            history: wire.history.map(HistoryMark::try_from).transpose()?,
        })
    }
}
