//! What the analysis says of a statement, beside what the server really does: the corpus in `tests/truth`, every
//! example of a hazard, every sample migration.
//!
//! Each statement is judged twice: by the catalog that is read from the server, and by the one that is simulated from
//! the statements before it. Both must say the locks and the work that the server shows, and both catalogs must be the
//! same, fact by fact. `make test-versions` runs this on servers of every major version.

mod cases;
mod compare;
mod matrix;

use std::fmt::Write as _;

use anyhow::{Context as _, ensure};
use pgbelay_agent::database::catalog;
use pgbelay_analysis::{Analysis, Catalog, Options, Server, analyze, analyze_next, differences};
use pgbelay_tests::observe::corpus::Case;
use pgbelay_tests::observe::{self, Observed};
use pgbelay_tests::postgres::Cluster;
use tokio_postgres::Client;

use compare::Verdict;

/// A server with an empty database, and its major version.
struct Site {
    cluster: Cluster,
    client: Client,
    server: Server,
    /// The database without anything in it.
    empty: Catalog,
}

impl Site {
    async fn start() -> anyhow::Result<Self> {
        let cluster =
            Cluster::builder().setting("timezone", "UTC").setting("autovacuum", "off").start().await?;
        cluster.create_database("observed").await?;
        let client = cluster.connect("observed").await?;
        let number: i32 =
            client.query_one("SELECT current_setting('server_version_num')::int", &[]).await?.get(0);
        let server = Server::major(u32::try_from(number)? / 10_000);
        observe::reset(&client).await?;
        let empty = Catalog::fresh();
        let mut site = Self { cluster, client, server, empty };
        site.empty = site.catalog().await?;
        Ok(site)
    }

    fn options(&self) -> Options {
        Options { server: self.server, refine: true }
    }

    /// The catalog of the database, as an agent reads it, with the settings of this session.
    async fn catalog(&self) -> anyhow::Result<Catalog> {
        self.client.batch_execute("BEGIN").await?;
        let read = catalog::read_in_transaction(&self.client, None).await;
        self.client.batch_execute("ROLLBACK").await?;
        Ok(read?)
    }

    /// The catalog after the setup of a case, without looking at the server.
    fn simulated(&self, case: &Case) -> Catalog {
        let mut catalog = self.empty.clone();
        for statement in &case.setup {
            analyze_next(statement, &mut catalog, self.options());
        }
        catalog
    }
}

/// Everything that is known of one statement.
struct Judged {
    case: Case,
    observed: Observed,
    live: Analysis,
    simulated: Analysis,
    /// What the simulated catalog has wrong.
    drift: Vec<String>,
}

/// Facts that a server prints in its own way: the cast of a domain to what it is over.
const PRINTED: &[&str] = &["constraint public.discounts.discounts_value_range differs"];

async fn judge(site: &Site, case: Case) -> anyhow::Result<Judged> {
    observe::reset(&site.client).await?;
    observe::prepare(&site.client, &case).await?;
    let real = site.catalog().await?;
    let simulated = site.simulated(&case);
    let drift = differences(&simulated, &real);
    // Casts, collations, publications and whatever else has only a name are not simulated.
    let kept =
        |fact: &String| !fact.starts_with("object ") && !PRINTED.iter().any(|start| fact.starts_with(start));
    let drift = drift.iter().map(ToString::to_string).filter(kept).collect();
    let (live, _) = analyze(&case.run, &real, site.options());
    let (simulated, _) = analyze(&case.run, &simulated, site.options());
    let observed = observe::statement(&site.client, &case).await?;
    Ok(Judged { case, observed, live, simulated, drift })
}

/// Judges all cases; what disagrees is written down, one paragraph each.
async fn check(site: &Site, cases: Vec<Case>) -> anyhow::Result<(Vec<Judged>, String)> {
    let mut wrong = String::new();
    let mut all = Vec::new();
    for case in cases.into_iter().filter(|case| case.majors.contains(site.server.number())) {
        let place = format!("{}:{} {}", case.topic, case.line, case.name);
        let judged = judge(site, case).await.with_context(|| place.clone())?;
        let mut problems = Vec::new();
        for (by, analysis) in [("live", &judged.live), ("simulated", &judged.simulated)] {
            if let Verdict::Differs(why) = compare::compare(&judged.case, &judged.observed, analysis) {
                problems.extend(why.into_iter().map(|why| format!("by the {by} catalog: {why}")));
            }
        }
        problems.extend(judged.drift.iter().map(|fact| format!("the simulated catalog: {fact}")));
        if !problems.is_empty() {
            writeln!(wrong, "{place}\n    {}\n    {}", judged.case.run, problems.join("\n    "))?;
        }
        all.push(judged);
    }
    Ok((all, wrong))
}

#[tokio::test]
async fn versions_corpus_agrees_with_the_server() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (all, wrong) = check(&site, observe::corpus::read_all()?).await?;
    let tally = compare::tally(all.iter().map(|judged| (&judged.case, &judged.observed, &judged.live)));
    println!("{}: {tally}", site.server);
    ensure!(wrong.is_empty(), "{}: {tally}\n{wrong}", site.server);
    if site.server.number() == matrix::MAJOR {
        matrix::is_current(&all)?;
    }
    drop(site.cluster);
    Ok(())
}

#[tokio::test]
async fn versions_examples_agree_with_the_server() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (all, wrong) = check(&site, cases::examples(site.server)?).await?;
    ensure!(all.len() > 250, "only {} statements in the examples", all.len());
    ensure!(wrong.is_empty(), "{}:\n{wrong}", site.server);
    Ok(())
}

#[tokio::test]
async fn versions_samples_agree_with_the_server() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (all, wrong) = check(&site, cases::samples(site.server)?).await?;
    ensure!(all.len() > 40, "only {} statements in the sample migrations", all.len());
    ensure!(wrong.is_empty(), "{}:\n{wrong}", site.server);
    Ok(())
}
