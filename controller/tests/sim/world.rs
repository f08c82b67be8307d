//! One history: everything that happens, in the order in which it happens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use pgbelay_core::command::{CommandId, Outcome, RefusedBecause};
use pgbelay_core::digest::Digest;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::plan::Direction;
use pgbelay_core::rollout::RolloutId;
use pgbelay_core::time::Timestamp;
use pgbelay_proto::convert::WireCommand;
use pgbelay_proto::wire;
use pgbelay_proto::wire::agent_message::Message as FromAgent;
use pgbelay_proto::wire::controller_message::Message as ToAgent;

use crate::agent::{Agent, Entry};
use crate::bugs::Bug;
use crate::desk::{Book, Now, START, timing};
use crate::dice::Dice;
use crate::fleet::Controller;
use crate::link::{Link, Way};
use crate::work::{Moment, Work};

pub(crate) const SECOND: i64 = 1_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;

/// How long everything may go wrong.
const TROUBLE: i64 = 4 * HOUR;

/// How long what is left may take, once nothing goes wrong any more, before people abort it; and how long that may take.
const PEACE: i64 = 26 * HOUR;

/// Something that happens.
pub(crate) enum Happening {
    /// A message arrives at the controller.
    Hears { link: u64, message: Box<wire::AgentMessage> },
    /// A message arrives at an agent.
    Told { link: u64, message: Box<wire::ControllerMessage> },
    /// The controller notices that a connection is gone.
    Lost { link: u64 },
    /// An agent notices.
    Alone { link: u64 },
    /// An agent tries to connect.
    Connect { database: DatabaseName, process: u64 },
    /// An agent goes on with its work.
    Work { database: DatabaseName, number: u64 },
    /// An agent says that it lives, and tells again what was not acknowledged.
    Heartbeat { link: u64 },
    /// An agent is started.
    AgentStarts { database: DatabaseName },
    /// The controller is started.
    ControllerStarts,
    /// The controller looks at the clock.
    Tick,
    /// Somebody does something.
    Act,
    /// Something goes wrong.
    Chaos,
}

/// What has come of a history.
#[derive(Default)]
pub(crate) struct Ended {
    /// The promise that was broken first.
    pub(crate) trouble: Option<String>,
    /// The digest of the ledger.
    pub(crate) ledger: Option<Digest>,
    databases: u64,
    events: u64,
    commits: u64,
    rollouts: BTreeMap<&'static str, u64>,
    crashes: u64,
}

impl Ended {
    pub(crate) fn add(&mut self, other: &Self) {
        self.databases += other.databases;
        self.events += other.events;
        self.commits += other.commits;
        self.crashes += other.crashes;
        for (verdict, count) in &other.rollouts {
            *self.rollouts.entry(verdict).or_default() += count;
        }
    }

    pub(crate) fn summary(&self) -> String {
        let Self { databases, events, commits, rollouts, crashes, .. } = self;
        format!(
            "{databases} databases, {events} events, {commits} migrations committed or taken back, {crashes} crashes, rollouts {rollouts:?}"
        )
    }

    /// Whether enough happens for the promises to mean something.
    pub(crate) fn is_lively(&self, histories: u64) -> bool {
        let of = |verdict: &str| self.rollouts.get(verdict).copied().unwrap_or(0);
        let least = |count: u64, of_each: u64| count >= histories / of_each;
        histories < 100
            || (least(of("succeeded"), 2)
                && least(of("failed"), 4)
                && least(of("aborted"), 10)
                && self.commits >= 2 * histories)
    }
}

/// Everything there is.
pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) now: Arc<Mutex<Now>>,
    queue: BTreeMap<(i64, u64), Happening>,
    happenings: u64,
    /// Whether the ledger is read again, as text, in the end: it takes its time.
    pub(crate) reads: bool,
    pub(crate) book: Arc<Mutex<Book>>,
    pub(crate) controller: Option<Controller>,
    pub(crate) agents: BTreeMap<DatabaseName, Agent>,
    pub(crate) links: BTreeMap<u64, Link>,
    next_link: u64,
    pub(crate) crashes: u64,
    pub(crate) tokens: u32,
    /// How often it was tried to take back what a rollout did.
    pub(crate) undone: BTreeMap<RolloutId, u32>,
    /// How often people have helped.
    pub(crate) helped: u32,
    /// Whether policy asks for less, so that all can come to its end.
    pub(crate) eased: bool,
    pub(crate) peace: bool,
    bug: Option<Bug>,
    prints: bool,
}

