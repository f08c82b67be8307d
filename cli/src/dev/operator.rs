//! What a throwaway fleet asks its controller while it is made, through the operator service as any command does.

use std::path::Path;

use pgbelay_proto::tls::Secret;
use pgbelay_proto::wire::{CreateTokenRequest, StatusRequest};

use super::environments::Managed;
use crate::args::GlobalArgs;
use crate::client::Client;
use crate::context;
use crate::error::CliError;
use crate::io::Environment;

/// A connection to the controller, as its admin.
#[derive(Debug)]
pub(crate) struct Operator(Client);

/// What an agent is given to enrol with.
#[derive(Debug)]
pub(crate) struct Invitation {
    /// The join token.
    pub(crate) token: Secret,
    /// Where to show it.
    pub(crate) address: String,
}

/// The controller did not answer as it should.
#[derive(Debug, thiserror::Error)]
#[error("{}", match &.0.cause { Some(cause) => format!("{}: {cause}", .0.message), None => .0.message.clone() })]
pub(crate) struct OperatorError(Box<CliError>);

impl OperatorError {
    fn new(error: CliError) -> Self {
        Self(Box::new(error))
    }
}

impl Operator {
    /// Connects with a credentials file.
    pub(crate) async fn connect(credentials: &Path) -> Result<Self, OperatorError> {
        let environment = Environment { credentials: Some(credentials.to_owned()), ..Environment::default() };
        let access = context::access(&GlobalArgs::default(), &environment).map_err(OperatorError::new)?;
        Client::connect(access).await.map(Self).map_err(OperatorError::new)
    }

    /// A token for the agent of a database.
    pub(crate) async fn invite(&self, database: &Managed) -> Result<Invitation, OperatorError> {
        let request = CreateTokenRequest {
            database: database.name.to_string(),
            environment: database.environment.to_string(),
            labels: Default::default(),
        };
        let made = self.0.create_token(request).await.map_err(OperatorError::new)?;
        Ok(Invitation { token: Secret::new(made.token), address: made.enrolment_address })
    }

    /// The databases whose agents are connected.
    pub(crate) async fn connected(&self) -> Result<Vec<String>, OperatorError> {
        let status = self.0.status(StatusRequest::default()).await.map_err(OperatorError::new)?;
        let connected = status.databases.into_iter().filter(|database| database.connected);
        Ok(connected.map(|database| database.name).collect())
    }
}
