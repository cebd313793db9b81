//! Summed z-scores: an event is as strange as its numbers lie above the mean of its identity's history.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use models::event::{ActionOutcome, Event, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Moments, gap, identity_key, key, session_key, tool_key};

/// How many standard deviations `x` lies above the mean; 0 below it, or with fewer than two values to compare with.
fn above(moments: &Moments, x: f64) -> f64 {
    moments.standardise(x, 2.0, 0.1).max(0.0)
}

/// What a session has added up to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Session {
    identity: u64,
    events: f64,
    errors: f64,
    tools: BTreeSet<u64>,
    targets: BTreeSet<u64>,
    last: Option<Timestamp>,
}

impl Session {
    fn totals(&self) -> [f64; 4] {
        [self.events, self.errors, self.tools.len() as f64, self.targets.len() as f64]
    }
}

/// Sums the positive z-scores of `ln(1+bytes_in)` and `ln(1+bytes_out)` per tool, of `ln(1+gap)`, and of what the session
/// has added up to so far (events, errors, distinct tools, distinct targets) against whole sessions of the history.
///
/// Deviations are floored at the larger of 0.25 and a tenth of the mean.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ZScore {
    with_gaps: bool,
    numbers: HashMap<u64, Moments>,
    totals: HashMap<u64, [Moments; 4]>,
    // Ordered, because closing them adds floats.
    sessions: BTreeMap<u64, Session>,
}

impl ZScore {
    /// A floor that has seen nothing; without `with_gaps` it ignores the time between events.
    pub fn new(with_gaps: bool) -> Self {
        Self { with_gaps, ..Self::default() }
    }

    /// Takes in one event of the history.
    pub fn learn(&mut self, event: &Event) {
        let (numbers, _) = self.observe(event);
        for (number, x) in numbers {
            self.numbers.entry(number).or_default().push(x);
        }
    }

    /// Ends the history: its sessions are complete.
    pub fn freeze(&mut self) {
        for session in std::mem::take(&mut self.sessions).into_values() {
            let totals = self.totals.entry(session.identity).or_default();
            for (moments, x) in totals.iter_mut().zip(session.totals()) {
                moments.push(x);
            }
        }
    }

    /// The summed z-scores of an event.
    pub fn score(&mut self, event: &Event) -> f64 {
        let (numbers, totals) = self.observe(event);
        let of_event: f64 = numbers.iter().filter_map(|(n, x)| Some(above(self.numbers.get(n)?, *x))).sum();
        let usual = self.totals.get(&identity_key(event));
        let of_session: f64 = usual.map_or(0.0, |usual| usual.iter().zip(totals).map(|(m, x)| above(m, x)).sum());
        of_event + of_session
    }

    /// Adds the event to its session; gives the event's own numbers and the session's totals.
    fn observe(&mut self, event: &Event) -> (Vec<(u64, f64)>, [f64; 4]) {
        let (identity, tool) = (identity_key(event), tool_key(event));
        let session = self.sessions.entry(session_key(event)).or_default();
        session.identity = identity;
        let since = session.last.replace(event.time).map(|last| gap(last, event.time));
        session.events += 1.0;
        session.errors += f64::from(u8::from(event.outcome != ActionOutcome::Success));
        session.tools.insert(tool);
        session.targets.extend(event.targets.iter().map(key));
        let bytes = |name: &str, x: Option<u64>| x.map(|x| (key((identity, tool, name)), (x as f64).ln_1p()));
        let since = since.filter(|_| self.with_gaps).map(|s| (key((identity, "gap")), s.ln_1p()));
        let numbers = [bytes("in", event.bytes_in), bytes("out", event.bytes_out), since].into_iter().flatten();
        (numbers.collect(), session.totals())
    }
}

#[cfg(test)]
mod tests {
    use models::event::decode;

    use super::*;

    fn event(session: &str, second: u32, bytes_in: u64) -> Event {
        let json = format!(
            r#"{{"id":"e","time":"2026-05-04T10:00:{second:02}Z","identity":"a","session":"{session}","tool":"t","bytes_in":{bytes_in}}}"#
        );
        decode(json.as_bytes()).unwrap().event
    }

    fn close(actual: f64, expected: f64) {
        assert!((actual - expected).abs() < 1e-12, "{actual} instead of {expected}");
    }

    #[test]
    fn moments_match_their_definition() {
        let mut moments = Moments::default();
        for x in [2.0, 4.0, 9.0] {
            moments.push(x);
        }
        // Mean 5, sample variance (9 + 1 + 16) / 2 = 13.
        close(above(&moments, 5.0 + 13_f64.sqrt()), 1.0);
        close(above(&moments, 4.0), 0.0);
    }

    #[test]
    fn bytes_are_compared_in_logarithms_with_a_floored_deviation() {
        let mut floor = ZScore::new(false);
        floor.learn(&event("1", 0, 99));
        floor.learn(&event("2", 0, 99));
        floor.freeze();
        let mean = 100_f64.ln();
        close(floor.score(&event("3", 0, 99)), 0.0);
        close(floor.score(&event("4", 0, 999)), (1000_f64.ln() - mean) / (0.1 * mean));
    }

    #[test]
    fn a_session_longer_than_usual_scores_and_gaps_count_only_when_asked_for() {
        // Three events are usual: the deviation is floored at 0.1 * 3. A gap of a second is usual: floored at 0.25.
        let (longer, slower) = (1.0 / 0.3, (59_f64.ln_1p() - 1_f64.ln_1p()) / 0.25);
        for (with_gaps, expected) in [(false, longer), (true, longer + slower)] {
            let mut floor = ZScore::new(with_gaps);
            for (session, second) in ["1", "2", "3"].into_iter().flat_map(|session| [0, 1, 2].map(|s| (session, s))) {
                floor.learn(&event(session, second, 0));
            }
            floor.freeze();
            for _ in 0..3 {
                close(floor.score(&event("4", 0, 0)), 0.0);
            }
            close(floor.score(&event("4", 59, 0)), expected);
        }
    }
}
