//! The score of the Numenta Anomaly Benchmark (Lavin & Ahmad 2015, NAB v1.1), written from its rules.

/// What alarms and misses are worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Profile {
    /// An alarm at the very start of a window.
    pub found: f64,
    /// An alarm far from any window, taken off.
    pub false_alarm: f64,
    /// A window without an alarm, taken off.
    pub missed: f64,
}

pub(super) const STANDARD: Profile = Profile { found: 1.0, false_alarm: 0.11, missed: 1.0 };
pub(super) const LOW_FALSE_ALARMS: Profile = Profile { found: 1.0, false_alarm: 0.22, missed: 1.0 };
pub(super) const LOW_MISSES: Profile = Profile { found: 1.0, false_alarm: 0.11, missed: 2.0 };

/// The points of one file.
#[derive(Debug, Clone, Default)]
pub(super) struct Series {
    /// One score a point, probation included.
    pub scores: Vec<f64>,
    /// Points at the start that are not judged.
    pub probation: usize,
    /// First and last point of each window, in order.
    pub windows: Vec<(usize, usize)>,
}

/// `2 / (1 + e^(5y)) - 1`, and -1 beyond 3.
fn sigmoid(y: f64) -> f64 {
    if y > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * y).exp()) - 1.0 }
}

/// One point that may alarm: its score, and what an alarm there is worth.
#[derive(Debug, Clone, Copy)]
struct Point {
    score: f64,
    /// The window it is in, and what is earned there; or what a false alarm there is worth.
    window: Option<usize>,
    worth: f64,
}

/// The points of all files, strangest first, so that every threshold can be tried in one pass.
#[derive(Debug, Clone, Default)]
pub(super) struct Scoring {
    points: Vec<Point>,
    windows: usize,
}

impl Scoring {
    pub(super) fn new(all: &[Series]) -> Self {
        let mut scoring = Self::default();
        for series in all {
            scoring.add(series);
        }
        scoring.points.sort_by(|a, b| b.score.total_cmp(&a.score));
        scoring
    }

    fn add(&mut self, series: &Series) {
        for (i, score) in series.scores.iter().enumerate().skip(series.probation) {
            let before = series.windows.partition_point(|(first, _)| *first <= i);
            let last = before.checked_sub(1).and_then(|w| Some((w, *series.windows.get(w)?)));
            let (window, worth) = match last {
                Some((w, (a, b))) if i <= b => {
                    let place = -((b - i + 1) as f64) / (b - a + 1) as f64;
                    (Some(self.windows + w), sigmoid(place) / sigmoid(-1.0))
                }
                // A window of one point has no length to fade over.
                Some((_, (a, b))) => (None, sigmoid((i - b) as f64 / (b - a).max(1) as f64)),
                None => (None, -1.0),
            };
            self.points.push(Point { score: *score, window, worth });
        }
        self.windows += series.windows.len();
    }

    /// The benchmark's score when every point with a score of at least `threshold` alarms.
    pub(super) fn at(&self, profile: Profile, threshold: f64) -> f64 {
        let mut tally = Tally::new(self.windows);
        for point in self.points.iter().take_while(|point| point.score >= threshold) {
            tally.alarm(*point, profile);
        }
        tally.score(profile)
    }

    /// The best score over all thresholds, with its threshold.
    pub(super) fn best(&self, profile: Profile) -> (f64, f64) {
        let mut tally = Tally::new(self.windows);
        // Above every score nothing alarms.
        let mut best = (tally.score(profile), f64::INFINITY);
        for group in self.points.chunk_by(|a, b| a.score.total_cmp(&b.score).is_eq()) {
            for point in group {
                tally.alarm(*point, profile);
            }
            let score = tally.score(profile);
            if score > best.0 {
                best = (score, group.first().map_or(f64::INFINITY, |point| point.score));
            }
        }
        best
    }
}

/// What the alarms so far add up to.
struct Tally {
    earned: Vec<Option<f64>>,
    found: f64,
    found_windows: usize,
    false_alarms: f64,
}

impl Tally {
    fn new(windows: usize) -> Self {
        Self { earned: vec![None; windows], found: 0.0, found_windows: 0, false_alarms: 0.0 }
    }

    fn alarm(&mut self, point: Point, profile: Profile) {
        let Some(window) = point.window else {
            self.false_alarms += profile.false_alarm * point.worth;
            return;
        };
        if let Some(earned) = self.earned.get_mut(window) {
            // A window counts its best alarm only.
            self.found_windows += usize::from(earned.is_none());
            let best = earned.unwrap_or(0.0).max(profile.found * point.worth);
            self.found += best - earned.unwrap_or(0.0);
            *earned = Some(best);
        }
    }

    fn score(&self, profile: Profile) -> f64 {
        let windows = self.earned.len() as f64;
        let sum = self.found + self.false_alarms - profile.missed * (self.earned.len() - self.found_windows) as f64;
        let (null, perfect) = (-profile.missed * windows, profile.found * windows);
        100.0 * (sum - null) / (perfect - null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(actual: f64, expected: f64) {
        assert!((actual - expected).abs() < 1e-9, "{actual} instead of {expected}");
    }

    /// Ten points, two of them probation, one window from 4 to 7; points that alarm have a 1.
    fn score(profile: Profile, alarms: &[usize]) -> f64 {
        let scores = (0..10).map(|i| f64::from(u8::from(alarms.contains(&i)))).collect();
        Scoring::new(&[Series { scores, probation: 2, windows: vec![(4, 7)] }]).at(profile, 0.5)
    }

    #[test]
    fn nothing_is_worth_0_and_an_alarm_at_the_start_of_the_window_100() {
        for profile in [STANDARD, LOW_FALSE_ALARMS, LOW_MISSES] {
            close(score(profile, &[]), 0.0);
            close(score(profile, &[4]), 100.0);
            // Only the best alarm of a window counts, and probation is not judged.
            close(score(profile, &[0, 1, 4, 5, 6, 7]), 100.0);
        }
    }

    #[test]
    fn late_and_false_alarms_are_worth_what_the_rules_say() {
        // Last point of the window: -(7 - 7 + 1) / 4.
        let late = sigmoid(-0.25) / sigmoid(-1.0);
        close(score(STANDARD, &[7]), 50.0 * (late + 1.0));
        close(score(LOW_MISSES, &[7]), 100.0 * (late + 2.0) / 3.0);
        // Before any window -A_FP; one behind the window sigmoid(1/3).
        close(score(STANDARD, &[2, 4]), 50.0 * (2.0 - 0.11));
        close(score(LOW_FALSE_ALARMS, &[4, 8]), 50.0 * (2.0 + 0.22 * (2.0 / (1.0 + (5.0_f64 / 3.0).exp()) - 1.0)));
        close(sigmoid(3.1), -1.0);
        close(sigmoid(0.0), 0.0);
    }

    #[test]
    fn best_threshold_is_found_over_all_files_together() {
        let of = |scores: &[f64], windows: &[(usize, usize)]| Series {
            scores: scores.to_vec(),
            probation: 1,
            windows: windows.to_vec(),
        };
        let all = [of(&[0.0, 5.0, 1.0], &[(1, 2)]), of(&[0.0, 2.0, 4.0], &[])];
        let scoring = Scoring::new(&all);
        // At 5 the window is found at its start; lower cuts add false alarms.
        assert_eq!(scoring.best(STANDARD), (100.0, 5.0));
        close(scoring.at(STANDARD, 4.0), 50.0 * (2.0 - 0.11));
        close(scoring.at(STANDARD, 0.0), 50.0 * (2.0 - 0.22));
    }
}
