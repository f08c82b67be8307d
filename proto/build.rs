//! Generates the types and services of the contract, without protoc.

use std::path::PathBuf;

use protox::prost::Message;

const FILES: [&str; 3] =
    ["pgbelay/v1/agent.proto", "pgbelay/v1/enrolment.proto", "pgbelay/v1/operator.proto"];

/// The answers of the operator service are what `--output json` prints.
const PRINTED: [&str; 65] = [
    "PushReleaseResponse",
    "PlanView",
    "GateView",
    "FreezesView",
    "FreezeView",
    "PlanGroup",
    "PlanStep",
    "HazardView",
    "LockView",
    "WorkView",
    "ImpactView",
    "DestroyView",
    "LossView",
    "TryPlanResponse",
    "TrialView",
    "ListRolloutsResponse",
    "RolloutView",
    "WaveView",
    "TargetView",
    "StepView",
    "BackupView",
    "FailureView",
    "StatusResponse",
    "DatabaseView",
    "WindowView",
    "UnfinishedView",
    "Observed",
    "ObservedStatement",
    "ObservedLock",
    "ResolveResponse",
    "ListBackupsResponse",
    "BackupEntry",
    "ListJobsResponse",
    "JobView",
    "RestoredView",
    "PruneBackupsResponse",
    "PrunedBackup",
    "HistoryResponse",
    "HistoryEntry",
    "CreateTokenResponse",
    "ListAgentsResponse",
    "AgentView",
    "AddOperatorResponse",
    "ListOperatorsResponse",
    "OperatorView",
    "PolicyView",
    "ListPoliciesResponse",
    "PolicyVersionView",
    "PolicyDiffView",
    "PolicyChangeView",
    "StalePlanView",
    "OpenRolloutView",
    "LedgerView",
    "ListEndpointsResponse",
    "EndpointView",
    "TestEndpointsResponse",
    "TestedEndpoint",
    "VerifyLedgerResponse",
    "SignedCheckpoint",
    "DoubtView",
    "SetAsideView",
    "MigrationFile",
    "Origin",
    "Doomed",
    "Progress",
];

#[expect(clippy::disallowed_methods, reason = "how Cargo tells a build script where to write")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    for file in FILES {
        println!("cargo:rerun-if-changed={file}");
    }
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    let mut config = tonic_prost_build::configure().btree_map(".").codec_path("crate::codec::Codec");
    for message in PRINTED {
        config = config.type_attribute(format!("pgbelay.v1.{message}"), "#[derive(serde::Serialize)]");
    }
    // A checkpoint is a file that is read again.
    config = config.type_attribute("pgbelay.v1.SignedCheckpoint", "#[derive(serde::Deserialize)]");
    config = config.skip_debug(["pgbelay.v1.BackupKey"]);
    config.build_transport(false).compile_fds(descriptors)?;
    Ok(())
}
