//! The controller takes back what a rollout did, where policy wants that.

use std::collections::BTreeSet;

use pgbelay_core::backup::Looks;
use pgbelay_core::decide::{rests_on, undo_wanted};
use pgbelay_core::event::Event;
use pgbelay_core::judge::AllJudged;
use pgbelay_core::plan::Goal;
use pgbelay_core::request::{Refusal, Request};
use pgbelay_core::rollout::{Confirmation, RolloutId};

use crate::world::World;

/// Tries before a person is asked.
const TRIES: u32 = 3;

impl World {
    /// Tries to take back what has come to a halt.
    pub(crate) fn undo(&mut self) {
        if self.controller.is_none() {
            return;
        }
        let seen = self.book().as_effects_see();
        let wanted = seen
            .open_rollouts()
            .filter_map(|rollout| Some((rollout.id.clone(), undo_wanted(&seen, rollout)?)));
        let wanted: Vec<_> = wanted.collect();
        for (rollout, goal) in wanted {
            let place = seen.rollouts[&rollout].environment.clone();
            let tries = self.undone.entry(rollout.clone()).or_default();
            *tries += 1;
            let is_last = *tries >= TRIES;
            if let Err(refusal) = self.take_back(&rollout, (place, goal))
                && is_last
            {
                self.undone.remove(&rollout);
                drop(self.ask_itself(&Request::GiveUpUndo { rollout, why: refusal.to_string() }));
            }
        }
    }

    fn take_back(
        &mut self,
        rollout: &RolloutId,
        (environment, goal): (pgbelay_core::name::EnvironmentName, Goal),
    ) -> Result<(), Refusal> {
        let fresh = self.look();
        let request = Request::CreatePlan {
            environment,
            goal: goal.clone(),
            fresh,
            judged: AllJudged::new(),
            sizes: Default::default(),
            histories: Default::default(),
        };
        let Some(made) = self.ask_itself(&request) else { return Ok(()) };
        let made = made?
            .into_iter()
            .find_map(|event| if let Event::PlanCreated { plan } = event { Some(plan.id) } else { None });
        let of = |known: &&pgbelay_core::state::PlanState| known.plan.body.goal == goal;
        let state = self.book().state.clone();
        let plan = made.or_else(|| state.plans.values().rfind(of).map(|known| known.plan.id.clone()));
        let Some(plan) = plan else { return Ok(()) };
        let rests = rests_on(&state, &state.plan(&plan)?.plan);
        let looks: Looks = rests.into_iter().map(|backup| (backup, Ok(()))).collect();
        let (confirmation, acknowledged) = (Confirmation::None, BTreeSet::new());
        let start =
            Request::StartRollout { plan, confirmation, acknowledged, sizes: Default::default(), looks };
        if let Some(started) = self.ask_itself(&start) {
            started?;
            self.undone.remove(rollout);
        }
        Ok(())
    }
}
