//! Whether enough is known of a database's server to plan for it.

use pgbelay_analysis::NEWEST_SERVER;

use super::{PlanProblem, TargetPlan};
use crate::database::Observation;
use crate::name::DatabaseName;
use crate::policy::UnknownServer;

/// What was planned for a database, unless it would run something on a server that is newer than what is known and
/// policy does not allow that. Servers that are too old are refused by their agents.
///
/// # Errors
/// Everything that stands against it.
pub(crate) fn only_on_known_servers(
    planned: Result<TargetPlan, Vec<PlanProblem>>,
    (database, seen): (&DatabaseName, &Observation),
    policy: UnknownServer,
) -> Result<TargetPlan, Vec<PlanProblem>> {
    let server = seen.server_version / 10_000;
    if server <= NEWEST_SERVER || policy == UnknownServer::Allow {
        return planned;
    }
    let problem = PlanProblem::UnknownServer { database: database.clone(), server, newest: NEWEST_SERVER };
    match planned {
        Ok(target) if target.steps.is_empty() => Ok(target),
        Ok(_) => Err(vec![problem]),
        Err(problems) => Err([vec![problem], problems].concat()),
    }
}
