//! At which hours an identity starts its sessions.
//!
//! A histogram over the 24 hours of weekdays and of weekends, smoothed round the clock (`model-notes`, section 3). Weak by
//! itself, since schedules move: one opinion per session, not per event.

use serde::{Deserialize, Serialize};

use super::scale::{Scale, halve};

/// Hours of a day.
const HOURS: usize = 24;
/// Circular kernel, in ninths: an hour lends a third of itself to itself and the rest to its two neighbours each side.
const KERNEL: [u32; 5] = [1, 2, 3, 2, 1];
const KERNEL_SUM: f64 = 9.0;
/// Sessions that the profile of the peers weighs.
const PEER_WEIGHT: f64 = 8.0;
/// Shares of weekdays and weekends as long as nothing is known.
const DAYS: [f64; 2] = [5.0 / 7.0, 2.0 / 7.0];

/// Session starts by hour and kind of day, decayed; 100 bytes. A count holds up to 511 sessions, then all are halved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct HourProfile {
    scale: Scale,
    starts: [[u16; HOURS]; 2],
}

/// When a session starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// Hour of the day, 0 to 23, in the clock of the deployment; taken modulo 24.
    pub hour: u8,
    /// Whether the day is a Saturday or Sunday.
    pub weekend: bool,
}

/// Probabilities of the 48 starts; they sum to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hours([[f64; HOURS]; 2]);

impl Start {
    fn place(self) -> (usize, usize) {
        (usize::from(self.weekend), usize::from(self.hour) % HOURS)
    }
}

impl HourProfile {
    /// Learns the start of one session.
    pub fn push(&mut self, start: Start) {
        let (kind, hour) = start.place();
        let scale = self.scale;
        if let Some(count) = self.count(kind, hour)
            && scale.add(*count).is_none()
        {
            halve(self.starts.as_flattened_mut());
        }
        if let Some(count) = self.count(kind, hour) {
            *count = scale.add(*count).unwrap_or(*count);
        }
    }

    fn count(&mut self, kind: usize, hour: usize) -> Option<&mut u16> {
        self.starts.get_mut(kind)?.get_mut(hour)
    }

    /// Sessions learned, decayed.
    pub fn n(&self) -> f64 {
        self.scale.read_sum(self.starts.as_flattened().iter().map(|units| u32::from(*units)).sum())
    }

    /// Weighs all past sessions by `factor`, in 0..=1.
    pub fn decay(&mut self, factor: f64) {
        self.scale.decay(factor, self.starts.as_flattened_mut());
    }

    /// The smoothed profile over `peers`, which weigh 8 sessions. O(48).
    ///
    /// ```text
    /// q_h = (sum over j of kernel_j c_(h+j) / 9 + 8 peers_h) / (n + 8)
    /// ```
    pub fn over(&self, peers: &Hours) -> Hours {
        let n = self.n();
        let mut hours = *peers;
        for (shares, counts) in hours.0.iter_mut().zip(&self.starts) {
            let [first, second, .., last_but_one, last] = counts;
            let mut round = [0_u32; HOURS + KERNEL.len() - 1];
            let clock = [last_but_one, last].into_iter().chain(counts).chain([first, second]);
            round.iter_mut().zip(clock).for_each(|(units, count)| *units = u32::from(*count));
            for (share, around) in shares.iter_mut().zip(round.windows(KERNEL.len())) {
                // Whole units, so that equal pasts give equal shares to the last bit: ties are counted below.
                let smoothed = KERNEL.iter().zip(around).map(|(k, c)| k * c).sum();
                *share = (self.scale.read_sum(smoothed) / KERNEL_SUM + PEER_WEIGHT * *share) / (n + PEER_WEIGHT);
            }
        }
        hours
    }
}

impl Hours {
    /// Every hour alike, weekdays five times in seven.
    pub fn uniform() -> Self {
        Self(DAYS.map(|share| [share / HOURS as f64; HOURS]))
    }

