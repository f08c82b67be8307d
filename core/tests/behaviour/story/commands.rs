//! The commands of a story.

use std::collections::{BTreeMap, BTreeSet};

use pgbelay_core::backup::Looks;
use pgbelay_core::decide::{Wanted, planned_id, undo_wanted};
use pgbelay_core::digest::Digest;
use pgbelay_core::event::Actor;
use pgbelay_core::history::{Column, Table};
use pgbelay_core::name::{DatabaseName, EnvironmentName};
use pgbelay_core::origin::Layout;
use pgbelay_core::plan::{AllSizes, Goal, PlanId};
use pgbelay_core::policy::Policy;
use pgbelay_core::release::Release;
use pgbelay_core::request::{Circumstances, Request};
use pgbelay_core::rollout::Confirmation;
use pgbelay_core::time::{Span, Timestamp};
use serde_json::{Map, Value, json};

use super::teller::Teller;
use crate::releases::{migration, table, table_sql, version};
use crate::world::{database, operator};

mod agents;
mod jobs;
mod judging;
mod show;
mod witness;

/// A command with its words, and in whose name it is asked.
struct Said<'a> {
    by: Option<&'a str>,
    words: Vec<&'a str>,
    line: &'a str,
}

impl<'a> Said<'a> {
    fn new(line: &'a str) -> Self {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.split_first().and_then(|(first, rest)| Some((first.strip_suffix(':')?, rest))) {
            Some((by, rest)) => Self { by: Some(by), words: rest.to_vec(), line },
            None => Self { by: None, words, line },
        }
    }

    /// Who asks: the one who is named, or who usually does.
    fn actor(&self, usual: &str) -> Actor {
        operator(self.by.unwrap_or(usual))
    }

    /// The value of `key=value`.
    fn option(&self, key: &str) -> Option<&'a str> {
        self.words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    fn has(&self, word: &str) -> bool {
        self.words.contains(&word)
    }
}

