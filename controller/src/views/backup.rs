//! Backups as people see them.

use pgbelay_core::backup::KnownBackup;
use pgbelay_core::retention::window_until;
use pgbelay_core::state::State;
use pgbelay_core::time::Timestamp;
use pgbelay_proto::wire;

use crate::clock::rfc3339;

/// A backup.
pub(crate) fn entry(state: &State, known: &KnownBackup, now: Timestamp) -> wire::BackupEntry {
    let database = state.databases.get(&known.database);
    let problems = known.problems().to_vec();
    wire::BackupEntry {
        id: known.id().to_owned(),
        database: known.database.to_string(),
        environment: database.map(|database| database.environment.to_string()).unwrap_or_default(),
        created_at: rfc3339(known.made_at),
        method: known.backup.method.as_str().to_owned(),
        location: known.backup.path.clone(),
        bytes: known.backup.bytes,
        sha256: known.backup.sha256.to_string(),
        complete: problems.is_empty(),
        verified_at: known.proven_at().map(rfc3339),
        problems,
        notes: known.notes().to_vec(),
        window_until: window_until(state, known, now).map(rfc3339),
        rollout: known.rollout.to_string(),
        restored_at: known.restored_at.map(rfc3339),
        deleting: known.condemned.is_some(),
        method_reason: known.backup.reason.clone().unwrap_or_default(),
        outside: known.backup.outside.clone().unwrap_or_default(),
        copies: known.backup.copies.clone(),
        encrypted: known.backup.sealed_key.is_some(),
    }
}
