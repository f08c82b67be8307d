//! What every command is given: the global options, the environment, the screen, and the way to the controller.

use crate::args::GlobalArgs;
use crate::client::Client;
use crate::context::{self, Access};
use crate::error::CliError;
use crate::io::Environment;
use crate::render::Screen;

/// What every command is given.
pub(crate) struct App {
    /// The options that every command takes.
    pub(crate) globals: GlobalArgs,
    /// The variables of the process.
    pub(crate) environment: Environment,
    /// The only way to the terminal.
    pub(crate) screen: Screen,
}

impl App {
    /// The credentials that the options, the environment and the contexts choose.
    pub(crate) fn access(&self) -> Result<Access, CliError> {
        context::access(&self.globals, &self.environment)
    }

    /// Connects to the chosen controller.
    pub(crate) async fn connect(&self) -> Result<Client, CliError> {
        Client::connect(self.access()?).await
    }
}
