//! Whether it is time, by hand: by looking at every minute that a window may have begun in, as somebody would with a
//! calendar. Only for what the histories draw: every day, once, and schedules, by clocks that are never set.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use pgbelay_core::policy::EnvironmentPolicy;
use pgbelay_core::time::{Span, Timestamp};
use serde_json::Value;

/// Whether a policy says that nothing may begin now.
pub(crate) fn shut(policy: &EnvironmentPolicy, now: Timestamp) -> Option<&'static str> {
    let any = |entries: Value| entries.as_array().into_iter().flatten().any(|entry| is_in(entry, now));
    if any(serde_json::to_value(&policy.blackouts).unwrap()) {
        return Some("in a blackout");
    }
    let outside = !policy.windows.is_empty() && !any(serde_json::to_value(&policy.windows).unwrap());
    outside.then_some("outside of every window")
}

fn is_in(entry: &Value, now: Timestamp) -> bool {
    let zone = match entry["zone"].as_str().unwrap() {
        "UTC" => Offset::UTC,
        "Asia/Kolkata" => Offset::from_seconds(5 * 3_600 + 1_800).unwrap(),
        other => panic!("no history draws {other}"),
    };
    let shown = jiff::Timestamp::from_millisecond(now.0).unwrap().to_zoned(TimeZone::fixed(zone)).datetime();
    if let Some(schedule) = entry["schedule"].as_str() {
        let lasts: Span = serde_json::from_value(entry["duration"].clone()).unwrap();
        let fields: Vec<_> = schedule.split(' ').collect();
        let begun = |minutes: i64| shown.checked_sub(jiff::Span::new().minutes(minutes)).unwrap();
        return (0..lasts.0 / 60_000).any(|minutes| begins(&fields, begun(minutes)));
    }
    let (from, to) = (entry["from"].as_str().unwrap(), entry["to"].as_str().unwrap());
    if from.contains('-') {
        let moment = |text: &str| text.replace(' ', "T").parse::<DateTime>().unwrap();
        return moment(from) <= shown && shown < moment(to);
    }
    let minute = i64::from(shown.hour()) * 60 + i64::from(shown.minute());
    let of_day = |text: &str| {
        let (hours, minutes) = text.split_once(':').unwrap();
        hours.parse::<i64>().unwrap() * 60 + minutes.parse::<i64>().unwrap()
    };
    let (from, to) = (of_day(from), of_day(to));
    if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
}

fn begins(fields: &[&str], shown: DateTime) -> bool {
    let [minute, hour, day, month, weekday] = fields else { panic!("{fields:?}") };
    let plain = |field: &str, value: i8| field.split(',').any(|part| names(part, value));
    let is_last = shown.day() == shown.days_in_month();
    let by_day = day.split(',').any(|part| names(part, shown.day()) || (part == "L" && is_last));
    let by_weekday = weekday.split(',').any(|part| of_week(part, shown));
    plain(minute, shown.minute())
        && plain(hour, shown.hour())
        && plain(month, shown.month())
        && if day.starts_with('*') || weekday.starts_with('*') {
            by_day && by_weekday
        } else {
            by_day || by_weekday
        }
}

/// A number, a range, or steps from 1 on.
fn names(part: &str, value: i8) -> bool {
    let number = |text: &str| text.parse::<i8>().ok();
    match (part.strip_prefix("*/"), part.split_once('-')) {
        (Some(step), _) => (value - 1) % number(step).unwrap() == 0,
        (None, Some((first, last))) => number(first) <= Some(value) && Some(value) <= number(last),
        (None, None) => part == "*" || number(part) == Some(value),
    }
}

fn of_week(part: &str, shown: DateTime) -> bool {
    const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
    let today = shown.weekday().to_sunday_zero_offset();
    let place = |name: &str| {
        let named = DAYS.iter().position(|day| *day == name).and_then(|at| i8::try_from(at).ok());
        named.or_else(|| name.parse().ok())
    };
    if let Some((day, nth)) = part.split_once('#') {
        return place(day) == Some(today) && nth.parse() == Ok((shown.day() + 6) / 7);
    }
    if let Some(day) = part.strip_suffix('L') {
        return place(day) == Some(today) && shown.day() + 7 > shown.days_in_month();
    }
    match part.split_once('-') {
        Some((first, last)) => place(first) <= Some(today) && Some(today) <= place(last),
        None => part == "*" || place(part) == Some(today),
    }
}
