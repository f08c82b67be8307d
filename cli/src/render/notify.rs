//! Endpoints of the controller's news.

use pgbelay_proto::wire::{EndpointView, ListEndpointsResponse, TestEndpointsResponse, TestedEndpoint};

use super::Layout;
use super::table::{Column, Word, number, prose, table, toned, word};
use super::text::{Tone, moment, took_ms, wrap};

const LIST: [Column; 8] = [
    word("ENDPOINT"),
    word("STATE"),
    word("HOST").rank(1),
    word("FORMAT").rank(4),
    number("BEHIND"),
    word("DELIVERED").rank(2),
    prose("KINDS").rank(5),
    prose("ENVIRONMENTS").rank(3),
];

const TESTED: [Column; 4] = [word("ENDPOINT"), word("ARRIVED"), number("TOOK").rank(1), prose("ANSWER")];

const NONE: &str = "No endpoint: news is sent nowhere.\n\nAdd one to the section notifications of controller.yaml (docs/notify.md)\n";

/// One line for each endpoint, and what went wrong.
pub(crate) fn list(response: &ListEndpointsResponse, layout: Layout) -> String {
    if response.endpoints.is_empty() {
        return NONE.into();
    }
    let rows: Vec<_> = response.endpoints.iter().map(row).collect();
    let mut text = table(&LIST, &rows, layout);
    for endpoint in response.endpoints.iter().filter(|endpoint| !endpoint.failing_since.is_empty()) {
        let line = format!(
            "{}: nothing arrives since {}: {}",
            endpoint.name,
            moment(&endpoint.failing_since),
            endpoint.last_error
        );
        text.push_str(&format!("\n{}\n", wrap(&line, 2, layout.prose())));
    }
    for endpoint in response.endpoints.iter().filter(|endpoint| endpoint.skips > 0) {
        let times = if endpoint.skips == 1 { "once".to_owned() } else { format!("{} times", endpoint.skips) };
        text.push_str(&format!("\n{} was skipped ahead {times}, after a day of failing\n", endpoint.name));
    }
    text
}

fn row(endpoint: &EndpointView) -> Vec<Word> {
    let tone = if endpoint.state == "ok" { Tone::Good } else { Tone::Bad };
    let all = |names: &[String]| if names.is_empty() { "all".to_owned() } else { names.join(" ") };
    let delivered = if endpoint.delivered_at.is_empty() {
        toned(Tone::Faint, "never")
    } else {
        moment(&endpoint.delivered_at).into()
    };
    vec![
        endpoint.name.as_str().into(),
        toned(tone, endpoint.state.as_str()),
        endpoint.host.as_str().into(),
        endpoint.format.as_str().into(),
        endpoint.behind.to_string().into(),
        delivered,
        all(&endpoint.kinds).into(),
        all(&endpoint.environments).into(),
    ]
}

/// What each receiver answered.
pub(crate) fn tested(response: &TestEndpointsResponse, layout: Layout) -> String {
    if response.endpoints.is_empty() {
        return NONE.into();
    }
    let row = |one: &TestedEndpoint| {
        let arrived = if one.delivered { toned(Tone::Good, "yes") } else { toned(Tone::Bad, "no") };
        vec![one.name.as_str().into(), arrived, took_ms(one.took_ms).into(), one.answer.as_str().into()]
    };
    let rows: Vec<Vec<Word>> = response.endpoints.iter().map(row).collect();
    table(&TESTED, &rows, layout)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::plain;
    use super::*;

    #[test]
    fn endpoints_say_how_far_they_are_and_what_is_wrong() {
        let ops = EndpointView {
            name: "ops".into(),
            host: "https://hooks.example.com:443".into(),
            format: "generic".into(),
            state: "failing".into(),
            behind: 7,
            failing_since: "2026-07-29T10:00:00Z".into(),
            last_error: "the receiver answered 500 Internal Server Error".into(),
            skips: 1,
            ..EndpointView::default()
        };
        let chat = EndpointView {
            name: "chat".into(),
            host: "https://hooks.slack.com:443".into(),
            format: "slack".into(),
            state: "ok".into(),
            delivered_at: "2026-07-29T10:00:00Z".into(),
            kinds: vec!["rollout-failed".into()],
            environments: vec!["production".into()],
            ..EndpointView::default()
        };
        let response = ListEndpointsResponse { endpoints: vec![ops, chat] };
        insta::assert_snapshot!(plain(&list(&response, Layout { width: Some(140) })), @r"
        ENDPOINT  STATE    HOST                           FORMAT   BEHIND  DELIVERED             KINDS           ENVIRONMENTS
        ops       failing  https://hooks.example.com:443  generic       7  never                 all             all
        chat      ok       https://hooks.slack.com:443    slack         0  2026-07-29 10:00 UTC  rollout-failed  production

        ops: nothing arrives since 2026-07-29 10:00 UTC: the receiver answered 500 Internal Server Error

        ops was skipped ahead once, after a day of failing
        ");
    }

    #[test]
    fn answers_are_told() {
        let one = |name: &str, delivered, answer: &str| TestedEndpoint {
            name: name.into(),
            delivered,
            answer: answer.into(),
            took_ms: 120,
        };
        let response = TestEndpointsResponse {
            endpoints: vec![one("ops", true, "200 OK"), one("chat", false, "no answer within 15s")],
        };
        insta::assert_snapshot!(plain(&tested(&response, Layout { width: Some(100) })), @r"
        ENDPOINT  ARRIVED   TOOK  ANSWER
        ops       yes      120ms  200 OK
        chat      no       120ms  no answer within 15s
        ");
    }
}
