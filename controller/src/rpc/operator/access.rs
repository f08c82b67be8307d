//! Tokens and operators.

use std::collections::{BTreeMap, BTreeSet};

use pgbelay_core::access::{Certificate, Role, TOKEN_LIFETIME};
use pgbelay_core::digest::Digest;
use pgbelay_core::event::{Actor, Event};
use pgbelay_core::name::{EnvironmentName, MAX_NAME_LEN, OperatorName, TokenId};
use pgbelay_core::request::Request as Ask;
use pgbelay_proto::identity::Identity;
use pgbelay_proto::token::{JoinToken, SECRET_BYTES, TokenSecret};
use pgbelay_proto::wire;
use tonic::{Request, Response, Status};

use super::{Answer, Services, not_granted, operator, parse, usage};
use crate::clock::{self, rfc3339};
use crate::rpc::OPERATOR_CERTIFICATE;

pub(super) async fn create_token(
    services: &Services,
    request: Request<wire::CreateTokenRequest>,
) -> Answer<wire::CreateTokenResponse> {
    let actor = Actor::Operator(operator(&request)?);
    let asked = request.into_inner();
    let secret: [u8; SECRET_BYTES] = rand::random();
    let id: TokenId = parse(&format!("{:016x}", rand::random::<u64>()))?;
    let ask = Ask::CreateToken {
        id: id.clone(),
        secret: Digest::of(secret),
        database: parse(&asked.database)?,
        environment: parse(&asked.environment)?,
        labels: labels(asked.labels)?,
        lifetime: TOKEN_LIFETIME,
    };
    let granted = services.controller.ask(actor, ask).await.map_err(not_granted)?;
    let expires_at = granted.events.iter().find_map(|event| {
        if let Event::TokenCreated { token } = event { Some(rfc3339(token.expires_at)) } else { None }
    });
    let token =
        JoinToken { id, secret: TokenSecret::from_bytes(secret), ca: services.authority.fingerprint() };
    Ok(Response::new(wire::CreateTokenResponse {
        token: token.to_string(),
        database: asked.database,
        expires_at: expires_at.unwrap_or_default(),
        enrolment_address: services.enrolment_address.clone(),
    }))
}

/// Labels of one database: they stand in every answer about it.
const MAX_LABELS: usize = 32;

fn labels(labels: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Status> {
    if labels.len() > MAX_LABELS {
        return Err(usage(&format!("a database has at most {MAX_LABELS} labels")));
    }
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '@' | ' ');
    let fits = |text: &String| text.chars().count() <= MAX_NAME_LEN && text.chars().all(is_plain);
    match labels.iter().find(|(key, value)| key.is_empty() || !fits(key) || !fits(value)) {
        Some((key, _)) => Err(usage(&format!(
            "the label {key:?}: its key and value must be at most {MAX_NAME_LEN} letters, digits or any of -_./:@"
        ))),
        None => Ok(labels),
    }
}

pub(super) async fn add_operator(
    services: &Services,
    request: Request<wire::AddOperatorRequest>,
) -> Answer<wire::AddOperatorResponse> {
    let actor = Actor::Operator(operator(&request)?);
    let asked = request.into_inner();
    let name: OperatorName = parse(&asked.name)?;
    let role = role(&asked.role)?;
    let environments: BTreeSet<EnvironmentName> =
        asked.environments.iter().map(|e| parse(e)).collect::<Result<_, _>>()?;
    let identity = Identity::Operator(name.clone());
    let signed = services.authority.sign_csr(&asked.csr_der, &identity, clock::now(), OPERATOR_CERTIFICATE);
    let issued = signed.map_err(|error| usage(&error.to_string()))?;
    let ask = Ask::AddOperator {
        name,
        role,
        environments: (!environments.is_empty()).then_some(environments),
        certificate: Certificate { serial: issued.serial, not_after: issued.not_after },
    };
    services.controller.ask(actor, ask).await.map_err(not_granted)?;
    Ok(Response::new(wire::AddOperatorResponse {
        name: asked.name,
        role: role.as_str().to_owned(),
        certificate_pem: issued.certificate_pem,
        ca_pem: services.authority.certificate_pem().to_owned(),
        expires_at: rfc3339(issued.not_after),
    }))
}

fn role(text: &str) -> Result<Role, Status> {
    let roles = [Role::Viewer, Role::Operator, Role::Approver, Role::Admin];
    let found = roles.into_iter().find(|role| role.as_str() == text);
    found.ok_or_else(|| usage(&format!("{text:?} is not a role: viewer, operator, approver or admin")))
}
