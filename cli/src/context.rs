//! Which controller to talk to, and as whom: contexts, as kubectl has them, and what overrides them.
//!
//! `--context` is asked first, then `PGBELAY_CREDENTIALS`, then `PGBELAY_CONTEXT`, then the file's current context.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pgbelay_proto::credentials::{CredentialsFile, is_address, write_private};
use serde::{Deserialize, Serialize};

use crate::args::GlobalArgs;
use crate::error::{CliError, ErrorKind};
use crate::io::Environment;

#[cfg(test)]
mod tests;

/// The file with the contexts, below the directory for configuration.
const FILE: &str = "pgbelay/config.yaml";

/// The chosen controller and identity.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    /// The context; `None`: a credentials file was named directly.
    pub(crate) context: Option<String>,
    /// `host:port`.
    pub(crate) controller: String,
    /// Where the credentials are.
    pub(crate) path: PathBuf,
    /// Who we are, and what proves it.
    pub(crate) file: CredentialsFile,
}

/// One controller, and the credentials for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Context {
    /// What `--context` calls it.
    pub(crate) name: String,
    /// `host:port`; absent: the address in the credentials file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) controller: Option<String>,
    /// The credentials file; relative to the directory of this file.
    pub(crate) credentials: PathBuf,
}

/// The file with the contexts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contexts {
    /// The one that counts when none is named.
    #[serde(rename = "current-context", default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// All of them.
    #[serde(default)]
    pub(crate) contexts: Vec<Context>,
}

/// Where the answer to "which credentials?" comes from.
#[derive(Debug, PartialEq, Eq)]
enum Choice {
    Context(String),
    File(PathBuf),
    Current,
}

fn choose(globals: &GlobalArgs, environment: &Environment) -> Choice {
    match (&globals.context, &environment.credentials, &environment.context) {
        (Some(name), _, _) => Choice::Context(name.clone()),
        (None, Some(path), _) => Choice::File(path.clone()),
        (None, None, Some(name)) => Choice::Context(name.clone()),
        (None, None, None) => Choice::Current,
    }
}

/// Finds and reads the credentials.
pub(crate) fn access(globals: &GlobalArgs, environment: &Environment) -> Result<Access, CliError> {
    let named = match choose(globals, environment) {
        Choice::File(path) => {
            let file = CredentialsFile::load(&path)?;
            return Ok(Access { context: None, controller: file.controller.clone(), path, file });
        }
        Choice::Context(name) => Some(name),
        Choice::Current => None,
    };
    let place = config_path(globals, environment)?;
    Contexts::load(&place)?.find(named.as_deref(), &place)?.access(&place)
}

/// The file with the contexts: `--config`, `PGBELAY_CONFIG`, or the usual place.
pub(crate) fn config_path(globals: &GlobalArgs, environment: &Environment) -> Result<PathBuf, CliError> {
    if let Some(path) = globals.config.as_ref().or(environment.config.as_ref()) {
        return Ok(path.clone());
    }
    let home = || environment.home.as_ref().map(|home| home.join(".config"));
    let directory = environment.config_home.clone().filter(|dir| dir.is_absolute()).or_else(home);
    directory.map(|dir| dir.join(FILE)).ok_or_else(|| {
        CliError::usage("there is no place for the contexts: neither HOME nor XDG_CONFIG_HOME is set")
            .hint("set HOME, or name the file with --config or PGBELAY_CONFIG")
    })
}

impl Context {
    /// Reads its credentials. `place` is the file that the context stands in.
    pub(crate) fn access(&self, place: &Path) -> Result<Access, CliError> {
        let path = place.parent().unwrap_or(Path::new("")).join(&self.credentials);
        let file = CredentialsFile::load(&path)?;
        let controller = self.controller.clone().unwrap_or_else(|| file.controller.clone());
        if !is_address(&controller) {
            return Err(CliError::usage(format!(
                "the controller of context {} is not a host and a port",
                self.name
            ))
            .hint(format!("correct it in {}, for example to db-control.example:7420", place.display())));
        }
        Ok(Access { context: Some(self.name.clone()), controller, path, file })
    }
}

impl Contexts {
    /// Reads the file; no file is no contexts.
    pub(crate) fn load(place: &Path) -> Result<Self, CliError> {
        let text = match fs::read_to_string(place) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                return Err(CliError::usage(format!("failed to read the contexts in {}", place.display()))
                    .because(error.to_string())
                    .hint("check its permissions, or name another file with --config"));
            }
        };
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        serde_saphyr::from_str(&text).map_err(|error| {
            CliError::usage(format!("{} is not a file of contexts", place.display()))
                .because(error.to_string())
                .hint("correct it, or name another file with --config")
        })
    }

    /// Writes the file: whole, or not at all.
    pub(crate) fn save(&self, place: &Path) -> Result<(), CliError> {
        let failed = |cause: String| {
            CliError::new(ErrorKind::Failed, format!("failed to write the contexts to {}", place.display()))
                .because(cause)
                .hint("check that the directory can be written to, or name another file with --config")
        };
        let text = serde_saphyr::to_string(self).map_err(|error| failed(error.to_string()))?;
        if let Some(directory) = place.parent() {
            fs::create_dir_all(directory).map_err(|error| failed(error.to_string()))?;
        }
        write_private(place, text.as_bytes()).map_err(|error| failed(error.to_string()))
    }

    /// The context of this name, or the current one.
    pub(crate) fn find(&self, name: Option<&str>, place: &Path) -> Result<&Context, CliError> {
        let Some(name) = name.or(self.current.as_deref()) else {
            return Err(CliError::usage("no controller is chosen: there is no current context").hint(
                "pgbelay context add NAME --credentials FILE, or start a throwaway fleet with pgbelay dev",
            ));
        };
        self.contexts.iter().find(|context| context.name == name).ok_or_else(|| {
            let names: Vec<_> = self.contexts.iter().map(|context| context.name.as_str()).collect();
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            CliError::usage(format!("there is no context called {name}"))
                .because(format!("{} has: {known}", place.display()))
                .hint("pgbelay context list")
        })
    }

    /// Adds a context, or replaces the one of that name; the first one becomes the current one.
    pub(crate) fn put(&mut self, context: Context) {
        self.current.get_or_insert_with(|| context.name.clone());
        match self.contexts.iter_mut().find(|known| known.name == context.name) {
            Some(known) => *known = context,
            None => self.contexts.push(context),
        }
    }
}
