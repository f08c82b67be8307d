//! An example: a schema, and the migrations that run on it.

use std::fmt;

use pgbelay_analysis::{Catalog, NEWEST_SERVER, OLDEST_SERVER, Options, Server, Severity, analyze_next};

/// One example file.
#[derive(Debug)]
pub(crate) struct Example {
    oldest: u32,
    newest: u32,
    setup: String,
    runs: Vec<String>,
}

/// A finding in one of the migrations.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) id: String,
    pub(crate) severity: Severity,
    pub(crate) message: String,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.severity.as_str(), self.id, self.message)
    }
}

impl Example {
    /// Reads a file: `-- server:`, `-- setup:`, `-- run:` and the SQL below each.
    pub(crate) fn parse(text: &str) -> Self {
        let mut example =
            Self { oldest: OLDEST_SERVER, newest: NEWEST_SERVER, setup: String::new(), runs: Vec::new() };
        for line in text.lines() {
            if let Some(range) = line.strip_prefix("-- server:") {
                example.for_servers(range.trim());
            } else if line == "-- run:" {
                example.runs.push(String::new());
            } else if line != "-- setup:" && !line.starts_with("-- fails:") {
                let section = example.runs.last_mut().unwrap_or(&mut example.setup);
                section.push_str(line);
                section.push('\n');
            }
        }
        assert!(!example.runs.is_empty(), "an example without a section to run");
        example
    }

    /// `14+` or `12-17`.
    fn for_servers(&mut self, range: &str) {
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("not a range of servers: {range}"));
        match range.split_once('-') {
            Some((oldest, newest)) => (self.oldest, self.newest) = (number(oldest), number(newest)),
            None => self.oldest = number(range.trim_end_matches('+')),
        }
    }

    /// The servers that it is for.
    pub(crate) fn servers(&self) -> Vec<Server> {
        (self.oldest..=self.newest).map(Server::major).collect()
    }

    /// What is found in its migrations, one after the other.
    pub(crate) fn run(&self, server: Server) -> Vec<Found> {
        let mut catalog = Catalog::fresh();
        let options = Options { server, ..Options::default() };
        let setup = analyze_next(&self.setup, &mut catalog, options);
        assert!(setup.faults.is_empty(), "{:?}", setup.faults);
        let mut found = Vec::new();
        for run in &self.runs {
            found.extend(findings(run, &mut catalog, options));
        }
        found
    }
}

/// What is found in one migration.
pub(crate) fn findings(sql: &str, catalog: &mut Catalog, options: Options) -> Vec<Found> {
    let analysis = analyze_next(sql, catalog, options);
    assert!(analysis.faults.is_empty(), "{sql}: {:?}", analysis.faults);
    let hazards = analysis.statements.into_iter().flat_map(|statement| statement.hazards);
    let mut found: Vec<Found> = hazards
        .map(|hazard| Found { id: hazard.id, severity: hazard.severity, message: hazard.message })
        .collect();
    // The one hazard that is found at a comment, not at a statement.
    found.extend(analysis.allows.into_iter().filter(|allow| allow.problem.is_some()).map(|allow| Found {
        id: "unused-allow".to_owned(),
        severity: Severity::Info,
        message: format!("{:?}", allow.problem),
    }));
    found
}
