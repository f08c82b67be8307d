//! Whether the ledger is the true one: what agents say, and an admin's word.

use pgbelay_core::name::DatabaseName;
use pgbelay_core::request::Request as Ask;
use pgbelay_core::witness::{Doubt, Finding, Looked};
use pgbelay_proto::wire;
use tonic::{Request, Response};

use super::{Answer, OperatorsService, not_granted, parse, reason, usage};
use crate::clock::rfc3339;

/// Digits of a ledger's name that are enough to mean it.
const MIN_NAME: usize = 8;

pub(super) async fn status<T>(service: &OperatorsService, request: &Request<T>) -> Answer<wire::LedgerView> {
    let reader = service.reader(request)?;
    let Looked { head, .. } = service.services.controller.look(0).await.map_err(not_granted)?;
    let trust = &reader.state.trust;
    // Of an environment that is none of the reader's business is told that there is something, and no name.
    let sees = |name: &DatabaseName| {
        reader.state.databases.get(name).is_some_and(|database| reader.sees(&database.environment))
    };
    let hidden = |name: &DatabaseName| if sees(name) { name.to_string() } else { String::new() };
    let doubts = trust.doubts.iter().map(|(name, doubt)| view(hidden(name), doubt));
    let set_aside = trust.set_aside.iter().filter(|(name, _)| sees(name));
    Ok(Response::new(wire::LedgerView {
        ledger: head.incarnation.to_string(),
        seq: head.seq,
        hash: head.hash.to_string(),
        acceptances: trust.acceptances,
        state: if trust.is_doubted() { "in-doubt" } else { "believed" }.to_owned(),
        doubts: doubts.collect(),
        set_aside: set_aside
            .map(|(name, reason)| wire::SetAsideView { database: name.to_string(), reason: reason.clone() })
            .collect(),
    }))
}

fn view(database: String, doubt: &Doubt) -> wire::DoubtView {
    let finding = match doubt.finding {
        Finding::Beyond => "beyond",
        Finding::Forked => "forked",
        Finding::Foreign => "foreign",
    };
    wire::DoubtView {
        database,
        ledger: doubt.witnessed.incarnation.to_string(),
        seq: doubt.witnessed.seq,
        hash: doubt.witnessed.hash.to_string(),
        finding: finding.to_owned(),
        problem: doubt.to_string(),
        since: rfc3339(doubt.since),
    }
}

pub(super) async fn accept(
    service: &OperatorsService,
    request: &Request<wire::AcceptLedgerRequest>,
) -> Answer<wire::LedgerView> {
    let wire::AcceptLedgerRequest { ledger, .. } = request.get_ref();
    let Looked { head, .. } = service.services.controller.look(0).await.map_err(not_granted)?;
    if ledger.len() < MIN_NAME || !head.incarnation.to_string().starts_with(ledger.as_str()) {
        return Err(usage(&format!(
            "{ledger:?} is not this ledger, which is called {}: nothing was accepted",
            head.incarnation
        )));
    }
    let reason = reason(&request.get_ref().reason)?;
    service.ask(request, Ask::AcceptLedger { reason }).await?;
    status(service, request).await
}

pub(super) async fn set_aside(
    service: &OperatorsService,
    request: &Request<wire::WitnessRequest>,
) -> Answer<wire::LedgerView> {
    let database = parse(&request.get_ref().database)?;
    let reason = reason(&request.get_ref().reason)?;
    service.ask(request, Ask::SetAside { database, reason }).await?;
    status(service, request).await
}

pub(super) async fn hear(
    service: &OperatorsService,
    request: &Request<wire::WitnessRequest>,
) -> Answer<wire::LedgerView> {
    let database = parse(&request.get_ref().database)?;
    service.ask(request, Ask::HearAgain { database }).await?;
    status(service, request).await
}
