//! Feeds the analysis with statements that are nearly right: those of the truth corpus, with words taken away, doubled,
//! exchanged and cut, in chains on one catalog. Ends when the time is up, or at the first panic, whose seed it prints
//! before: `cargo run --release -p pgbelay-analysis --example fuzz -- SECONDS [SEED]`.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_types,
    reason = "a program for a person, not a part of the analysis"
)]
#![expect(clippy::disallowed_methods, reason = "its input is files, and its end a time")]

use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs, io};

use pgbelay_analysis::{Catalog, Options, Server, analyze_next};

/// Statements of one chain: enough to make tables and break them again.
const CHAIN: u64 = 24;

/// The words that are put into statements: those that open what the grammar can nest.
const WORDS: &[&str] = &[
    "(",
    ")",
    "ALTER",
    "TABLE",
    "CASCADE",
    "NOT NULL",
    "CHECK",
    "REFERENCES t",
    ",",
    ";",
    "$$",
    "'",
    "t",
    "ONLY",
    "IF EXISTS",
    "PARTITION OF t",
    "DEFAULT",
];

/// A small generator (xorshift), so that a seed gives the same run everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % (limit.max(1) as u64)).unwrap_or_default()
    }
}

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(60);
    let first: u64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1);
    let statements = corpus()?;
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut seed, mut done) = (first, 0_u64);
    while Instant::now() < end {
        std::panic::set_hook(Box::new(move |panic| println!("seed {seed}: {panic}")));
        run(seed, &statements);
        done += CHAIN;
        seed += 1;
    }
    println!("{done} statements, seeds {first} to {}: no panic", seed - 1);
    Ok(())
}

/// One chain of statements.
fn run(seed: u64, statements: &[String]) {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut catalog = if dice.next().is_multiple_of(2) { Catalog::fresh() } else { Catalog::nothing() };
    for _ in 0..CHAIN {
        let Some(statement) = statements.get(dice.below(statements.len())) else { return };
        let statement =
            if dice.next().is_multiple_of(3) { mutated(statement, &mut dice) } else { statement.clone() };
        let major = 12 + u32::try_from(dice.below(7)).unwrap_or_default();
        let options = Options { server: Server::major(major), refine: dice.next().is_multiple_of(2) };
        analyze_next(&statement, &mut catalog, options);
    }
}

fn mutated(statement: &str, dice: &mut Dice) -> String {
    let mut words: Vec<&str> = statement.split_whitespace().collect();
    for _ in 0..=dice.below(3) {
        let at = dice.below(words.len());
        let word = WORDS.get(dice.below(WORDS.len())).copied().unwrap_or_default();
        match dice.below(4) {
            0 if !words.is_empty() => drop(words.remove(at)),
            1 => words.insert(at, word),
            2 if !words.is_empty() => words.truncate(at),
            _ => {
                let other = words.get(dice.below(words.len())).copied().unwrap_or(word);
                words.insert(at, other);
            }
        }
    }
    words.join(" ")
}

/// Every statement of the truth corpus, setups too.
fn corpus() -> io::Result<Vec<String>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/truth");
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let text = fs::read_to_string(entry?.path())?;
        let sql: Vec<&str> = text.lines().filter(|line| !line.starts_with("--")).collect();
        found.extend(
            sql.join("\n").split(";\n").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()),
        );
    }
    found.sort();
    Ok(found)
}