impl World {
    pub(crate) fn new(seed: u64, bug: Option<Bug>) -> Self {
        let (book, now) = (Arc::new(Mutex::new(Book::new(bug))), Arc::new(Mutex::new(Now::new())));
        let controller = Some(Controller::start(Arc::clone(&book), Arc::clone(&now)));
        let mut world = Self {
            dice: Dice::new(seed),
            now,
            queue: BTreeMap::new(),
            happenings: 0,
            reads: seed.is_multiple_of(4),
            book,
            controller,
            agents: BTreeMap::new(),
            links: BTreeMap::new(),
            next_link: 1,
            crashes: 0,
            tokens: 0,
            undone: BTreeMap::new(),
            helped: 0,
            eased: false,
            peace: false,
            bug,
            prints: false,
        };
        world.begin();
        world
    }

    /// Prints what happens.
    pub(crate) const fn printed(mut self) -> Self {
        self.prints = true;
        self
    }

    fn begin(&mut self) {
        self.appoint();
        let size = match self.dice.below(20) {
            0 => self.dice.between(20, 50),
            1..=5 => self.dice.between(6, 15),
            _ => self.dice.between(2, 5),
        };
        for number in 1..=size {
            let name: DatabaseName = format!("db{number:02}").parse().unwrap();
            let production = number > 1 && (number == 2 || self.dice.one_in(2));
            self.enrol(&name, if production { "production" } else { "staging" });
        }
        self.after(MINUTE, Happening::Tick);
        self.after(5 * SECOND, Happening::Act);
        self.after(5 * MINUTE, Happening::Chaos);
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    pub(crate) fn elapsed(&self) -> i64 {
        self.now.lock().unwrap().elapsed
    }

    pub(crate) fn after(&mut self, delay: i64, happening: Happening) {
        let at = self.elapsed() + delay;
        self.at(at, happening);
    }

    fn at(&mut self, at: i64, happening: Happening) {
        self.happenings += 1;
        self.queue.insert((at, self.happenings), happening);
    }

    /// Lives to the end.
    pub(crate) fn live(mut self) -> Ended {
        self.until(TROUBLE, |_| false);
        self.make_peace();
        self.until(TROUBLE + PEACE, Self::is_quiet);
        self.must_be_quiet();
        self.abort_all();
        self.until(TROUBLE + 2 * PEACE, Self::is_quiet);
        self.check_the_end();
        self.ended()
    }

    fn until(&mut self, end: i64, enough: impl Fn(&Self) -> bool) {
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > end || self.book().trouble.is_some() || (self.peace && enough(self)) {
                return;
            }
            let ((at, _), happening) = self.queue.pop_first().unwrap();
            let moment = {
                let mut now = self.now.lock().unwrap();
                now.elapsed = at;
                now.contact().at
            };
            self.book().now = moment;
            let before = self.book().ledger.len();
            self.happen(happening);
            self.react();
            if self.prints {
                for recorded in &self.book().ledger[before..] {
                    println!("{:>9} {}", at / SECOND, serde_json::to_string(&recorded.event).unwrap());
                }
            }
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Hears { link, message } => {
                if let Some(controller) = &mut self.controller
                    && self.links.get(&link).is_some_and(|link| !link.cut)
                {
                    controller.hears(link, *message);
                }
            }
            Happening::Told { link, message } => self.told(link, *message),
            Happening::Lost { link } => {
                if let Some(controller) = &mut self.controller {
                    controller.lost(link);
                }
            }
            Happening::Alone { link } => self.alone(link),
            Happening::Connect { database, process } => self.connect(&database, process),
            Happening::Work { database, number } => self.work(&database, number),
            Happening::Heartbeat { link } => self.heartbeat(link),
            Happening::AgentStarts { database } => self.agent_starts(&database),
            Happening::ControllerStarts => self.controller_starts(),
            Happening::Tick => {
                if let Some(controller) = &mut self.controller {
                    controller.tick();
                }
                self.undo();
                self.after(5 * MINUTE, Happening::Tick);
            }
            Happening::Act => {
                if self.peace {
                    self.help();
                } else {
                    self.act();
                }
                let delay = self.dice.between(SECOND, 8 * MINUTE);
                self.after(delay, Happening::Act);
            }
            Happening::Chaos => {
                if !self.peace {
                    self.chaos();
                    let delay = self.dice.between(SECOND, 20 * MINUTE);
                    self.after(delay, Happening::Chaos);
                }
            }
        }
    }

