//! Times and spans as people write them.

use std::time::Duration;

use models::event::Timestamp;

/// An RFC 3339 time, or a date, which stands for its beginning in UTC.
pub(super) fn instant(text: &str) -> Result<Timestamp, String> {
    let is_date = text.len() == "2026-05-04".len();
    let whole = if is_date { format!("{text}T00:00:00Z") } else { text.to_owned() };
    whole.parse().map_err(|_| "give a date such as `2026-05-04`, or a time such as `2026-05-04T10:00:00Z`".to_owned())
}

/// A whole number of days, hours, minutes or seconds.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let parsed = || {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let seconds = match unit {
            "d" => 86_400,
            "h" => 3_600,
            "m" => 60,
            "s" => 1,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
    };
    parsed().ok_or_else(|| "give a span such as `14d`, `12h`, `30m` or `45s`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_midnight_and_a_span_has_one_unit() {
        assert_eq!(instant("2026-05-04"), instant("2026-05-04T00:00:00Z"));
        assert_eq!(instant("2026-05-04T02:00:00+02:00"), instant("2026-05-04"));
        assert!(instant("2026-05").is_err() && instant("yesterday!").is_err());
        assert_eq!((span("14d"), span("45s")), (Ok(Duration::from_hours(14 * 24)), Ok(Duration::from_secs(45))));
        for wrong in ["", "d", "14", "-1d", "1.5h", "2w", "5é", "99999999999999999999d"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
