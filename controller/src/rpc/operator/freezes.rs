//! Freezes: set, lifted, and all that there are.

use pgbelay_core::decide::freezes;
use pgbelay_core::name::EnvironmentName;
use pgbelay_core::request::Request as Ask;
use pgbelay_core::rollout::PauseReason;
use pgbelay_proto::wire;
use tonic::{Request, Response, Status};

use super::reader::Reader;
use super::{Answer, OperatorsService, operator, parse, reason};
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
    Ok(Response::new(view(&Reader { state: granted.state, name: operator(request)? })))
}

pub(super) async fn unfreeze(
    service: &OperatorsService,
    request: &Request<wire::UnfreezeRequest>,
) -> Answer<wire::FreezesView> {
    let ask = Ask::Unfreeze { environment: environment(&request.get_ref().environment)? };
    let granted = service.ask(request, ask).await?;
    Ok(Response::new(view(&Reader { state: granted.state, name: operator(request)? })))
}

/// What is frozen of that which the reader may see: everything at once, and environments.
pub(super) fn view(reader: &Reader) -> wire::FreezesView {
    let state = &reader.state;
    let sees = |place: &Option<EnvironmentName>| place.as_ref().is_none_or(|place| reader.sees(place));
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
    wire::FreezesView {
        freezes: freezes(state).into_iter().filter(|(place, _)| sees(place)).filter_map(one).collect(),
    }
}