/// Carries a command out; what happens is said to the teller.
#[expect(clippy::too_many_lines, reason = "one arm for each command")]
pub(super) fn carry_out(teller: &mut Teller, line: &str) {
    let said = Said::new(line);
    match said.words.as_slice() {
        ["policy", rest @ ..] => {
            let policy = policy(rest);
            teller.ask(&said.actor("root"), &Request::ApplyPolicy(policy));
        }
        ["operator", name, role, environments @ ..] => add_operator(teller, &said, name, role, environments),
        ["revoke-operator", name] => {
            let operator = name.parse().unwrap();
            teller.ask(&said.actor("root"), &Request::RevokeOperator { operator, reason: "gone".to_owned() });
        }
        ["enrol", name, environment, labels @ ..] => {
            let labels = labels.iter().filter_map(|label| label.split_once('='));
            let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            let result = teller.world.enrol(&database(name), &environment.parse().unwrap(), labels);
            teller.answered(&result);
        }
        ["token", id, name, environment, ..] => token(teller, &said, id, name, environment),
        ["use", token, "as", name, ..] => use_token(teller, &said, token, name),
        ["revoke", name] => {
            let database = database(name);
            teller.ask(&said.actor("root"), &Request::RevokeAgent { database, reason: "lost".to_owned() });
        }
        ["remove", name] => {
            let (database, reason) = (database(name), "retired".to_owned());
            teller.ask(&said.actor("root"), &Request::RemoveDatabase { database, reason });
        }
        ["sql", number, name, ..] => write(teller, line, number, name),
        ["push", versions @ ..] => push(teller, &said, versions),
        ["plan", environment, ..] | ["promote", _, environment] => {
            let at = said.option("release").map_or(teller.releases.len(), |n| n.parse().unwrap());
            let goal = Goal::Release { release: teller.releases[at - 1] };
            plan(teller, &said, environment, goal);
        }
        ["rollback", environment, "to", target] => {
            let target = (*target != "nothing").then(|| version(target));
            plan(teller, &said, environment, Goal::Back { target });
        }
        ["history", name, rows @ ..] => history(teller, name, rows),
        ["adopt", environment, ..] => {
            let release = *teller.releases.last().unwrap();
            let tool = said.option("from").map(|tool| tool.parse().unwrap());
            plan(teller, &said, environment, Goal::Adopt { release, tool });
        }
        ["baseline", environment, at, ..] => {
            let release = *teller.releases.last().unwrap();
            plan(teller, &said, environment, Goal::Baseline { release, version: version(at) });
        }
        ["approve", rest @ ..] => {
            let plan = the_plan(teller, rest);
            teller.ask(&said.actor("alice"), &Request::Approve { plan });
        }
        ["start", rest @ ..] => start(teller, &said, rest),
        ["undo"] => undo(teller),
        ["undo", "given-up", why @ ..] => {
            let (rollout, why) = (teller.rollout.clone().unwrap(), why.join(" "));
            teller.ask(&Actor::Controller, &Request::GiveUpUndo { rollout, why });
        }
        ["skip", name, reason @ ..] => {
            let (rollout, database) = (teller.rollout.clone().unwrap(), database(name));
            let reason = reason.join(" ");
            teller.ask(&said.actor("olga"), &Request::SkipTarget { rollout, database, reason });
        }
        ["advance", ..] => {
            let rollout = teller.rollout.clone().unwrap();
            teller.ask(&said.actor("alice"), &Request::PassWave { rollout });
        }
        ["pause" | "resume" | "abort" | "retry", ..] => steer(teller, &said),
        ["restore", rest @ ..] => jobs::restore(teller, &said, rest),
        ["drills"] => jobs::drills(teller, &[]),
        ["drills", "without", away @ ..] => jobs::drills(teller, away),
        ["job", id, word] => jobs::job(teller, &said, id, word),
        ["prune", name] => prune(teller, &said, database(name)),
        ["backups", name] => show::backups(teller, &database(name)),
        ["cancel", name] => {
            let (rollout, database) = (teller.rollout.clone().unwrap(), database(name));
            teller.ask(&said.actor("olga"), &Request::CancelTarget { rollout, database });
        }
        ["resolve", name, rest @ ..] => resolve(teller, &said, database(name), rest),
        ["freeze", rest @ ..] => {
            let (environment, reason) = match rest {
                ["everything", reason @ ..] => (None, reason.join(" ")),
                [environment, reason @ ..] => (Some(environment.parse().unwrap()), reason.join(" ")),
                [] => panic!("freeze ENVIRONMENT|everything REASON"),
            };
            teller.ask(&said.actor("root"), &Request::Freeze { environment, reason });
        }
        ["unfreeze", place] => {
            let environment = (*place != "everything").then(|| place.parse().unwrap());
            teller.ask(&said.actor("root"), &Request::Unfreeze { environment });
        }
        ["override", reason @ ..] => {
            let (rollout, reason) = (teller.rollout.clone().unwrap(), reason.join(" "));
            teller.ask(&said.actor("root"), &Request::OverrideWindow { rollout, reason });
        }
        ["until", moment] => {
            let moment: jiff::Timestamp = moment.parse().unwrap();
            teller.world.now = Timestamp(moment.as_millisecond());
        }
        ["wait", span] => {
            let span: Span = span.parse().unwrap();
            teller.world.now = teller.world.now + span;
        }
        ["show", ..] => show::show(teller),
        _ => agents::carry_out(teller, &said),
    }
}

fn prune(teller: &mut Teller, said: &Said<'_>, database: DatabaseName) {
    let known = teller.world.state.backups_of(&database);
    let backups = known.map(|known| known.id().to_owned()).collect();
    teller.ask(&said.actor("olga"), &Request::Condemn { database, backups });
}

/// `resolve NAME VERSION done|not-done REASON`.
fn resolve(teller: &mut Teller, said: &Said<'_>, database: DatabaseName, rest: &[&str]) {
    let [number, word, reason] = rest else { panic!("resolve NAME VERSION done|not-done REASON") };
    let (done, reason) = (*word == "done", (*reason).to_owned());
    teller.ask(&said.actor("olga"), &Request::Resolve { database, version: version(number), done, reason });
}

