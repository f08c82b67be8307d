//! Agents, tokens, operators: who may do what.

use std::path::PathBuf;

use pgbelay_proto::wire::{
    AddOperatorResponse, AgentView, CreateTokenResponse, ListAgentsResponse, ListOperatorsResponse,
    OperatorView,
};
use serde::Serialize;

use super::Layout;
use super::table::{Column, Word, table, toned, word};
use super::text::{Tone, entry, moment, wrap};

const AGENTS: [Column; 7] = [
    word("DATABASE"),
    word("ENVIRONMENT"),
    word("STATE"),
    word("AGENT").rank(3),
    word("LAST SEEN").rank(1),
    word("CERTIFICATE UNTIL").rank(2),
    word("SERIAL").rank(4),
];

const OPERATORS: [Column; 6] = [
    word("OPERATOR"),
    word("ROLE"),
    word("ENVIRONMENTS").rank(1),
    word("STATE"),
    word("CERTIFICATE UNTIL").rank(2),
    word("SERIAL").rank(3),
];

/// A new operator, and where its credentials are.
#[derive(Debug, Serialize)]
pub(crate) struct NewOperator {
    /// What the controller said.
    #[serde(flatten)]
    pub(crate) response: AddOperatorResponse,
    /// The credentials file.
    pub(crate) credentials_file: PathBuf,
}

/// One line for each agent.
pub(crate) fn agents(response: &ListAgentsResponse, layout: Layout) -> String {
    if response.agents.is_empty() {
        return "No agent is enrolled. Invite one: pgbelay token create DATABASE --env ENVIRONMENT\n".into();
    }
    let rows: Vec<_> = response.agents.iter().map(agent).collect();
    let mut text = table(&AGENTS, &rows, layout);
    for agent in response.agents.iter().filter(|agent| !agent.problem.is_empty()) {
        let line = format!("{}: {}", agent.database, agent.problem);
        text.push_str(&format!("\n{}\n", wrap(&line, 2, layout.prose())));
    }
    text
}

fn agent(agent: &AgentView) -> Vec<Word> {
    let tone = match agent.state.as_str() {
        "connected" => Tone::Good,
        "silent" => Tone::Warn,
        "revoked" | "quarantined" => Tone::Bad,
        _ => Tone::Plain,
    };
    let seen = if agent.last_seen.is_empty() {
        toned(Tone::Faint, "never")
    } else {
        moment(&agent.last_seen).into()
    };
    vec![
        agent.database.as_str().into(),
        agent.environment.as_str().into(),
        toned(tone, agent.state.as_str()),
        agent.agent_version.as_str().into(),
        seen,
        moment(&agent.certificate_until).into(),
        agent.certificate_serial.as_str().into(),
    ]
}

/// One line for each operator.
pub(crate) fn operators(response: &ListOperatorsResponse, layout: Layout) -> String {
    let rows: Vec<_> = response.operators.iter().map(known_operator).collect();
    table(&OPERATORS, &rows, layout)
}

fn known_operator(operator: &OperatorView) -> Vec<Word> {
    let tone = match operator.state.as_str() {
        "active" => Tone::Good,
        "revoked" => Tone::Bad,
        _ => Tone::Plain,
    };
    let environments =
        if operator.environments.is_empty() { "all".to_owned() } else { operator.environments.join(",") };
    vec![
        operator.name.as_str().into(),
        operator.role.as_str().into(),
        environments.as_str().into(),
        toned(tone, operator.state.as_str()),
        moment(&operator.certificate_until).into(),
        operator.certificate_serial.as_str().into(),
    ]
}

/// The token, and what to do with it. The token itself is on a line of its own, not broken.
pub(crate) fn token(token: &CreateTokenResponse, layout: Layout) -> String {
    let width = layout.prose();
    let mut text = format!("{}\n\n", token.token);
    text.push_str(&entry("Database", &token.database, width));
    text.push_str(&entry("Expires", &moment(&token.expires_at), width));
    text.push_str(&entry("Enrol at", &token.enrolment_address, width));
    text.push_str(&entry(
        "Next",
        "give it to pgbelay-agent enroll on the database's machine; it works once",
        width,
    ));
    text
}