    /// Probability of a start in this hour of this kind of day.
    pub fn probability(&self, start: Start) -> f64 {
        let (kind, hour) = start.place();
        self.0.get(kind).and_then(|shares| shares.get(hour)).copied().unwrap_or(0.0)
    }

    /// Mid-p of a start: the probability of rarer hours, and half of that of equally rare ones. In (0, 1).
    pub fn p(&self, start: Start) -> f64 {
        let own = self.probability(start);
        let (mut rarer, mut ties) = (0.0, 0.0);
        for share in self.0.as_flattened() {
            if *share < own {
                rarer += share;
            } else if *share <= own {
                ties += share;
            }
        }
        rarer + ties / 2.0
    }

    /// `-ln` of [`Hours::p`], in nats.
    pub fn surprise(&self, start: Start) -> f64 {
        -self.p(start).max(1e-12).ln()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all() -> impl Iterator<Item = Start> {
        [false, true].into_iter().flat_map(|weekend| (0..24).map(move |hour| Start { hour, weekend }))
    }

    #[test]
    fn state_is_as_small_as_stated() {
        assert_eq!(size_of::<HourProfile>(), 100);
    }

    #[test]
    fn one_session_spreads_by_the_kernel() {
        let mut profile = HourProfile::default();
        profile.push(Start { hour: 23, weekend: false });
        let hours = profile.over(&Hours::uniform());
        // By hand: q = (k/9 + 8 * (5/7)/24) / 9 round 23 h, weekends 8 * (2/7)/24 / 9.
        for (hour, kernel) in [(20, 0.0), (21, 1.0), (22, 2.0), (23, 3.0), (0, 2.0), (1, 1.0), (2, 0.0)] {
            let want = (kernel / 9.0 + 5.0 / 21.0) / 9.0;
            assert!((hours.probability(Start { hour, weekend: false }) - want).abs() < 1e-12, "{hour}");
        }
        assert!((hours.probability(Start { hour: 23, weekend: true }) - 2.0 / 21.0 / 9.0).abs() < 1e-12);
        // The commonest hour: everything but half of itself is rarer.
        let p = hours.p(Start { hour: 23, weekend: false });
        assert!((p - (1.0 - (1.0 / 3.0 + 5.0 / 21.0) / 18.0)).abs() < 1e-12, "{p}");
    }

    #[test]
    fn a_job_of_the_night_is_strange_at_noon_and_a_full_table_keeps_its_shape() {
        let mut profile = HourProfile::default();
        for _ in 0..5000 {
            profile.push(Start { hour: 2, weekend: false });
        }
        assert!(profile.n() > 300.0 && profile.n() < 1100.0, "{}", profile.n());
        let hours = profile.over(&Hours::uniform());
        assert!(hours.surprise(Start { hour: 12, weekend: false }) > 3.5);
        assert!(hours.surprise(Start { hour: 2, weekend: false }) < 0.3);
    }

    proptest! {
        // Laws: probabilities sum to 1 and mid-p values average to 1/2 under the profile itself, after any past.
        #[test]
        fn sums_to_one_and_mid_p_averages_to_one_half(
            past in prop::collection::vec((0_u8..24, any::<bool>(), 0.5..1.0_f64), 0..80),
            peers in prop::collection::vec((0_u8..24, any::<bool>()), 0..40),
        ) {
            let (mut own, mut group) = (HourProfile::default(), HourProfile::default());
            for (hour, weekend, factor) in past {
                own.push(Start { hour, weekend });
                own.decay(factor);
            }
            for (hour, weekend) in peers {
                group.push(Start { hour, weekend });
            }
            let hours = own.over(&group.over(&Hours::uniform()));
            let sum: f64 = all().map(|start| hours.probability(start)).sum();
            prop_assert!((sum - 1.0).abs() < 1e-12, "{sum}");
            let mean: f64 = all().map(|start| hours.probability(start) * hours.p(start)).sum();
            prop_assert!((mean - 0.5).abs() < 1e-12, "{mean}");
        }
    }
}
