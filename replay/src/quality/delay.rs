//! How long an attack goes on before it is found.

use serde::Serialize;

/// Delay at one threshold, in events, over the attacks that are found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Delay {
    /// The false-alarm rate whose threshold this is.
    pub rate: f64,
    /// Attacks with a known first malicious event.
    pub attacks: usize,
    /// How many of them are found.
    pub found: usize,
    /// Median number of events from the first malicious event to the first event above the threshold; 0 is that event.
    pub median: Option<usize>,
    /// The 95 % quantile (nearest rank) of the same.
    pub p95: Option<usize>,
    /// Share of the found attacks that were over the threshold before their first malicious event; they count as 0.
    pub before: f64,
}

/// The delay over sessions of (the first event above the threshold, the first malicious one).
pub fn delay(sessions: impl IntoIterator<Item = (Option<usize>, usize)>, rate: f64) -> Delay {
    let (mut attacks, mut before, mut delays) = (0, 0, Vec::new());
    for (found, malicious) in sessions {
        attacks += 1;
        if let Some(found) = found {
            before += usize::from(found < malicious);
            delays.push(found.saturating_sub(malicious));
        }
    }
    delays.sort_unstable();
    let quantile = |q: f64| {
        let rank = (q * delays.len() as f64).ceil() as usize;
        delays.get(rank.max(1) - 1).copied()
    };
    let found = delays.len();
    let share = if found == 0 { 0.0 } else { before as f64 / found as f64 };
    Delay { rate, attacks, found, median: quantile(0.5), p95: quantile(0.95), before: share }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_counts_events_after_the_first_malicious_one_and_early_alarms_as_zero() {
        let sessions = [
            (Some(1), 1), // at once
            (Some(3), 0), // three later
            (Some(0), 1), // before
            (None, 0),    // never
            (Some(2), 1), // one later
        ];
        let found = delay(sessions, 0.01);
        let expected = Delay { rate: 0.01, attacks: 5, found: 4, median: Some(0), p95: Some(3), before: 0.25 };
        assert_eq!(found, expected);
    }

    #[test]
    fn nothing_found_has_no_delay() {
        let found = delay([(None, 0)], 0.01);
        assert_eq!((found.found, found.median, found.p95), (0, None, None));
    }
}
