//! What came of trying a plan on the live databases.

use pgbelay_proto::wire::{TrialView, TryPlanResponse};

use super::Layout;
use super::rollout::failure;
use super::table::{Column, Word, number, table, toned, word};
use super::text::{Tone, paint, took_ms};

const COLUMNS: [Column; 4] = [word("DATABASE"), word("RESULT"), number("STEPS"), number("TOOK")];

/// One line for each database, and what failed.
pub(crate) fn trial(response: &TryPlanResponse, layout: Layout) -> String {
    let rows: Vec<_> = response.databases.iter().map(row).collect();
    let heading =
        if response.succeeded { (Tone::Good, "Dry run succeeded") } else { (Tone::Bad, "Dry run failed") };
    let mut text = format!("\n{}; every transaction was rolled back\n\n", paint(heading.0, heading.1));
    text.push_str(&table(&COLUMNS, &rows, layout));
    for database in &response.databases {
        if let Some(error) = &database.error {
            text.push_str(&format!("\n{}", failure(&database.database, error, layout)));
        }
    }
    text
}

fn row(trial: &TrialView) -> Vec<Word> {
    let done = trial.steps.iter().filter(|step| step.state == "done").count();
    let took: i64 = trial.steps.iter().map(|step| step.took_ms).sum();
    vec![
        trial.database.as_str().into(),
        if trial.succeeded { toned(Tone::Good, "works") } else { toned(Tone::Bad, "failed") },
        format!("{done}/{}", trial.steps.len()).into(),
        took_ms(took).into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{self, plain};
    use super::*;

    #[test]
    fn what_failed_is_told_below_the_table() {
        insta::assert_snapshot!(plain(&trial(&fixtures::trial(), Layout { width: Some(80) })), @r#"

        Dry run failed; every transaction was rolled back

        DATABASE  RESULT  STEPS  TOOK
        orders-1  works     1/1  12ms
        orders-2  failed    0/1   3ms

        orders-2: sql at 011, line 3: column "assigned_to" of relation "tasks" does
          not exist (SQLSTATE 42703)
          blocked by pid 4711 (psql, running for 5m): SELECT count(*) FROM tasks
          next: correct the migration and plan again
        "#);
    }
}