/// A new operator.
pub(crate) fn operator(operator: &NewOperator, layout: Layout) -> String {
    let width = layout.prose();
    let file = operator.credentials_file.display();
    let mut text = entry("Operator", &operator.response.name, width);
    text.push_str(&entry("Role", &operator.response.role, width));
    text.push_str(&entry("Expires", &moment(&operator.response.expires_at), width));
    text.push_str(&entry("File", &format!("{file} (holds the private key: hand it over safely)"), width));
    text.push_str(&entry("Next", "there: pgbelay context add NAME --credentials FILE", width));
    text
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::plain;
    use super::*;

    #[test]
    fn agents_fit_both_terminals() {
        let agent = AgentView {
            database: "orders-1".into(),
            environment: "staging".into(),
            state: "connected".into(),
            agent_version: "0.1.0".into(),
            last_seen: "2026-07-29T10:00:00Z".into(),
            certificate_serial: "7f00112233445566".into(),
            certificate_until: "2026-08-05T10:00:00Z".into(),
            problem: String::new(),
        };
        let response = ListAgentsResponse { agents: vec![agent] };
        insta::assert_snapshot!(plain(&agents(&response, Layout { width: Some(120) })), @r"
        DATABASE  ENVIRONMENT  STATE      AGENT  LAST SEEN             CERTIFICATE UNTIL     SERIAL
        orders-1  staging      connected  0.1.0  2026-07-29 10:00 UTC  2026-08-05 10:00 UTC  7f00112233445566
        ");
        insta::assert_snapshot!(plain(&agents(&response, Layout { width: Some(60) })), @r"
        DATABASE  ENVIRONMENT  STATE      LAST SEEN
        orders-1  staging      connected  2026-07-29 10:00 UTC
        no room for AGENT, CERTIFICATE UNTIL, SERIAL
        ");
    }

    #[test]
    fn operators_fit_both_terminals() {
        let operator = |name: &str, environments: &[&str], state: &str| OperatorView {
            name: name.into(),
            role: "approver".into(),
            environments: environments.iter().map(|&e| e.into()).collect(),
            state: state.into(),
            certificate_serial: "7f00112233445566".into(),
            certificate_until: "2026-08-05T10:00:00Z".into(),
        };
        let operators_known =
            vec![operator("alice", &[], "active"), operator("bob", &["staging", "production"], "revoked")];
        let response = ListOperatorsResponse { operators: operators_known };
        insta::assert_snapshot!(plain(&operators(&response, Layout { width: Some(120) })), @r"
        OPERATOR  ROLE      ENVIRONMENTS        STATE    CERTIFICATE UNTIL     SERIAL
        alice     approver  all                 active   2026-08-05 10:00 UTC  7f00112233445566
        bob       approver  staging,production  revoked  2026-08-05 10:00 UTC  7f00112233445566
        ");
        insta::assert_snapshot!(plain(&operators(&response, Layout { width: Some(60) })), @r"
        OPERATOR  ROLE      ENVIRONMENTS        STATE
        alice     approver  all                 active
        bob       approver  staging,production  revoked
        no room for CERTIFICATE UNTIL, SERIAL
        ");
    }

    #[test]
    fn a_token_stands_on_a_line_of_its_own() {
        let response = CreateTokenResponse {
            token: "pgb1.".to_owned() + &"0".repeat(200),
            database: "orders-1".into(),
            expires_at: "2026-07-29T10:10:00Z".into(),
            enrolment_address: "db-control:7421".into(),
        };
        let text = token(&response, Layout { width: Some(60) });
        assert_eq!(text.lines().next(), Some(response.token.as_str()));
    }
}
