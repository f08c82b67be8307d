//! What an operator may see: everything, or what belongs to the environments that the role is limited to.

use std::sync::Arc;

use pgbelay_core::access::Role;
use pgbelay_core::database::Database;
use pgbelay_core::name::{DatabaseName, EnvironmentName, OperatorName};
use pgbelay_core::rollout::{Rollout, RolloutId};
use pgbelay_core::state::State;
use tonic::Status;

use crate::rpc::refused;

/// Somebody who looks at a state.
pub(super) struct Reader {
    /// What there is.
    pub(super) state: Arc<State>,
    /// Who looks.
    pub(super) name: OperatorName,
}

impl Reader {
    /// Whether an environment is this reader's business.
    pub(super) fn sees(&self, environment: &EnvironmentName) -> bool {
        self.state.allow(&self.name, Role::Viewer, Some(environment)).is_ok()
    }

    /// A refusal, unless it is.
    pub(super) fn check(&self, environment: &EnvironmentName) -> Result<(), Status> {
        let allowed = self.state.allow(&self.name, Role::Viewer, Some(environment));
        allowed.map_err(|refusal| refused(&refusal))
    }

    /// Whether something of an environment is asked for: of the one that was named, or of all that this reader may see.
    pub(super) fn wants(&self, named: Option<&EnvironmentName>, environment: &EnvironmentName) -> bool {
        named.map_or_else(|| self.sees(environment), |named| named == environment)
    }

    /// A database that this reader may see.
    pub(super) fn database(&self, name: &DatabaseName) -> Result<&Database, Status> {
        let database = self.state.database(name).map_err(|refusal| refused(&refusal))?;
        self.check(&database.environment)?;
        Ok(database)
    }

    /// A rollout that this reader may see.
    pub(super) fn rollout(&self, id: &RolloutId) -> Result<&Rollout, Status> {
        let rollout = self.state.rollout(id).map_err(|refusal| refused(&refusal))?;
        self.check(&rollout.environment)?;
        Ok(rollout)
    }
}
