//! `pgbelay operator`: gives a person or program access, shows who has it, takes it away. The key is made here, and only
//! its public part is sent.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use pgbelay_core::name::{EnvironmentName, OperatorName};
use pgbelay_proto::credentials::CredentialsFile;
use pgbelay_proto::csr::new_key_and_csr;
use pgbelay_proto::tls::Credentials;
use pgbelay_proto::wire::{AddOperatorRequest, ListOperatorsRequest, RevokeOperatorRequest};

use crate::app::App;
use crate::error::{CliError, ErrorKind};
use crate::exit_code::ExitCode;
use crate::render;
use crate::render::access::NewOperator;

const EXAMPLES: &str = "\
Examples:
  pgbelay operator add bob --role approver --env production --out bob.json
  pgbelay operator add ci --role operator --env staging --out ci.json

A name that exists gets a new certificate and the role that is given here.";

#[derive(Debug, Subcommand)]
pub(crate) enum OperatorCommand {
    /// Issue a credentials file
    Add(AddArgs),
    /// Show every operator, the role and until when the certificate counts
    List,
    /// End an operator's connections and accept the certificate no more
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct AddArgs {
    /// The name of the person or program
    #[arg(value_name = "NAME")]
    name: OperatorName,
    /// What it may do
    #[arg(long, value_name = "ROLE", value_parser = ["viewer", "operator", "approver", "admin"])]
    role: String,
    /// Where it may do that; may be given several times [default: everywhere]
    #[arg(long = "env", short, value_name = "ENVIRONMENT")]
    environments: Vec<EnvironmentName>,
    /// The credentials file to write; it must not exist yet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  pgbelay operator revoke bob --reason \"has left\"")]
pub(crate) struct RevokeArgs {
    /// The name of the person or program
    #[arg(value_name = "NAME")]
    name: OperatorName,
    /// Why; it goes on the record
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

pub(crate) async fn run(command: OperatorCommand, app: &mut App) -> Result<ExitCode, CliError> {
    let response = match command {
        OperatorCommand::Add(args) => return add(args, app).await,
        OperatorCommand::List => app.connect().await?.list_operators(ListOperatorsRequest {}).await?,
        OperatorCommand::Revoke(args) => {
            let request = RevokeOperatorRequest { name: args.name.into(), reason: args.reason };
            app.connect().await?.revoke_operator(request).await?
        }
    };
    app.screen.present(&response, render::access::operators);
    Ok(ExitCode::Done)
}

async fn add(args: AddArgs, app: &mut App) -> Result<ExitCode, CliError> {
    check_place(&args.out)?;
    let client = app.connect().await?;
    let (key, csr) = new_key_and_csr().map_err(|error| CliError::from_chain(ErrorKind::Internal, &error))?;
    let request = AddOperatorRequest {
        name: args.name.to_string(),
        role: args.role,
        environments: args.environments.into_iter().map(String::from).collect(),
        csr_der: csr,
    };
    let response = client.add_operator(request).await?;
    let file = CredentialsFile {
        controller: client.controller().to_owned(),
        operator: args.name,
        credentials: Credentials {
            ca_pem: response.ca_pem.clone(),
            certificate_pem: response.certificate_pem.clone(),
            key_pem: key,
        },
    };
    file.save(&args.out)?;
    app.screen.present(&NewOperator { response, credentials_file: args.out }, render::access::operator);
    Ok(ExitCode::Done)
}

/// Before anything is issued: a certificate whose key could not be saved would be of no use to anybody.
fn check_place(out: &Path) -> Result<(), CliError> {
    if out.exists() {
        return Err(CliError::usage(format!("{} exists, and would be lost", out.display()))
            .hint("name another file with --out"));
    }
    let directory = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !directory.is_dir() {
        return Err(CliError::usage(format!("there is no directory {}", directory.display()))
            .hint("make it, or name another file with --out"));
    }
    Ok(())
}
