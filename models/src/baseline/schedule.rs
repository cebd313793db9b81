//! `schedule`: does it act at this hour of the week?
//!
//! Stored: 100 bytes. Score: once a session, the mid-p of its start among the hours of weekdays and weekends, smoothed round
//! the clock and shrunk to the peers' profile (`model-notes`, section 3). With little data the peers' hours decide. Weak by
//! itself, since schedules move, and so it has a small share. Hours are those of UTC.

use crate::estimator::hours::{HourProfile, Hours, Start};
use crate::event::Timestamp;

/// Hour of the week in which a session starts.
pub(crate) fn start_of(time: Timestamp) -> Start {
    let seconds = time.as_seconds();
    let hour = seconds.rem_euclid(86_400) / 3600;
    // Day 0 of the epoch was a Thursday.
    let weekday = (seconds.div_euclid(86_400) + 3).rem_euclid(7);
    Start { hour: hour as u8, weekend: weekday >= 5 }
}

/// Surprise of a session's start in nats.
pub(crate) fn score(own: &HourProfile, peers: &HourProfile, start: Start) -> f64 {
    own.over(&peers.over(&Hours::uniform())).surprise(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_weekends_are_those_of_utc() {
        let at = |text: &str| start_of(text.parse().unwrap());
        assert_eq!(at("2026-11-25T01:20:36Z"), Start { hour: 1, weekend: false });
        assert_eq!(at("2026-11-28T23:59:59Z"), Start { hour: 23, weekend: true });
        assert_eq!(at("2026-11-30T00:00:00Z"), Start { hour: 0, weekend: false });
        assert_eq!(at("1969-12-31T23:00:00Z"), Start { hour: 23, weekend: false });
    }

    #[test]
    fn a_day_worker_at_night_surprises() {
        let mut own = HourProfile::default();
        for day in 0..100 {
            own.push(Start { hour: 9 + (day % 8) as u8, weekend: false });
        }
        let score = |hour, weekend| score(&own, &HourProfile::default(), Start { hour, weekend });
        assert!(score(12, false) < 1.5 && score(3, false) > 3.0 && score(12, true) > 3.0);
    }
}