/// `history NAME golang-migrate VERSION [dirty]`, `history NAME dbmate VERSION…`, `history NAME nothing`.
fn history(teller: &mut Teller, name: &str, rows: &[&str]) {
    let (found, cells): (&[(&str, &str)], Vec<Vec<&str>>) = match rows {
        ["golang-migrate", version] => {
            (&[("version", "int8"), ("dirty", "bool")], vec![vec![version, "false"]])
        }
        ["golang-migrate", version, "dirty"] => {
            (&[("version", "int8"), ("dirty", "bool")], vec![vec![version, "true"]])
        }
        ["dbmate", versions @ ..] => (&[("version", "varchar")], versions.iter().map(|v| vec![*v]).collect()),
        ["nothing"] => {
            teller.histories.insert(database(name), Ok(Vec::new()));
            return;
        }
        other => panic!("no such history: {other:?}"),
    };
    let column = |(name, kind): &(&str, &str)| Column { name: (*name).to_owned(), kind: (*kind).to_owned() };
    let cell = |text: &&str| Some((*text).to_owned());
    let table = Table {
        schema: "public".to_owned(),
        name: "schema_migrations".to_owned(),
        columns: found.iter().map(column).collect(),
        rows: cells.iter().map(|row| row.iter().map(cell).collect()).collect(),
    };
    teller.histories.insert(database(name), Ok(vec![table]));
}

