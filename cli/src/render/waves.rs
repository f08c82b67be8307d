//! In which groups the databases are reached.

use pgbelay_proto::wire::WaveView;

use super::Layout;
use super::progress::few;
use super::table::{Column, Word, number, prose, table, toned, word};
use super::text::{Tone, moment};

const PLANNED: [Column; 4] = [number("WAVE"), prose("SELECTS"), prose("DATABASES"), prose("THEN").rank(1)];
const STARTED: [Column; 4] = [number("WAVE"), word("STATE"), prose("DATABASES"), prose("THEN").rank(1)];

/// The waves of a plan; nothing, where there is only one.
pub(super) fn of_plan(waves: &[WaveView], layout: Layout) -> String {
    let row = |(at, wave): (usize, &WaveView)| {
        vec![
            (at + 1).to_string().into(),
            wave.selects.as_str().into(),
            few(&wave.databases).into(),
            wave.then.as_str().into(),
        ]
    };
    tabled(&PLANNED, waves.iter().enumerate().map(row).collect(), layout)
        .map_or_else(String::new, |text| format!("\n{text}"))
}

/// The waves of a rollout and where they stand; nothing, where there is only one.
pub(super) fn of_rollout(waves: &[WaveView], layout: Layout) -> String {
    let row = |(at, wave): (usize, &WaveView)| {
        let then =
            if wave.until.is_empty() { wave.then.clone() } else { format!("until {}", moment(&wave.until)) };
        vec![
            (at + 1).to_string().into(),
            toned(tone(&wave.state), wave.state.as_str()),
            few(&wave.databases).into(),
            then.into(),
        ]
    };
    tabled(&STARTED, waves.iter().enumerate().map(row).collect(), layout)
        .map_or_else(String::new, |text| format!("{text}\n"))
}

fn tabled(columns: &[Column; 4], rows: Vec<Vec<Word>>, layout: Layout) -> Option<String> {
    (!rows.is_empty()).then(|| table(columns, &rows, layout))
}

fn tone(state: &str) -> Tone {
    match state {
        "passed" => Tone::Good,
        "baking" => Tone::Warn,
        "waiting" => Tone::Faint,
        _ => Tone::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::plain;
    use super::*;

    fn wave(number: u32, selects: &str, databases: &[&str], state: &str) -> WaveView {
        WaveView {
            number,
            selects: selects.into(),
            databases: databases.iter().map(|name| (*name).to_owned()).collect(),
            state: state.into(),
            until: String::new(),
            then: if number == 1 { "bakes 30m".into() } else { String::new() },
        }
    }

    #[test]
    fn a_plan_without_waves_says_nothing_of_them() {
        assert_eq!(of_plan(&[], Layout { width: Some(80) }), "");
        assert_eq!(of_rollout(&[], Layout { width: Some(80) }), "");
    }

    #[test]
    fn many_names_are_counted() {
        let all: Vec<_> = (1..=11).map(|n| format!("db{n}")).collect();
        let all: Vec<_> = all.iter().map(String::as_str).collect();
        let waves = [wave(1, "1 of role=canary", &["c"], "baking"), wave(0, "the rest", &all, "waiting")];
        let layout = Layout { width: Some(120) };
        insta::assert_snapshot!(plain(&of_plan(&waves, layout)), @r"

        WAVE  SELECTS           DATABASES                                          THEN
           1  1 of role=canary  c                                                  bakes 30m
           2  the rest          db1, db2, db3, db4, db5, db6, db7, db8 and 3 more
        ");
        insta::assert_snapshot!(plain(&of_rollout(&waves, layout)), @r"
        WAVE  STATE    DATABASES                                          THEN
           1  baking   c                                                  bakes 30m
           2  waiting  db1, db2, db3, db4, db5, db6, db7, db8 and 3 more
        ");
    }
}
