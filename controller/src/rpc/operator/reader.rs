//! What an operator may see: everything, or what belongs to the environments that the role is limited to.

use std::sync::Arc;

use pgbelay_core::access::Role;
use pgbelay_core::name::{EnvironmentName, OperatorName};
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

    /// A rollout that this reader may see.
    pub(super) fn rollout(&self, id: &RolloutId) -> Result<&Rollout, Status> {
        let rollout = self.state.rollout(id).map_err(|refusal| refused(&refusal))?;
        self.check(&rollout.environment)?;
        Ok(rollout)
    }
}