fn policy(words: &[&str]) -> Policy {
    let mut environments: Vec<(String, Map<String, Value>)> = Vec::new();
    let (mut risk, mut hazards, mut refine, mut freeze) = (Map::new(), Map::new(), false, None);
    for word in words {
        let Some((key, value)) = word.split_once('=') else {
            environments.push(((*word).to_owned(), Map::from_iter([("name".to_owned(), json!(word))])));
            continue;
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
        match key.split_once('.').unwrap_or((key, "")) {
            ("refine", "") => refine = value == json!(true),
            ("freeze", "") => freeze = Some(value),
            ("hazards", id) => drop(hazards.insert(id.to_owned(), value)),
            ("risk", kind) => drop(risk.insert(kind.to_owned(), value)),
            (name, key) => {
                let (_, environment) = environments.iter_mut().find(|(known, _)| known == name).unwrap();
                environment.insert(key.to_owned(), value);
            }
        }
    }
    let environments: Vec<_> = environments.into_iter().map(|(_, environment)| environment).collect();
    serde_json::from_value(
        json!({ "environments": environments, "risk": risk, "hazards": hazards, "refine": refine, "freeze": freeze }),
    )
    .unwrap()
}

fn add_operator(teller: &mut Teller, said: &Said<'_>, name: &str, role: &str, environments: &[&str]) {
    let places: BTreeSet<EnvironmentName> = environments.iter().map(|e| e.parse().unwrap()).collect();
    let request = Request::AddOperator {
        name: name.parse().unwrap(),
        role: serde_json::from_value(json!(role)).unwrap(),
        environments: (!places.is_empty()).then_some(places),
        certificate: teller.world.certificate(name),
    };
    teller.ask(&said.actor("root"), &request);
}

fn token(teller: &mut Teller, said: &Said<'_>, id: &str, name: &str, environment: &str) {
    let request = Request::CreateToken {
        id: id.parse().unwrap(),
        secret: Digest::of("secret"),
        database: database(name),
        environment: environment.parse().unwrap(),
        labels: BTreeMap::new(),
        lifetime: Span::seconds(600),
    };
    teller.ask(&said.actor("root"), &request);
}

fn use_token(teller: &mut Teller, said: &Said<'_>, token: &str, name: &str) {
    let request = Request::Enrol {
        token: token.parse().unwrap(),
        secret: Digest::of(said.option("secret").unwrap_or("secret")),
        database: database(name),
        system_identifier: said.option("system").map_or_else(|| format!("system-of-{name}"), str::to_owned),
        certificate: teller.world.certificate(&format!("{name}-with-{token}")),
    };
    teller.ask(&Actor::Controller, &request);
}

/// `sql 002 posts | CREATE TABLE posts (id int) | DROP TABLE posts`
fn write(teller: &mut Teller, line: &str, number: &str, name: &str) {
    let parts: Vec<_> = line.split('|').skip(1).map(str::trim).collect();
    teller.texts.extend(parts.iter().map(|text| (Digest::of(text), (*text).to_owned())));
    let written = migration(number, name, parts[0], parts.get(1).copied());
    teller.written.insert(number.to_owned(), written);
}

fn push(teller: &mut Teller, said: &Said<'_>, versions: &[&str]) {
    for text in versions.iter().flat_map(|number| table_sql(number)) {
        teller.texts.insert(Digest::of(&text), text);
    }
    let one = |number: &&str| teller.written.get(*number).cloned().unwrap_or_else(|| table(number));
    let release = Release::new(Layout::Plain, versions.iter().map(one).collect()).unwrap();
    teller.ask(&said.actor("olga"), &Request::RecordRelease(release));
}

fn plan(teller: &mut Teller, said: &Said<'_>, environment: &str, goal: Goal) {
    let unseen = said.option("unseen");
    let fresh = teller.world.agents.keys().filter(|name| Some(name.as_str()) != unseen).cloned().collect();
    let (environment, actor) = (environment.parse().unwrap(), said.actor("olga"));
    let here = Circumstances { actor: actor.clone(), now: teller.world.now };
    let judged = judging::judged(teller, (&environment, &goal, &fresh), said.option("unread"), &here);
    let wanted = Wanted {
        environment: &environment,
        goal: &goal,
        fresh: &fresh,
        judged: &judged,
        sizes: &AllSizes::new(),
        histories: &teller.histories,
    };
    let made_before = planned_id(&teller.world.state, &wanted, &here)
        .ok()
        .filter(|id| teller.world.state.plans.contains_key(id));
    let (sizes, histories) = (AllSizes::new(), teller.histories.clone());
    teller.ask(&actor, &Request::CreatePlan { environment, goal, fresh, judged, sizes, histories });
    if let Some(id) = made_before {
        teller.say(format!("it is {id}"));
        teller.plan = Some(id);
    }
}

/// The controller takes back what has come to a halt, if policy wants that.
fn undo(teller: &mut Teller) {
    let state = &teller.world.state;
    let wanted = state
        .open_rollouts()
        .find_map(|rollout| Some((rollout.environment.clone(), undo_wanted(state, rollout)?)));
    let Some((environment, goal)) = wanted else { return teller.say("nothing is taken back".to_owned()) };
    let fresh: BTreeSet<_> = teller.world.agents.keys().cloned().collect();
    let here = Circumstances { actor: Actor::Controller, now: teller.world.now };
    let judged = judging::judged(teller, (&environment, &goal, &fresh), None, &here);
    let (sizes, histories) = (AllSizes::new(), teller.histories.clone());
    teller
        .ask(&Actor::Controller, &Request::CreatePlan { environment, goal, fresh, judged, sizes, histories });
    let plan = teller.plan.clone().unwrap();
    let looks = teller.world.looks(&plan);
    let (confirmation, acknowledged) = (Confirmation::None, BTreeSet::new());
    let start = Request::StartRollout { plan, confirmation, acknowledged, sizes: AllSizes::new(), looks };
    teller.ask(&Actor::Controller, &start);
}

/// The plan that is named, or the last one.
fn the_plan(teller: &Teller, words: &[&str]) -> PlanId {
    let number = words.iter().find_map(|word| word.strip_prefix("plan-"));
    match number {
        Some(number) => teller.plans[number.parse::<usize>().unwrap() - 1].clone(),
        None => teller.plan.clone().unwrap(),
    }
}

fn start(teller: &mut Teller, said: &Said<'_>, words: &[&str]) {
    let confirmation = match () {
        () if said.has("typed") => Confirmation::Typed,
        () if said.has("forced") => Confirmation::Forced,
        () => Confirmation::None,
    };
    let plan = the_plan(teller, words);
    let looks = if said.has("unlooked") { Looks::new() } else { teller.world.looks(&plan) };
    let words = said.words.iter().filter_map(|word| word.strip_prefix("acknowledge="));
    let acknowledged = words.map(|word| word.parse().unwrap()).collect();
    teller.ask(
        &said.actor("olga"),
        &Request::StartRollout { plan, confirmation, acknowledged, sizes: AllSizes::new(), looks },
    );
}

fn steer(teller: &mut Teller, said: &Said<'_>) {
    let named = said.words.get(1).map(|id| id.parse().unwrap());
    let rollout = named.or_else(|| teller.rollout.clone()).unwrap();
    let request = match said.words[0] {
        "pause" => Request::PauseRollout { rollout },
        "resume" => Request::ResumeRollout { rollout },
        "retry" => Request::RetryRollout { rollout },
        _ => Request::AbortRollout { rollout },
    };
    teller.ask(&said.actor("olga"), &request);
}
