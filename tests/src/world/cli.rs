//! The CLI, as a person or a program runs it.

use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::World;
use crate::process::{Process, bin};

/// What a command printed, and how it ended.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Its exit code.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it said beside that.
    pub stderr: String,
}

impl Ran {
    /// What it printed, as JSON.
    ///
    /// # Errors
    /// It is not JSON; the message has all of it.
    pub fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("not JSON: {self:?}"))
    }

    /// It ended with this code, and all of these words stand in what it said on stderr, however its lines are broken.
    ///
    /// # Panics
    /// When that is not so; the message has all that it said.
    #[track_caller]
    pub fn ended(self, code: i32, words: &[&str]) -> Self {
        let said = self.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        let missing: Vec<_> = words.iter().filter(|word| !said.contains(**word)).collect();
        let (stdout, stderr) = (&self.stdout, &self.stderr);
        assert!(
            self.code == code && missing.is_empty(),
            "ended with {} instead of {code}; not said: {missing:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}",
            self.code,
        );
        self
    }
}

impl World {
    /// The CLI, for the admin, with its arguments.
    ///
    /// # Errors
    /// The program is not there.
    pub fn command(&self, args: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(bin("pgbelay")?);
        command.args(args).current_dir(self.path()).stdin(Stdio::null()).env("NO_COLOR", "1");
        command.env("PGBELAY_CREDENTIALS", self.controller_home().join("admin.credentials"));
        command.env("PGBELAY_CONFIG", self.path().join("no-contexts.yaml"));
        Ok(command)
    }

    /// Runs the CLI to its end.
    ///
    /// # Errors
    /// The program is not there.
    pub async fn cli(&self, args: &[&str]) -> anyhow::Result<Ran> {
        run(self.command(args)?).await
    }

    /// Runs the CLI as another operator.
    ///
    /// # Errors
    /// The program is not there.
    pub async fn cli_as(&self, credentials: &str, args: &[&str]) -> anyhow::Result<Ran> {
        let mut command = self.command(args)?;
        command.env("PGBELAY_CREDENTIALS", self.path().join(credentials));
        run(command).await
    }

    /// Invites another operator, whose credentials are written to the test's directory under their name.
    ///
    /// # Errors
    /// It was refused.
    pub async fn add_operator(&self, name: &str, role: &[&str]) -> anyhow::Result<()> {
        let file = self.path().join(name).to_string_lossy().into_owned();
        let args = [&["operator", "add", name, "--out", &file, "--role"], role].concat();
        self.json(&args).await.map(drop)
    }

    /// Runs the CLI, which must succeed, and reads the JSON that it prints.
    ///
    /// # Errors
    /// It failed, or printed something else; the message has all of it.
    pub async fn json(&self, args: &[&str]) -> anyhow::Result<Value> {
        let ran = self.cli(&[args, &["--output", "json"]].concat()).await?;
        if ran.code != 0 {
            bail!("pgbelay {} ended with {}: {}{}", args.join(" "), ran.code, ran.stdout, ran.stderr);
        }
        ran.json()
    }

    /// Starts the CLI and leaves it running.
    ///
    /// # Errors
    /// The program is not there.
    pub fn spawn_cli(&self, args: &[&str], name: &str) -> anyhow::Result<Process> {
        Process::spawn(self.command(args)?, name, self.path())
    }
}

/// Runs a program to its end.
///
/// # Errors
/// It is not there.
pub async fn run(mut command: Command) -> anyhow::Result<Ran> {
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    })
}
