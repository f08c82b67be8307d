//! `pgbelay context`: chooses which controller to talk to, and as whom.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use pgbelay_core::name::OperatorName;

use crate::app::App;
use crate::context::{Access, Context, Contexts, config_path};
use crate::error::{CliError, ErrorKind};
use crate::exit_code::ExitCode;
use crate::render;
use crate::render::context::{ContextDetail, ContextLine, ContextList};

#[derive(Debug, Subcommand)]
pub(crate) enum ContextCommand {
    /// Show all contexts
    List,
    /// Make a context the current one
    Use(UseArgs),
    /// Add a context, or replace the one of this name
    Add(AddArgs),
    /// Show what a command would use: controller, operator, certificate
    Show,
}

#[derive(Debug, Args)]
pub(crate) struct UseArgs {
    /// The context
    #[arg(value_name = "NAME")]
    name: String,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  pgbelay context add work --credentials ~/ada.json")]
pub(crate) struct AddArgs {
    /// The name of the context
    #[arg(value_name = "NAME", value_parser = context_name)]
    name: String,
    /// The credentials file, from pgbelay-controller init or pgbelay operator add
    #[arg(long, value_name = "FILE")]
    credentials: PathBuf,
    /// The controller's address, if it is another one than in the credentials
    #[arg(long, value_name = "HOST:PORT")]
    controller: Option<String>,
}

/// A context follows the grammar of all names.
fn context_name(text: &str) -> Result<String, pgbelay_core::name::NameError> {
    text.parse::<OperatorName>().map(String::from).map_err(|mut error| {
        error.what = "a context name";
        error
    })
}

pub(crate) fn run(command: ContextCommand, app: &mut App) -> Result<ExitCode, CliError> {
    let place = config_path(&app.globals, &app.environment)?;
    match command {
        ContextCommand::List => list(&place, app)?,
        ContextCommand::Show => show(app)?,
        ContextCommand::Use(args) => {
            let mut contexts = Contexts::load(&place)?;
            contexts.current = Some(contexts.find(Some(&args.name), &place)?.name.clone());
            contexts.save(&place)?;
            list(&place, app)?;
        }
        ContextCommand::Add(args) => {
            add(args, &place)?;
            list(&place, app)?;
        }
    }
    Ok(ExitCode::Done)
}

fn add(args: AddArgs, place: &Path) -> Result<(), CliError> {
    let mut contexts = Contexts::load(place)?;
    let credentials = std::path::absolute(&args.credentials).map_err(|error| {
        CliError::from_chain(ErrorKind::Usage, &error).hint("name the credentials file by its whole path")
    })?;
    let context = Context { name: args.name, controller: args.controller, credentials };
    context.access(place)?;
    contexts.put(context);
    contexts.save(place)
}

fn list(place: &Path, app: &mut App) -> Result<(), CliError> {
    let contexts = Contexts::load(place)?;
    let line = |context: Context| ContextLine {
        name: context.name,
        controller: context.controller,
        credentials: context.credentials,
    };
    let list = ContextList {
        file: place.to_owned(),
        current: contexts.current,
        contexts: contexts.contexts.into_iter().map(line).collect(),
    };
    app.screen.present(&list, render::context::list);
    Ok(())
}

fn show(app: &mut App) -> Result<(), CliError> {
    let access = app.access()?;
    let detail = ContextDetail {
        name: access.context.clone(),
        certificate_until: certificate_until(&access),
        controller: access.controller,
        operator: access.file.operator.into(),
        credentials: access.path,
    };
    app.screen.present(&detail, render::context::detail);
    Ok(())
}

fn certificate_until(access: &Access) -> Option<String> {
    let identity = access.file.credentials.identity().ok()?;
    jiff::Timestamp::from_millisecond(identity.not_after.0).ok().map(|moment| moment.to_string())
}
