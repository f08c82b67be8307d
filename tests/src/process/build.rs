//! The programs under test, built: plain `cargo test` builds those of its own package only, and leaves the others as
//! they happen to be.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, anyhow, ensure};

/// Variables that Cargo sets for a test and not for a build. Build scripts watch some of them (ring's does): with
/// them, the build below would build half the dependencies again, and the next `cargo build` once more.
const OF_THE_TEST: [&str; 5] =
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];

/// The path of a program of the workspace, for example `pgbelay-agent`, built from the sources as they are.
///
/// The first call in a process runs `cargo build --workspace --bins` in the profile of the tests; it takes a moment
/// when all is fresh.
///
/// # Errors
/// The workspace does not build (the message has what the compiler said), or it has no such program.
pub fn bin(name: &str) -> anyhow::Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| build(&[]).map_err(|error| format!("{error:#}")));
    let program = built.as_ref().map_err(|error| anyhow!("{error}"))?.join(name);
    ensure!(program.is_file(), "the workspace has no program {name}: there is no {}", program.display());
    Ok(program)
}

/// Builds an agent that can be held at its failpoints, into a file in `directory`; its path. The program of that name in
/// the target directory is put back afterwards, so nothing else may run with it meanwhile.
///
/// # Errors
/// It does not build, or the disk.
pub fn agent_with_failpoints(directory: &Path) -> anyhow::Result<PathBuf> {
    let built = build(&["--features", "pgbelay-agent/failpoints"])?;
    let kept = directory.join("pgbelay-agent-with-failpoints");
    std::fs::copy(built.join("pgbelay-agent"), &kept)?;
    build(&[])?;
    Ok(kept)
}

/// Builds everything; the directory that the programs are in.
fn build(more: &[&str]) -> anyhow::Result<PathBuf> {
    // target/debug/deps/this_test-0123456789abcdef
    let test = std::env::current_exe()?;
    let directory = test.parent().and_then(Path::parent).context("the test is not in a target directory")?;
    let target = directory.parent().context("the test is not in a target directory")?;
    let profile =
        directory.file_name().and_then(OsStr::to_str).context("the profile's directory has no name")?;
    let mut build = Command::new(cargo());
    build.args(["build", "--quiet", "--workspace", "--bins"]).args(more).arg("--profile");
    build.arg(if profile == "debug" { "dev" } else { profile }).arg("--target-dir").arg(target);
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    for (variable, _) in std::env::vars_os() {
        let of_the_test = |prefix: &&str| variable.to_string_lossy().starts_with(*prefix);
        if OF_THE_TEST.iter().any(of_the_test) {
            build.env_remove(variable);
        }
    }
    let output = build.output().context("failed to run cargo")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the programs under test do not build:\n{said}");
    Ok(directory.to_owned())
}

/// The Cargo that runs the test, else the one that built it.
#[expect(clippy::disallowed_methods, reason = "how Cargo tells a test where it is")]
fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into())
}
