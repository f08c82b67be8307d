//! Which days an expression names, and what is none.

use jiff::civil::date;

use super::*;

/// The days of some months of 2026 and 2027 on which an expression begins: `month-day`.
fn check(text: &str, expected: &str) {
    let cron: Cron = text.parse().unwrap();
    let year = date(2026, 11, 1).series(jiff::Span::new().days(1)).take(150);
    let found = year.filter(|day| cron.has(*day)).map(|day| format!("{}-{}", day.month(), day.day()));
    let found: Vec<_> = found.take(expected.split(' ').count()).collect();
    assert_eq!(found.join(" "), expected, "{text}");
}

#[test]
fn days_are_named_as_cron_names_them() {
    check("0 0 * * *", "11-1 11-2 11-3");
    check("0 0 1-3 * *", "11-1 11-2 11-3 12-1 12-2 12-3 1-1");
    check("0 0 */10 * *", "11-1 11-11 11-21 12-1");
    check("0 0 5-31/10 * *", "11-5 11-15 11-25 12-5");
    check("0 0 * * 0", "11-1 11-8 11-15");
    check("0 0 * * 7", "11-1 11-8 11-15");
    check("0 0 * * fri-sun", "11-1 11-6 11-7 11-8 11-13");
    check("0 0 * * 5-7", "11-1 11-6 11-7 11-8 11-13");
    check("0 0 20,21 Nov-dec *", "11-20 11-21 12-20 12-21");
    check("0 0 1 jan *", "1-1");
}

#[test]
fn either_day_counts_where_both_are_named() {
    // 2026-11-08 is the second Sunday: so are all days from the 8th on, and every other Sunday.
    check("0 2 8-14 * 0", "11-1 11-8 11-9 11-10 11-11 11-12 11-13 11-14 11-15 11-22");
    check("0 2 13 * FRI", "11-6 11-13 11-20 11-27 12-4 12-11 12-13");
    // What begins with an asterisk narrows the other one down.
    check("0 2 */2 * 0", "11-1 11-15 11-29 12-13 12-27");
    check("0 2 13 * */6", "12-13 2-13");
}

#[test]
fn the_nth_and_the_last_of_a_month() {
    check("0 2 * * SUN#2", "11-8 12-13 1-10");
    check("0 2 * * 1#5", "11-30 3-29");
    check("0 2 * * 0#1,7#3", "11-1 11-15 12-6 12-20");
    // December among them, and February.
    check("0 2 L * *", "11-30 12-31 1-31 2-28");
    check("0 2 * * FRIL", "11-27 12-25 1-29 2-26");
    check("0 2 1,L * *", "11-1 11-30 12-1 12-31");
}

#[test]
fn times_are_every_minute_of_every_hour() {
    let times = |text: &str| {
        let cron: Cron = text.parse().unwrap();
        cron.times().iter().map(|time| format!("{}:{:02}", time.hour(), time.minute())).collect::<Vec<_>>()
    };
    assert_eq!(times("*/20 9,17 * * *"), ["9:00", "9:20", "9:40", "17:00", "17:20", "17:40"]);
    assert_eq!(times("5 22-23 * * *"), ["22:05", "23:05"]);
    assert_eq!(times("0,30 * * * *").len(), 48);
}

#[test]
fn what_is_no_expression_is_said() {
    let wrong = [
        ("", "\"\" has 0 fields, and a schedule has five: minute, hour, day of the month, month"),
        ("0 22 * *", "\"0 22 * *\" has 4 fields"),
        ("0 22 * * 1-5 Europe/Berlin", "has 6 fields"),
        ("@daily", "has 1 fields"),
        ("60 0 * * *", "\"60\" is no minute in \"60 0 * * *\": it takes 0 to 59; also *, ranges"),
        ("0 24 * * *", "\"24\" is no hour in"),
        (
            "0 0 0 * *",
            "\"0\" is no day of the month in \"0 0 0 * *\": it takes 1 to 31, and L for the last one",
        ),
        ("0 0 32 * *", "\"32\" is no day of the month"),
        ("0 0 * 13 *", "\"13\" is no month in \"0 0 * 13 *\": it takes 1 to 12, or JAN to DEC"),
        ("0 0 * janfeb *", "\"JANFEB\" is no month"),
        ("0 0 * * 8", "\"8\" is no day of the week in \"0 0 * * 8\": it takes 0 to 7 (0 and 7 are Sunday)"),
        ("0 0 * * mon-fry", "\"MON-FRY\" is no day of the week"),
        ("0 0 * * fri-mon", "\"FRI-MON\" is no day of the week"),
        ("0 0 * * SUN#6", "\"SUN#6\" is no day of the week"),
        ("0 0 * * SUN#0", "\"SUN#0\" is no day of the week"),
        ("0 0 * * #1", "\"#1\" is no day of the week"),
        ("0 0 * * L", "\"L\" is no day of the week"),
        ("0 0 * * 1-5L", "\"1-5L\" is no day of the week"),
        ("0 0 5L * *", "\"5L\" is no day of the month"),
        ("5-1 0 * * *", "\"5-1\" is no minute"),
        ("5/10 0 * * *", "\"5/10\" is no minute"),
        ("*/0 0 * * *", "\"*/0\" is no minute"),
        ("*/60 0 * * *", "\"*/60\" is no minute"),
        ("*/ 0 * * *", "\"*/\" is no minute"),
        ("1,,2 0 * * *", "\"\" is no minute"),
        ("+1 0 * * *", "\"+1\" is no minute"),
        ("001 0 * * *", "\"001\" is no minute"),
        ("ü 0 * * *", "\"ü\" is no minute"),
        ("0 0 30 2 *", "\"0 0 30 2 *\" never comes: no year has such a day"),
        ("0 0 31 4,6,9,11 *", "never comes"),
        ("0 0 */31 * SUN#2", "never comes"),
        (
            "* 22 * * *",
            "\"* 22 * * *\" begins more than 48 times a day: let it begin less often and last longer",
        ),
    ];
    for (text, expected) in wrong {
        let error = text.parse::<Cron>().unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    for rare in ["0 0 29 2 *", "0 0 */28 2 MON#5", "0 0 * 2 SUN#5", "0 0 31 4 FRI#5"] {
        assert!(rare.parse::<Cron>().is_ok(), "{rare}");
    }
}

#[test]
fn the_least_time_until_it_begins_again() {
    let cases = [
        ("0 22 * * *", "1d", None),
        ("0 22 * * *", "25h", Some("1d")),
        ("0 8,20 * * *", "12h", None),
        ("0 8,21 * * *", "12h", Some("11h")),
        ("0,30 22 * * *", "31m", Some("30m")),
        ("0 0 1 * *", "28d", None),
        // February.
        ("0 0 1 * *", "29d", Some("28d")),
        ("0 0 20 11 *", "31d", None),
        ("0 0 * * 0", "7d", None),
        // The 14th may be a Saturday.
        ("0 2 8-14 * 0", "25h", Some("1d")),
        ("0 0 1,L * *", "25h", Some("1d")),
        ("0 0 29 2 *", "31d", None),
    ];
    for (text, duration, expected) in cases {
        let least = text.parse::<Cron>().unwrap().begins_within(duration.parse().unwrap());
        assert_eq!(least.map(|span| span.to_string()).as_deref(), expected, "{text} {duration}");
    }
}