    /// The controller does what is outstanding, and what it says goes on its way.
    fn react(&mut self) {
        let Some(controller) = &mut self.controller else { return };
        controller.act();
        for (link, message) in controller.sent() {
            match message {
                Some(message) => {
                    let message = Box::new(message);
                    self.send(link, Way::ToAgent, |link| Happening::Told { link, message: message.clone() });
                }
                None => self.cut(link),
            }
        }
    }

    /// Sends a message on a link; now and then the network doubles it.
    fn send(&mut self, number: u64, way: Way, happening: impl Fn(u64) -> Happening) {
        let now = self.elapsed();
        let takes =
            if self.dice.one_in(20) { self.dice.between(1, 90 * SECOND) } else { self.dice.between(5, 300) };
        let twice = !self.peace && self.dice.one_in(40);
        let Some(link) = self.links.get_mut(&number).filter(|link| !link.cut) else { return };
        let at = link.arrival(way, now, takes);
        self.at(at, happening(number));
        if twice {
            self.at(at + takes, happening(number));
        }
    }

    /// A connection ends; each side notices in its own time.
    pub(crate) fn cut(&mut self, number: u64) {
        let Some(link) = self.links.get_mut(&number).filter(|link| !link.cut) else { return };
        link.cut = true;
        let (one, other) = (self.dice.between(0, 30 * SECOND), self.dice.between(0, 30 * SECOND));
        self.after(one, Happening::Lost { link: number });
        self.after(other, Happening::Alone { link: number });
    }

    fn connect(&mut self, name: &DatabaseName, process: u64) {
        let Some(agent) = self.agents.get(name) else { return };
        if !agent.up || agent.process != process || agent.link.is_some() {
            return;
        }
        let (hello, serial) = (agent.hello(), agent.serial.clone());
        let Some(controller) = &mut self.controller else { return self.try_again(name, process) };
        let number = self.next_link;
        self.next_link += 1;
        controller.connect(number, name, &serial);
        let link = Link { database: name.clone(), process, held_until: 0, last: [0; 2], cut: false };
        self.links.insert(number, link);
        if let Some(agent) = self.agents.get_mut(name) {
            (agent.link, agent.welcomed) = (Some(number), false);
        }
        self.say(number, FromAgent::Hello(hello));
    }

    fn try_again(&mut self, name: &DatabaseName, process: u64) {
        let delay = self.dice.between(SECOND, 10 * MINUTE);
        self.after(delay, Happening::Connect { database: name.clone(), process });
    }

    fn say(&mut self, link: u64, message: FromAgent) {
        let message = Box::new(wire::AgentMessage { message: Some(message) });
        self.send(link, Way::ToController, |link| Happening::Hears { link, message: message.clone() });
    }

    fn alone(&mut self, number: u64) {
        let Some(link) = self.links.get(&number) else { return };
        let (name, process) = (link.database.clone(), link.process);
        let Some(agent) = self.agents.get_mut(&name).filter(|agent| agent.link == Some(number)) else {
            return;
        };
        (agent.link, agent.welcomed) = (None, false);
        if agent.up && agent.process == process {
            self.try_again(&name, process);
        }
    }

    fn heartbeat(&mut self, number: u64) {
        let Some(link) = self.links.get(&number) else { return };
        let name = link.database.clone();
        let Some(agent) = self.agents.get(&name).filter(|agent| agent.up && agent.link == Some(number))
        else {
            return;
        };
        let untold = agent.untold();
        self.say(number, FromAgent::Heartbeat(wire::Heartbeat::default()));
        for (id, attempt, outcome) in untold {
            self.report(number, &id, attempt, &outcome);
        }
        let every = i64::try_from(timing().heartbeat.as_millis()).unwrap();
        self.after(every, Happening::Heartbeat { link: number });
    }

    fn report(&mut self, link: u64, id: &CommandId, attempt: u32, outcome: &Outcome) {
        let report = wire::Report { command_id: id.to_string(), attempt, outcome: Some(outcome.into()) };
        self.say(link, FromAgent::Report(report));
    }

