//! Times as logs write them.

use models::event::Timestamp;
use serde_json::Value;

use super::value::at;

/// The first of these paths at which there is a time, and which one it is.
pub(super) fn first_time(value: &Value, paths: &[&'static str]) -> Option<(Timestamp, &'static str)> {
    paths.iter().find_map(|&path| Some((guessed(at(value, path)?)?, path)))
}

/// RFC 3339; the same with a space instead of the `T` or without a zone, which is then UTC; or a number since the Unix
/// epoch, whose size tells seconds from milli-, micro- and nanoseconds (from 1973 on).
pub(super) fn guessed(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok().or_else(|| zoned(text)).or_else(|| epoch(text.parse().ok()?)),
        Value::Number(number) => number.as_i64().map_or_else(|| epoch_fraction(number.as_f64()?), epoch),
        _ => None,
    }
}

fn zoned(text: &str) -> Option<Timestamp> {
    if text.len() > 64 {
        return None;
    }
    let text = text.replacen(' ', "T", 1);
    text.parse().ok().or_else(|| format!("{text}Z").parse().ok())
}

fn epoch(number: i64) -> Option<Timestamp> {
    const YEAR_1973_SECONDS: i64 = 100_000_000;
    let per_unit = match number {
        YEAR_1973_SECONDS..100_000_000_000 => 1_000_000_000,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1000,
        100_000_000_000_000_000.. => 1,
        _ => return None,
    };
    number.checked_mul(per_unit).map(Timestamp::from_nanos)
}

/// A fraction is of seconds or milliseconds; a double tells microseconds of the first and not more.
fn epoch_fraction(number: f64) -> Option<Timestamp> {
    let seconds = if number >= 1e11 { number / 1e3 } else { number };
    let in_range = (1e8..9e9).contains(&seconds);
    in_range.then(|| Timestamp::from_nanos((seconds * 1e6).round() as i64 * 1000))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_common_way_to_write_a_time_is_the_same_time() {
        let expected: Timestamp = "2026-05-04T10:00:00.5Z".parse().unwrap();
        for value in [
            json!("2026-05-04T12:00:00.5+02:00"),
            json!("2026-05-04 10:00:00.5"),
            json!("2026-05-04T10:00:00.5"),
            json!(1_777_888_800.5),
            json!(1_777_888_800_500_i64),
            json!(1_777_888_800_500_000_i64),
            json!("1777888800500000000"),
        ] {
            assert_eq!(guessed(&value), Some(expected), "{value}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for value in [json!("yesterday"), json!(42), json!(-1), json!(null), json!(1e300), json!("9".repeat(80))] {
            assert_eq!(guessed(&value), None, "{value}");
        }
    }
}
