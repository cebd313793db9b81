//! How fast the scored events come: as fast as possible, or as they came when they happened, times a factor.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use models::event::Timestamp;

/// The longest sleep, so that a request to stop is soon heard.
const NAP: Duration = Duration::from_millis(100);

/// The pace.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Pace {
    /// As fast as possible.
    #[default]
    Max,
    /// Event time passes so many times as fast as wall time.
    Times(f64),
}

/// Why a text is no pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("give `max`, or how many times as fast as it happened, such as `1x` or `60x`")]
pub struct PaceError;

impl std::str::FromStr for Pace {
    type Err = PaceError;

    fn from_str(text: &str) -> Result<Self, PaceError> {
        if text == "max" {
            return Ok(Pace::Max);
        }
        let factor = text.strip_suffix('x').and_then(|factor| factor.parse::<f64>().ok());
        factor.filter(|factor| factor.is_finite() && *factor > 0.0).map(Pace::Times).ok_or(PaceError)
    }
}

/// Holds events back until their time has come.
#[derive(Debug)]
pub(super) struct Pacer {
    pace: Pace,
    /// When the first event came, and its time.
    start: Option<(Instant, Timestamp)>,
}

impl Pacer {
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, start: None }
    }

    /// Whether events have to wait at all.
    pub(super) fn waits(&self) -> bool {
        self.pace != Pace::Max
    }

    /// Waits until an event of this time is due, or until `stop` is set.
    pub(super) fn wait(&mut self, time: Timestamp, stop: &AtomicBool) {
        let Pace::Times(factor) = self.pace else { return };
        let (started, first) = *self.start.get_or_insert_with(|| (Instant::now(), time));
        let due = after(first, time, factor);
        while !stop.load(Ordering::Relaxed) {
            let left = due.saturating_sub(started.elapsed());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(NAP));
        }
    }
}

/// How long after the first event one of this time is due.
fn after(first: Timestamp, time: Timestamp, factor: f64) -> Duration {
    let seconds = time.seconds_since(first).max(0.0) / factor;
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_max_or_a_positive_factor() {
        assert_eq!("max".parse(), Ok(Pace::Max));
        assert_eq!("0.5x".parse(), Ok(Pace::Times(0.5)));
        for wrong in ["", "60", "0x", "-1x", "infx", "fast"] {
            assert_eq!(wrong.parse::<Pace>(), Err(PaceError), "{wrong}");
        }
    }

    #[test]
    fn an_hour_takes_a_minute_at_60x_and_no_event_is_due_before_the_first() {
        let second = Timestamp::from_seconds;
        assert_eq!(after(second(100), second(3_700), 60.0), Duration::from_mins(1));
        assert_eq!(after(second(100), second(40), 60.0), Duration::ZERO);
    }
}
