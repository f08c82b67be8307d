//! A failure says the same on both sides of the network.

use std::io;

use proptest::prelude::*;

use super::*;

fn error(kind: RemoteKind, message: &str, next_step: &str) -> RemoteError {
    RemoteError { kind, message: message.into(), next_step: next_step.into() }
}

#[test]
fn every_kind_comes_back_as_it_was_sent() {
    for kind in RemoteKind::ALL {
        let sent = error(kind, "plan p1 is stale: größer geworden", "make a new plan: 100% sure? → go");
        assert_eq!(RemoteError::from_status(&sent.to_status()), sent);
    }
}

#[test]
fn without_a_next_step_there_is_none() {
    let sent = error(RemoteKind::Refused, "no", "");
    assert!(sent.to_status().metadata().get(NEXT_HEADER).is_none());
    assert_eq!(RemoteError::from_status(&sent.to_status()), sent);
}

#[test]
fn a_text_that_is_too_long_is_cut_and_says_so() {
    let sent = error(RemoteKind::Internal, &"ü".repeat(MAX_MESSAGE_LEN), &"ä".repeat(MAX_NEXT_LEN));
    let got = RemoteError::from_status(&sent.to_status());
    for (text, limit) in [(got.message, MAX_MESSAGE_LEN), (got.next_step, MAX_NEXT_LEN)] {
        assert!(text.ends_with(CUT), "{text}");
        let len = encode(&text).len();
        assert!(len <= limit && len > limit - 16, "{len} of {limit}");
    }
}

#[test]
fn a_status_of_somebody_else_is_read_by_its_code() {
    let check = |status: Status, kind, message: &str| {
        let got = RemoteError::from_status(&status);
        assert_eq!((got.kind, got.message.as_str()), (kind, message));
    };
    check(Status::unavailable("not serving"), RemoteKind::Unreachable, "not serving");
    check(Status::permission_denied("no"), RemoteKind::NotAllowed, "no");
    check(Status::new(Code::Internal, ""), RemoteKind::Internal, "Internal error");
    let broken = Status::from_error(Box::new(io::Error::other("connection reset")));
    check(broken, RemoteKind::Unreachable, "connection reset");
}

#[test]
fn what_was_not_encoded_by_us_does_no_harm() {
    for (text, decoded) in
        [("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("a%20b", "a b"), ("%FF", "\u{fffd}"), ("%é", "%é")]
    {
        assert_eq!(decode(text), decoded);
    }
}

proptest! {
    #[test]
    fn invariant_whatever_is_encoded_is_a_header_and_comes_back(text in any::<String>()) {
        prop_assert!(encode(&text).is_ascii());
        prop_assert_eq!(decode(&encode(&text)), text);
    }
}