    fn told(&mut self, number: u64, message: wire::ControllerMessage) {
        let now = self.elapsed();
        let Some(link) = self.links.get(&number).filter(|link| !link.cut) else { return };
        let name = link.database.clone();
        let Some(agent) = self.agents.get_mut(&name).filter(|agent| agent.up && agent.link == Some(number))
        else {
            return;
        };
        agent.lease_until = now + i64::try_from(timing().lease.as_millis()).unwrap();
        if message.checkpoint.is_some() {
            agent.witness = message.checkpoint;
        }
        let Some(message) = message.message else { return };
        if !agent.welcomed {
            if let ToAgent::Welcome(_) = message {
                agent.welcomed = true;
                self.heartbeat(number);
            }
            return;
        }
        match message {
            ToAgent::Command(command) => self.command(number, &name, command.try_into().unwrap()),
            ToAgent::Cancel(cancel) => {
                self.cancel(number, &name, &cancel.command_id.parse().unwrap(), cancel.attempt);
            }
            ToAgent::Ack(ack) => self.acknowledged(&name, &ack),
            _ => {}
        }
    }

    fn acknowledged(&mut self, name: &DatabaseName, ack: &wire::Ack) {
        let (Some(agent), Ok(id)) = (self.agents.get_mut(name), ack.command_id.parse::<CommandId>()) else {
            return;
        };
        if let Some(entry) = agent.journal.get_mut(&id)
            && entry.attempt == ack.attempt
            && entry.outcome.is_some()
        {
            entry.acknowledged = true;
        }
    }

    /// As the agent judges: one command is carried out once, and one at a time.
    fn command(&mut self, link: u64, name: &DatabaseName, command: WireCommand) {
        let (now, bug) = (self.elapsed(), self.bug);
        let Some(agent) = self.agents.get_mut(name) else { return };
        let (id, attempt) = (command.id.clone(), command.attempt);
        if let Some(entry) = agent.journal.get(&id) {
            match &entry.outcome {
                _ if attempt < entry.attempt => return,
                None => {
                    return if attempt == entry.attempt {
                        self.accepted(link, &id, attempt);
                    };
                }
                Some(outcome) if attempt == entry.attempt => {
                    if matches!(outcome, Outcome::Unknown { .. }) && agent.work.is_none() {
                        let entry = Entry {
                            attempt,
                            command: Some(command.clone()),
                            outcome: None,
                            acknowledged: false,
                        };
                        agent.journal.insert(id.clone(), entry);
                        agent.interrupted.push_back(command);
                        self.accepted(link, &id, attempt);
                        self.take_up(name);
                    } else {
                        let outcome = outcome.clone();
                        self.report(link, &id, attempt, &outcome);
                    }
                    return;
                }
                Some(_) => {}
            }
        }
        let refused = match &agent.work {
            Some(work) => Some(RefusedBecause::Guard { rule: format!("busy with {}", work.command.id) }),
            None if Timestamp(START + now) > command.not_after => Some(RefusedBecause::TooLate),
            None => None,
        };
        if let Some(reason) = refused {
            return self.conclude(name, &id, attempt, Outcome::Refused { reason });
        }
        if bug != Some(Bug::AcceptedTooEarly) {
            let entry = Entry { attempt, command: Some(command.clone()), outcome: None, acknowledged: false };
            agent.journal.insert(id.clone(), entry);
        }
        self.accepted(link, &id, attempt);
        self.begin_work(name, command, false);
    }

    fn accepted(&mut self, link: u64, id: &CommandId, attempt: u32) {
        self.say(link, FromAgent::Accepted(wire::Accepted { command_id: id.to_string(), attempt }));
    }

    fn cancel(&mut self, link: u64, name: &DatabaseName, id: &CommandId, attempt: u32) {
        let Some(agent) = self.agents.get_mut(name) else { return };
        if let Some(work) = &mut agent.work
            && work.command.id == *id
            && work.command.attempt == attempt
        {
            work.cancelled = true;
            return;
        }
        match agent.journal.get(id) {
            Some(Entry { attempt, outcome: Some(outcome), .. }) => {
                let (attempt, outcome) = (*attempt, outcome.clone());
                self.report(link, id, attempt, &outcome);
            }
            Some(Entry { outcome: None, .. }) => {}
            None => {
                self.conclude(name, id, attempt, Outcome::Cancelled { done: Vec::new(), observation: None });
            }
        }
    }

