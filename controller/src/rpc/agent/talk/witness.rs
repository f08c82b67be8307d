//! What agents are told of the ledger, and what they say of it.

use pgbelay_core::event::Actor;
use pgbelay_core::request::Request as Ask;
use pgbelay_core::state::State;
use pgbelay_core::witness::Checkpoint;
use pgbelay_proto::wire;
use pgbelay_proto::wire::controller_message::Message as ToAgent;
use tonic::Status;

use super::{Desk, Talk};

impl<D: Desk> Talk<D> {
    /// What the agent was told of the ledger, by this controller or one before it.
    pub(super) async fn witness(&self, witnessed: Option<Checkpoint>) -> Result<(), Status> {
        let Some(witnessed) = witnessed.filter(|one| self.desk.checkpoint() != Some(*one)) else {
            return Ok(());
        };
        let looked = self.desk.look(witnessed.seq).await?;
        let request = Ask::Witness { database: self.database.clone(), witnessed, looked };
        let actor = Actor::Agent(self.database.clone());
        let granted = self.desk.ask(actor, request).await?;
        if let (false, Some(problem)) = (granted.events.is_empty(), granted.state.trust.problem()) {
            tracing::error!(
                database = %self.database,
                problem,
                "nothing that changes a database is sent until an admin has looked: pgbelay ledger status"
            );
        }
        Ok(())
    }

    pub(super) fn with_checkpoint(&self, message: ToAgent) -> wire::ControllerMessage {
        let checkpoint = self.desk.checkpoint();
        wire::ControllerMessage { message: Some(message), checkpoint: checkpoint.as_ref().map(Into::into) }
    }

    /// Whether what is not known here may be known to another copy of the ledger, which may come back: it is not
    /// acknowledged, so that the agent keeps it.
    pub(super) fn may_be_anothers(&self, is_known: impl FnOnce(&State) -> bool) -> Result<bool, Status> {
        let state = self.desk.state()?;
        Ok(state.trust.is_doubted() && !is_known(&state))
    }
}
