//! What a ledger says to what an agent was told of it.

use super::*;

const OURS: Incarnation = Incarnation(7);

fn checkpoint(acceptances: u64, seq: u64, hash: &str) -> Checkpoint {
    Checkpoint { incarnation: OURS, acceptances, seq, hash: Digest::of(hash) }
}

/// A ledger that ends at entry 10, accepted as often, with this at the place that is asked for.
fn ledger(acceptances: u64, there: Option<&str>) -> Looked {
    Looked { head: checkpoint(acceptances, 10, "head"), hash: there.map(Digest::of) }
}

#[test]
fn what_is_in_the_ledger_is_no_doubt_however_old() {
    for seq in [0, 3, 10] {
        assert_eq!(checkpoint(0, seq, "e").against(&ledger(0, Some("e"))), Standing::Has);
        assert_eq!(checkpoint(0, seq, "e").against(&ledger(2, Some("e"))), Standing::Has);
    }
}

#[test]
fn what_is_not_says_how_the_ledger_was_lost() {
    let lacks = |witnessed: Checkpoint, there| match witnessed.against(&ledger(1, there)) {
        Standing::Lacks(finding) => finding,
        other @ (Standing::Has | Standing::Superseded) => panic!("{other:?}"),
    };
    assert_eq!(lacks(checkpoint(1, 11, "e"), None), Finding::Beyond);
    assert_eq!(lacks(checkpoint(1, 9, "e"), Some("other")), Finding::Forked);
    let foreign = Checkpoint { incarnation: Incarnation(8), ..checkpoint(0, 9, "e") };
    assert_eq!(lacks(foreign, Some("e")), Finding::Foreign);
}

/// An agent that was away while an admin decided does not ask again; one that was told more than this ledger knows of
/// acceptances does.
#[test]
fn an_acceptance_answers_for_what_was_witnessed_before_it_and_for_nothing_later() {
    assert_eq!(checkpoint(0, 60, "lost").against(&ledger(1, None)), Standing::Superseded);
    assert_eq!(checkpoint(0, 9, "lost").against(&ledger(1, Some("e"))), Standing::Superseded);
    assert_eq!(checkpoint(1, 60, "lost").against(&ledger(1, None)), Standing::Lacks(Finding::Beyond));
    assert_eq!(checkpoint(2, 60, "lost").against(&ledger(1, None)), Standing::Lacks(Finding::Beyond));
    let foreign = Checkpoint { incarnation: Incarnation(8), ..checkpoint(0, 9, "e") };
    assert_eq!(foreign.against(&ledger(5, Some("e"))), Standing::Lacks(Finding::Foreign));
}

#[test]
fn a_ledger_s_name_survives_its_own_text_and_has_one_spelling() {
    let bytes = [0x01, 0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xab];
    let name = Incarnation::from_bytes(bytes);
    assert_eq!(name.to_string(), "01900000-0000-0000-0000-0000000000ab");
    assert_eq!(name.to_string().parse(), Ok(name));
    assert_eq!(name.short(), "01900000");
    for bad in ["", "01900000", "019000000000000000000000000000ab", "01900000-0000-0000-0000-0000000000AB"] {
        assert_eq!(bad.parse::<Incarnation>(), Err(IncarnationError), "{bad}");
    }
}

#[test]
fn the_problem_names_one_agent_and_counts_the_others() {
    let mut trust = Trust::default();
    assert_eq!(trust.problem(), None);
    for name in ["orders", "users"] {
        let witnessed = checkpoint(0, 60, "lost");
        let doubt = Doubt { witnessed, finding: Finding::Beyond, head: 51, since: Timestamp(0) };
        trust.doubts.insert(name.parse().unwrap(), doubt);
    }
    let problem = trust.problem().unwrap();
    assert!(problem.contains("agent/orders (and 1 other agent)"), "{problem}");
    assert!(problem.contains("entry 60") && problem.contains("ended at entry 51"), "{problem}");
}
