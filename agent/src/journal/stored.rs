//! How a command is written into the journal. Its types are the contract's, which knows no JSON.

use pgbelay_core::command::{Backup, BackupOrder, CommandId, Resolution, StrongLock, Verify};
use pgbelay_core::digest::Digest;
use pgbelay_core::migration::Version;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::origin::Origin;
use pgbelay_core::plan::{Direction, ExecutionSettings, Expectation, HistoryMark, Recorded};
use pgbelay_core::rollout::RolloutId;
use pgbelay_core::time::Timestamp;
use pgbelay_proto::convert::{
    WireAdopt, WireAdopted, WireCommand, WireKind, WireRehearse, WireRun, WireStep,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
struct StoredCommand {
    id: CommandId,
    database: DatabaseName,
    rollout: RolloutId,
    plan: Digest,
    attempt: u32,
    fence: u64,
    not_after: Timestamp,
    kind: StoredKind,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
#[expect(clippy::large_enum_variant, reason = "there is one at a time for each database")]
enum StoredKind {
    Backup {
        expect: Expectation,
        #[serde(default)]
        order: BackupOrder,
    },
    Run(StoredRun),
    Adopt(StoredAdopt),
    Verify(Verify),
    Rehearse(StoredRehearse),
}

#[derive(Serialize, Deserialize)]
struct StoredRehearse {
    with_rows: bool,
    up: Vec<StoredStep>,
    back: Vec<StoredStep>,
    expect: Expectation,
    settings: ExecutionSettings,
}

#[derive(Serialize, Deserialize)]
struct StoredAdopt {
    steps: Vec<StoredAdopted>,
    expect: Expectation,
    history: Option<HistoryMark>,
}

#[derive(Serialize, Deserialize)]
struct StoredAdopted {
    step: StoredStep,
    recorded: Recorded,
}

#[derive(Serialize, Deserialize)]
struct StoredRun {
    direction: Direction,
    steps: Vec<StoredStep>,
    expect: Expectation,
    backup: Option<Backup>,
    settings: ExecutionSettings,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resolution: Option<Resolution>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    locks: Vec<StrongLock>,
}

#[derive(Serialize, Deserialize)]
struct StoredStep {
    version: Version,
    name: String,
    direction: Direction,
    sql: Digest,
    checksum: Digest,
    #[serde(default)]
    autocommit: bool,
    #[serde(default)]
    repeatable: bool,
    #[serde(default)]
    replaces: Option<Digest>,
    #[serde(default)]
    origin: Option<Origin>,
}

/// For `serde(with)`.
pub(super) struct CommandDef;

impl CommandDef {
    pub(super) fn serialize<S: Serializer>(command: &WireCommand, serializer: S) -> Result<S::Ok, S::Error> {
        StoredCommand::from(command.clone()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Box<WireCommand>, D::Error> {
        StoredCommand::deserialize(deserializer).map(|stored| Box::new(stored.into()))
    }
}

impl From<WireCommand> for StoredCommand {
    fn from(command: WireCommand) -> Self {
        let WireCommand { id, database, rollout, plan, attempt, fence, not_after, kind } = command;
        let kind = match kind {
            WireKind::Backup { expect, order } => StoredKind::Backup { expect, order },
            WireKind::Run(run) => StoredKind::Run(run.into()),
            WireKind::Adopt(adopt) => StoredKind::Adopt(adopt.into()),
            WireKind::Verify(verify) => StoredKind::Verify(verify),
            WireKind::Rehearse(rehearse) => StoredKind::Rehearse(rehearse.into()),
        };
        Self { id, database, rollout, plan, attempt, fence, not_after, kind }
    }
}

impl From<StoredCommand> for WireCommand {
    fn from(stored: StoredCommand) -> Self {
        let StoredCommand { id, database, rollout, plan, attempt, fence, not_after, kind } = stored;
        let kind = match kind {
            StoredKind::Backup { expect, order } => WireKind::Backup { expect, order },
            StoredKind::Run(run) => WireKind::Run(run.into()),
            StoredKind::Adopt(adopt) => WireKind::Adopt(adopt.into()),
            StoredKind::Verify(verify) => WireKind::Verify(verify),
            StoredKind::Rehearse(rehearse) => WireKind::Rehearse(rehearse.into()),
        };
        Self { id, database, rollout, plan, attempt, fence, not_after, kind }
    }
}

impl From<WireRehearse> for StoredRehearse {
    fn from(wire: WireRehearse) -> Self {
        let WireRehearse { with_rows, up, back, expect, settings } = wire;
        let [up, back] = [up, back].map(|steps| steps.into_iter().map(Into::into).collect());
        Self { with_rows, up, back, expect, settings }
    }
}

impl From<StoredRehearse> for WireRehearse {
    fn from(stored: StoredRehearse) -> Self {
        let StoredRehearse { with_rows, up, back, expect, settings } = stored;
        let [up, back] = [up, back].map(|steps| steps.into_iter().map(Into::into).collect());
        Self { with_rows, up, back, expect, settings }
    }
}

impl From<WireRun> for StoredRun {
    fn from(run: WireRun) -> Self {
        let WireRun { direction, steps, expect, backup, settings, resolution, locks } = run;
        let steps = steps.into_iter().map(Into::into).collect();
        Self { direction, steps, expect, backup, settings, resolution, locks }
    }
}

impl From<StoredRun> for WireRun {
    fn from(stored: StoredRun) -> Self {
        let StoredRun { direction, steps, expect, backup, settings, resolution, locks } = stored;
        let steps = steps.into_iter().map(Into::into).collect();
        Self { direction, steps, expect, backup, settings, resolution, locks }
    }
}

impl From<WireAdopt> for StoredAdopt {
    fn from(adopt: WireAdopt) -> Self {
        let WireAdopt { steps, expect, history } = adopt;
        let step = |WireAdopted { step, recorded }| StoredAdopted { step: step.into(), recorded };
        Self { steps: steps.into_iter().map(step).collect(), expect, history }
    }
}

impl From<StoredAdopt> for WireAdopt {
    fn from(stored: StoredAdopt) -> Self {
        let StoredAdopt { steps, expect, history } = stored;
        let step = |StoredAdopted { step, recorded }| WireAdopted { step: step.into(), recorded };
        Self { steps: steps.into_iter().map(step).collect(), expect, history }
    }
}

impl From<WireStep> for StoredStep {
    fn from(step: WireStep) -> Self {
        let WireStep { version, name, direction, sql, checksum, autocommit, repeatable, replaces, origin } =
            step;
        Self { version, name, direction, sql, checksum, autocommit, repeatable, replaces, origin }
    }
}

impl From<StoredStep> for WireStep {
    fn from(stored: StoredStep) -> Self {
        let StoredStep { version, name, direction, sql, checksum, autocommit, repeatable, replaces, origin } =
            stored;
        Self { version, name, direction, sql, checksum, autocommit, repeatable, replaces, origin }
    }
}
