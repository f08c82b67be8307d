//! Prints what the statements of the corpus do on the server at hand: `observe OUT.tsv [WORD]`, where only the cases
//! with WORD in their topic or name are run. Fails when a case does not end as it says.

use std::fs::File;
use std::io::{BufWriter, Write};

use anyhow::{Context as _, ensure};
use pgbelay_tests::observe::corpus::{self, Case};
use pgbelay_tests::observe::{self, Mode, Observed, Outcome};
use pgbelay_tests::postgres::Cluster;
use tokio_postgres::Client;

const HEADER: &str = "file\tcase\toutcome\tlocks\twork\tindex_locks\ttruncated\tquery_scans\tstatement";

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().context("usage: observe OUT.tsv [WORD]")?;
    let word = arguments.next().unwrap_or_default();
    let mut out = BufWriter::new(File::create(out)?);
    writeln!(out, "{HEADER}")?;
    let cluster = Cluster::builder().setting("timezone", "UTC").setting("autovacuum", "off").start().await?;
    cluster.create_database("observed").await?;
    let client = cluster.connect("observed").await?;
    let version: i32 =
        client.query_one("SELECT current_setting('server_version_num')::int", &[]).await?.get(0);
    let major = u32::try_from(version)? / 10_000;
    let mut wrong = Vec::new();
    for case in corpus::read_all()?.iter().filter(|case| case.majors.contains(major)) {
        if !case.topic.contains(&word) && !case.name.contains(&word) {
            continue;
        }
        let place = format!("{}.sql:{} {}", case.topic, case.line, case.name);
        match run(&client, case).await {
            Ok(observed) => writeln!(out, "{}", line(case, &observed))?,
            Err(error) => wrong.push(format!("{place}: {error:#}")),
        }
    }
    out.flush()?;
    ensure!(wrong.is_empty(), "on PostgreSQL {major}:\n{}", wrong.join("\n"));
    Ok(())
}

async fn run(client: &Client, case: &Case) -> anyhow::Result<Observed> {
    observe::reset(client).await?;
    let observed = observe::observe(client, case).await?;
    observe::expected(client, case, &observed).await?;
    Ok(observed)
}

fn line(case: &Case, observed: &Observed) -> String {
    let locks = |locks: &std::collections::BTreeMap<String, Mode>| {
        join(locks.iter().map(|(relation, mode)| format!("{relation}={mode}")))
    };
    let work = join(observed.work.iter().map(|(relation, work)| format!("{relation}={}", work.name())));
    let fields = [
        case.topic.clone(),
        case.name.clone(),
        outcome(&observed.outcome),
        locks(&observed.locks),
        work,
        locks(&observed.index_locks),
        join(observed.truncated.iter().cloned()),
        join(observed.query_scans.iter().cloned()),
        case.run.split_whitespace().collect::<Vec<_>>().join(" "),
    ];
    fields.join("\t")
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::RefusedInTransaction(message) => format!("refused in a transaction: {message}"),
        Outcome::Refused { sqlstate, message } => format!("refused {sqlstate}: {message}"),
    }
}

fn join(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",")
}
