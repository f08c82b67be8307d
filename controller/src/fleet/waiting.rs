//! Somebody who waits for the answer to a probe. A schema comes in parts, which are put together here.

use pgbelay_proto::{MAX_CATALOG_BYTES, wire};
use tokio::sync::oneshot;
use wire::probe_answer::Answer;

/// The way to somebody who waits, and what has come so far.
pub(super) struct Waiting {
    reply: oneshot::Sender<Answer>,
    parts: Option<Parts>,
}

/// The parts of a schema that have come.
#[derive(Default)]
struct Parts {
    json: Vec<u8>,
    next: u32,
}

impl Waiting {
    pub(super) fn new(reply: oneshot::Sender<Answer>, kind: &wire::probe::Kind) -> Self {
        use wire::probe::Kind;
        let parts = match kind {
            Kind::Catalog(_) => Some(Parts::default()),
            Kind::Inspect(_)
            | Kind::DryRun(_)
            | Kind::CountLoss(_)
            | Kind::Measure(_)
            | Kind::History(_)
            | Kind::VerifyBackup(_)
            | Kind::DeleteBackup(_) => None,
        };
        Self { reply, parts }
    }

    /// Whether nobody waits any more.
    pub(super) fn is_closed(&self) -> bool {
        self.reply.is_closed()
    }

    /// Takes an answer, or a part of one. What is left is waited for.
    pub(super) fn answered(mut self, answer: Answer) -> Option<Self> {
        let whole = match (answer, &mut self.parts) {
            (Answer::Catalog(part), Some(parts)) => match parts.take(part) {
                Ok(Some(whole)) => Answer::Catalog(whole),
                Ok(None) => return (!self.is_closed()).then_some(self),
                Err(why) => Answer::Error(why.to_owned()),
            },
            (answer, _) => answer,
        };
        // Who asked may have given up.
        drop(self.reply.send(whole));
        None
    }
}

impl Parts {
    /// The whole, with the last part.
    fn take(&mut self, part: wire::CatalogPart) -> Result<Option<wire::CatalogPart>, &'static str> {
        if part.number != self.next {
            return Err("a part of the schema was lost on the way");
        }
        if self.json.len() + part.json.len() > MAX_CATALOG_BYTES {
            return Err("the schema is larger than what is taken");
        }
        self.next += 1;
        self.json.extend_from_slice(&part.json);
        Ok(part.last.then(|| wire::CatalogPart { json: std::mem::take(&mut self.json), ..part }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: u32, last: bool, json: Vec<u8>) -> Answer {
        Answer::Catalog(wire::CatalogPart { number, last, json, fingerprint: "f".to_owned() })
    }

    fn answered(parts: Vec<Answer>, kind: wire::probe::Kind) -> Answer {
        let (reply, mut answer) = oneshot::channel();
        let mut waiting = Some(Waiting::new(reply, &kind));
        for part in parts {
            waiting = waiting.and_then(|waiting| waiting.answered(part));
        }
        answer.try_recv().unwrap()
    }

    fn catalog() -> wire::probe::Kind {
        wire::probe::Kind::Catalog(wire::probe::Catalog {})
    }

    #[test]
    fn parts_make_a_whole() {
        let parts = vec![part(0, false, vec![1, 2]), part(1, false, Vec::new()), part(2, true, vec![3])];
        assert_eq!(answered(parts, catalog()), part(2, true, vec![1, 2, 3]));
    }

    #[test]
    fn what_cannot_be_put_together_is_an_error() {
        let is_error = |parts| matches!(answered(parts, catalog()), Answer::Error(_));
        assert!(is_error(vec![part(1, true, vec![1])]));
        assert!(is_error(vec![part(0, false, vec![1]), part(0, false, vec![1])]));
        assert!(is_error(vec![part(0, false, vec![0; MAX_CATALOG_BYTES]), part(1, true, vec![1])]));
        assert!(is_error(vec![part(0, false, vec![1]), Answer::Error("gone".to_owned())]));
    }

    #[test]
    fn who_asked_for_something_else_gets_no_parts() {
        let kind = wire::probe::Kind::Inspect(wire::probe::Inspect {});
        assert_eq!(answered(vec![part(0, false, vec![1])], kind), part(0, false, vec![1]));
    }
}
