//! Every combination of danger, force, policy and person.

use pgbelay_proto::wire::{LossView, PlanGroup};

use super::*;

#[test]
fn every_combination_is_decided() {
    let check = |dangerous, force, force_allowed, person, expected: Decision| {
        let here = Circumstances { dangerous, force, force_allowed, person };
        assert_eq!(decide(here), expected, "{here:?}");
    };
    for (force, force_allowed, person) in flags() {
        check(false, force, force_allowed, person, Decision::Start(Confirmation::None));
    }
    for person in [false, true] {
        check(true, true, true, person, Decision::Start(Confirmation::Forced));
        check(true, true, false, person, Decision::ForceNotAllowed);
    }
    for force_allowed in [false, true] {
        check(true, false, force_allowed, true, Decision::Ask);
        check(true, false, force_allowed, false, Decision::NobodyToAsk);
    }
}

fn flags() -> impl Iterator<Item = (bool, bool, bool)> {
    (0..8u8).map(|bits| (bits & 1 > 0, bits & 2 > 0, bits & 4 > 0))
}

#[test]
fn lost_rows_need_a_confirmation_whatever_the_risk() {
    let plan = |needed, losses: Vec<LossView>| PlanView {
        confirmation_needed: needed,
        groups: vec![PlanGroup { losses, ..PlanGroup::default() }],
        ..PlanView::default()
    };
    let loss = |rows, error: &str| LossView { rows, error: error.into(), ..LossView::default() };
    assert!(!is_dangerous(&plan(false, vec![loss(0, "")])));
    assert!(is_dangerous(&plan(true, vec![])));
    assert!(is_dangerous(&plan(false, vec![loss(0, ""), loss(1, "")])));
    assert!(is_dangerous(&plan(false, vec![loss(0, "timed out")])), "what was not counted is not nothing");
}

#[test]
fn only_the_name_itself_confirms() {
    assert!(is_answer("production\n", "production"));
    for wrong in ["", "\n", "y", "yes", "Production", "prod", "production2"] {
        assert!(!is_answer(wrong, "production"), "{wrong:?}");
    }
}

#[test]
fn the_way_out_is_one_that_the_policy_allows() {
    let plan = |force_allowed| PlanView { force_allowed, ..PlanView::default() };
    assert!(nobody_to_ask(&plan(true)).hint.unwrap().contains("add --force"));
    assert!(nobody_to_ask(&plan(false)).hint.unwrap().contains("does not allow --force"));
    assert_eq!(nobody_to_ask(&plan(true)).kind, ErrorKind::Refused);
}
