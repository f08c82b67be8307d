//! Freezes: set, lifted, and all that there are.

use pgbelay_core::decide::freezes;
use pgbelay_core::name::EnvironmentName;
use pgbelay_core::request::Request as Ask;
use pgbelay_core::rollout::PauseReason;
use pgbelay_core::state::State;
use pgbelay_proto::wire;
use tonic::{Request, Response, Status};

use super::{Answer, OperatorsService, parse, reason};
use crate::clock::rfc3339;

fn environment(text: &str) -> Result<Option<EnvironmentName>, Status> {
    (!text.is_empty()).then(|| parse(text)).transpose()
}

pub(super) async fn freeze(
    service: &OperatorsService,
    request: &Request<wire::FreezeRequest>,
) -> Answer<wire::FreezesView> {
    let asked = request.get_ref();
    let ask = Ask::Freeze { environment: environment(&asked.environment)?, reason: reason(&asked.reason)? };
    let granted = service.ask(request, ask).await?;
    Ok(Response::new(view(&granted.state)))
}

pub(super) async fn unfreeze(
    service: &OperatorsService,
    request: &Request<wire::UnfreezeRequest>,
) -> Answer<wire::FreezesView> {
    let ask = Ask::Unfreeze { environment: environment(&request.get_ref().environment)? };
    let granted = service.ask(request, ask).await?;
    Ok(Response::new(view(&granted.state)))
}

/// Everything that is frozen.
pub(super) fn view(state: &State) -> wire::FreezesView {
    let one = |(place, reason): (Option<EnvironmentName>, PauseReason)| {
        let PauseReason::Freeze { reason, by, rule } = reason else { return None };
        let since = by.as_ref().and_then(|_| state.freezes.get(&place)).map(|freeze| rfc3339(freeze.since));
        Some(wire::FreezeView {
            environment: place.map(String::from).unwrap_or_default(),
            reason,
            by: by.map(String::from).unwrap_or_default(),
            since: since.unwrap_or_default(),
            rule,
        })
    };
    wire::FreezesView { freezes: freezes(state).into_iter().filter_map(one).collect() }
}