    /// Keeps what came of a command, and tells it.
    fn conclude(&mut self, name: &DatabaseName, id: &CommandId, attempt: u32, outcome: Outcome) {
        let Some(agent) = self.agents.get_mut(name) else { return };
        let entry = Entry { attempt, command: None, outcome: Some(outcome.clone()), acknowledged: false };
        agent.journal.insert(id.clone(), entry);
        if let (Some(link), true) = (agent.link, agent.welcomed) {
            self.report(link, id, attempt, &outcome);
        }
    }

    fn begin_work(&mut self, name: &DatabaseName, command: WireCommand, looks: bool) {
        let Some(agent) = self.agents.get_mut(name) else { return };
        agent.works += 1;
        let number = agent.works;
        agent.work = Some(Work::new(number, command, looks));
        self.work_goes_on(name, number);
    }

    fn work_goes_on(&mut self, name: &DatabaseName, number: u64) {
        let delay = if self.dice.one_in(10) {
            self.dice.between(SECOND, 10 * MINUTE)
        } else {
            self.dice.between(50, 20 * SECOND)
        };
        self.after(delay, Happening::Work { database: name.clone(), number });
    }

    /// Goes on with what an earlier process began.
    fn take_up(&mut self, name: &DatabaseName) {
        let Some(agent) = self.agents.get_mut(name).filter(|agent| agent.up && agent.work.is_none()) else {
            return;
        };
        if let Some(command) = agent.interrupted.pop_front() {
            self.begin_work(name, command, true);
        }
    }

    fn work(&mut self, name: &DatabaseName, number: u64) {
        let (now, bug) = (self.elapsed(), self.bug);
        let Some(agent) = self.agents.get_mut(name) else { return };
        if agent.work.as_ref().is_none_or(|work| work.number != number) {
            return;
        }
        let commits = agent.database.commits.len();
        let moment = agent.moment(now, &mut self.dice, bug);
        if agent.database.commits.len() > commits
            && let Some(trouble) = agent.trouble()
        {
            self.book().trouble.get_or_insert(trouble);
        }
        match moment {
            Some(Moment::More) => self.work_goes_on(name, number),
            Some(Moment::Over(outcome)) => {
                let Some(work) = self.agents.get_mut(name).and_then(|agent| agent.work.take()) else {
                    return;
                };
                self.conclude(name, &work.command.id, work.command.attempt, *outcome);
                self.take_up(name);
            }
            None => {}
        }
    }

    fn agent_starts(&mut self, name: &DatabaseName) {
        let Some(agent) = self.agents.get_mut(name).filter(|agent| !agent.up) else { return };
        agent.up = true;
        let process = agent.process;
        self.take_up(name);
        self.after(SECOND, Happening::Connect { database: name.clone(), process });
    }

    fn controller_starts(&mut self) {
        if self.controller.is_some() {
            return;
        }
        let replayed = self.book().replayed();
        let mut book = self.book();
        if replayed != *book.state {
            book.trouble.get_or_insert("what is read from the ledger is not what was known".to_owned());
        }
        book.state = Arc::new(replayed);
        drop(book);
        self.controller = Some(Controller::start(Arc::clone(&self.book), Arc::clone(&self.now)));
    }

    fn ended(&self) -> Ended {
        let book = self.book();
        let mut rollouts = BTreeMap::new();
        for rollout in book.state.rollouts.values() {
            *rollouts.entry(crate::people::how_it_ended(&rollout.state)).or_default() += 1;
        }
        let texts: Vec<_> =
            book.ledger.iter().map(|recorded| format!("{} {:?}", recorded.at.0, recorded.event)).collect();
        Ended {
            trouble: book.trouble.clone(),
            ledger: Some(Digest::of_parts("ledger", texts.iter().map(String::as_bytes))),
            databases: self.agents.len() as u64,
            events: book.ledger.len() as u64,
            commits: self.agents.values().map(|agent| agent.database.commits.len() as u64).sum(),
            rollouts,
            crashes: self.crashes,
        }
    }
}

impl Agent {
    /// What the last commit breaks: a command takes effect once, and a migration is not applied twice.
    fn trouble(&self) -> Option<String> {
        let (last, before) = self.database.commits.split_last()?;
        let name = &self.name;
        if before.contains(last) {
            return Some(format!("{name}: {} took effect twice, on {}", last.command, last.version));
        }
        let other = before.iter().rev().find(|commit| commit.version == last.version);
        let was = other.map_or(Direction::Down, |commit| commit.direction);
        (was == last.direction).then(|| format!("{name}: {} was applied or taken back twice", last.version))
    }
}
