//! What goes wrong, and how it ends.

use std::sync::Arc;

use pgbelay_core::name::DatabaseName;

use crate::bugs::Bug;
use crate::world::{HOUR, Happening, MINUTE, SECOND, World};

impl World {
    /// Something goes wrong.
    pub(crate) fn chaos(&mut self) {
        let names: Vec<_> = self.agents.keys().cloned().collect();
        let Some(name) = self.dice.pick(&names).cloned() else { return };
        match self.dice.below(10) {
            0 | 1 => self.agent_dies(&name),
            2 | 3 => self.controller_dies(),
            4 | 5 => self.cut_one(),
            6 => self.partition(),
            7 => {
                let mut now = self.now.lock().unwrap();
                now.off = match self.dice.below(4) {
                    0 => 0,
                    1 => self.dice.between(-2 * HOUR, 2 * HOUR),
                    _ => now.off + self.dice.between(-MINUTE, MINUTE),
                };
            }
            8 if self.dice.one_in(3) => {
                if let Some(agent) = self.agents.get_mut(&name) {
                    agent.database.changes += 1;
                }
            }
            _ => {
                // All at once, as when a machine or a switch goes.
                if self.dice.one_in(6) {
                    names.iter().for_each(|name| self.agent_dies(name));
                    self.controller_dies();
                }
            }
        }
    }

    fn agent_dies(&mut self, name: &DatabaseName) {
        let Some(agent) = self.agents.get_mut(name).filter(|agent| agent.up) else { return };
        agent.up = false;
        agent.restart();
        let link = agent.link.take();
        self.crashes += 1;
        if let Some(link) = link {
            self.cut(link);
        }
        let delay = if self.dice.one_in(4) {
            self.dice.between(MINUTE, 3 * HOUR)
        } else {
            self.dice.between(SECOND, MINUTE)
        };
        self.after(delay, Happening::AgentStarts { database: name.clone() });
    }

    fn controller_dies(&mut self) {
        if self.controller.take().is_none() {
            return;
        }
        self.crashes += 1;
        let open: Vec<_> =
            self.links.iter().filter(|(_, link)| !link.cut).map(|(number, _)| *number).collect();
        open.into_iter().for_each(|link| self.cut(link));
        self.forget_the_last();
        let delay = self.dice.between(SECOND, 20 * MINUTE);
        self.after(delay, Happening::ControllerStarts);
    }

    /// Only with the mistake that this is: what was acknowledged was not on disk.
    fn forget_the_last(&mut self) {
        let mut book = self.book();
        if book.bug == Some(Bug::NotDurable) {
            let kept = book.ledger.len().saturating_sub(3);
            book.ledger.truncate(kept);
            book.hashes.truncate(kept);
            book.state = Arc::new(book.replayed());
        }
    }

    fn cut_one(&mut self) {
        let open: Vec<_> =
            self.links.iter().filter(|(_, link)| !link.cut).map(|(number, _)| *number).collect();
        if let Some(link) = self.dice.pick(&open).copied() {
            self.cut(link);
        }
    }

    /// For a while nothing gets through to some; what was sent meanwhile arrives afterwards, all of it.
    fn partition(&mut self) {
        let until = self.elapsed() + self.dice.between(MINUTE, 20 * MINUTE);
        for link in self.links.values_mut().filter(|link| !link.cut) {
            if self.dice.one_in(2) {
                link.held_until = until;
            }
        }
    }

    /// From here on nothing goes wrong any more.
    pub(crate) fn make_peace(&mut self) {
        self.peace = true;
        self.dice.calm = true;
        self.now.lock().unwrap().off = 0;
        for link in self.links.values_mut() {
            link.held_until = 0;
        }
        let names: Vec<_> = self.agents.keys().cloned().collect();
        for database in names {
            self.after(SECOND, Happening::AgentStarts { database });
        }
        self.after(SECOND, Happening::ControllerStarts);
        self.help();
    }
}
