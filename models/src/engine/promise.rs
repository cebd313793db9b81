//! Whether the budget is kept: alerts and revocations of the last thirty days, and what people said of them.
//!
//! A false alarm is what an analyst called `false`; what nobody has settled may be one. So there are two counts, at least and at
//! most, and a promise can be broken, kept, or not to be told yet. Exact rules are outside the budget and not counted.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use statrs::distribution::{DiscreteCDF, Poisson};

use crate::alert::AlertId;
use crate::decision::Verdict;
use crate::event::Timestamp;
use crate::view::{Kept, PromiseView};

/// Days looked back.
const DAYS: i64 = 30;
/// Alerts remembered; where there are more, the window is shorter.
const ALERTS: usize = 1024;
/// Chance of calling a promise broken that is kept.
const ERROR: f64 = 0.05;
/// Expected false alarms from which "none so far" says something: `e^-3 = .05`.
const ENOUGH: f64 = 3.0;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Opened {
    alert: AlertId,
    day: i64,
    verdict: Option<Verdict>,
    revocations: u32,
}

/// What became of what was promised.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Promise {
    opened: VecDeque<Opened>,
    /// Identity-days by day.
    days: VecDeque<(i64, u32)>,
}

pub(super) fn day_of(time: Timestamp) -> i64 {
    time.as_seconds().div_euclid(86_400)
}

impl Promise {
    /// Counts an identity-day.
    pub(super) fn acted(&mut self, time: Timestamp) {
        self.acted_on(day_of(time), 1);
    }

    /// Counts identities that acted on a day.
    pub(super) fn acted_on(&mut self, day: i64, identities: u32) {
        match self.days.iter_mut().rev().find(|(known, _)| *known == day) {
            Some((_, count)) => *count += identities,
            None => self.days.push_back((day, identities)),
        }
        while self.days.len() > DAYS as usize {
            self.days.pop_front();
        }
    }

    /// Counts an alert that spends the budget.
    pub(super) fn opened(&mut self, alert: &AlertId, time: Timestamp) {
        if self.opened.len() >= ALERTS {
            self.opened.pop_front();
        }
        self.opened.push_back(Opened { alert: alert.clone(), day: day_of(time), verdict: None, revocations: 0 });
    }

    /// Counts an automatic revocation of an alert.
    pub(super) fn revoked(&mut self, alert: &AlertId) {
        if let Some(opened) = self.opened.iter_mut().rev().find(|opened| opened.alert == *alert) {
            opened.revocations += 1;
        }
    }

    /// Notes what a person said of an alert. Returns how many of its revocations turned out to be right, negative if a person
    /// has taken that back.
    pub(super) fn settle(&mut self, alert: &AlertId, verdict: Verdict) -> i64 {
        let Some(opened) = self.opened.iter_mut().rev().find(|opened| opened.alert == *alert) else { return 0 };
        let right = |verdict| i64::from(verdict == Some(Verdict::True)) * i64::from(opened.revocations);
        let before = right(opened.verdict);
        let after = right(Some(verdict));
        opened.verdict = Some(verdict);
        after - before
    }

    /// How it stands with alerts at a budget by 1,000 identity-days.
    pub(super) fn alerts(&self, per_1000: f64) -> PromiseView {
        self.view(per_1000 / 1e3, |_| 1)
    }

    /// How it stands with revocations at a budget by million identity-days.
    pub(super) fn revocations(&self, per_million: f64) -> PromiseView {
        self.view(per_million / 1e6, |opened| u64::from(opened.revocations))
    }

    fn view(&self, per_identity_day: f64, weight: impl Fn(&Opened) -> u64) -> PromiseView {
        let newest = self.days.iter().map(|(day, _)| *day).max().unwrap_or_default();
        let remembered = self.opened.front().filter(|_| self.opened.len() >= ALERTS).map_or(i64::MIN, |o| o.day + 1);
        let since = (newest - DAYS + 1).max(remembered);
        let identity_days = self.days.iter().filter(|(day, _)| *day >= since).map(|(_, count)| u64::from(*count)).sum();
        let (mut raised, mut refuted, mut unsettled) = (0, 0, 0);
        for opened in self.opened.iter().filter(|opened| opened.day >= since) {
            let weight = weight(opened);
            raised += weight;
            refuted += if opened.verdict == Some(Verdict::False) { weight } else { 0 };
            unsettled += if opened.verdict.is_none() { weight } else { 0 };
        }
        let expected = identity_days as f64 * per_identity_day;
        let kept = if surely_more(refuted, expected) {
            Kept::No
        } else if expected < ENOUGH || surely_more(refuted + unsettled, expected) {
            Kept::Unclear
        } else {
            Kept::Yes
        };
        PromiseView { kept, identity_days, accepted: expected, raised, refuted, unsettled }
    }
}

/// Whether a Poisson count of that mean would hardly be so large.
fn surely_more(count: u64, mean: f64) -> bool {
    let Some(below) = count.checked_sub(1) else { return false };
    // The mean is a positive number as soon as there is an identity-day.
    Poisson::new(mean).is_ok_and(|poisson| poisson.sf(below) < ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> AlertId {
        AlertId(format!("alt_{n}").into())
    }

    /// Ten days of a hundred identities, and alerts on the last.
    fn promise(alerts: u32) -> Promise {
        let mut promise = Promise::default();
        for day in 0..10 {
            (0..100).for_each(|_| promise.acted(Timestamp::from_seconds(day * 86_400)));
        }
        (0..alerts).for_each(|n| promise.opened(&id(n), Timestamp::from_seconds(9 * 86_400)));
        promise
    }

    #[test]
    fn a_promise_is_broken_by_verdicts_and_unclear_while_too_much_is_unsettled() {
        // 1,000 identity-days at 5 per 1,000 accept 5; ten or more have a chance of .032 (Poisson).
        let mut promise = promise(10);
        let view = promise.alerts(5.0);
        assert_eq!((view.kept, view.raised, view.unsettled, view.identity_days), (Kept::Unclear, 10, 10, 1000));
        promise.settle(&id(0), Verdict::True);
        assert_eq!(promise.alerts(5.0).kept, Kept::Yes, "nine are not surely more than five");
        for n in 0..10 {
            promise.settle(&id(n), Verdict::False);
        }
        assert_eq!(promise.alerts(5.0).kept, Kept::No);
        promise.settle(&id(3), Verdict::BenignExpected);
        assert_eq!((promise.alerts(5.0).kept, promise.alerts(5.0).refuted), (Kept::Yes, 9));
    }

    #[test]
    fn too_few_identity_days_keep_no_promise() {
        assert_eq!(promise(0).alerts(2.9).kept, Kept::Unclear);
        assert_eq!(promise(0).alerts(3.1).kept, Kept::Yes);
        assert_eq!(Promise::default().alerts(5.0).kept, Kept::Unclear);
    }

    #[test]
    fn what_is_older_than_thirty_days_no_longer_counts() {
        let mut promise = promise(10);
        promise.acted(Timestamp::from_seconds(45 * 86_400));
        let view = promise.alerts(5.0);
        assert_eq!((view.raised, view.identity_days), (0, 1));
    }

    #[test]
    fn revocations_that_were_right_are_told_once_and_taken_back_once() {
        let mut promise = promise(1);
        promise.revoked(&id(0));
        promise.revoked(&id(0));
        let told =
            [Verdict::True, Verdict::True, Verdict::False, Verdict::BenignExpected].map(|v| promise.settle(&id(0), v));
        assert_eq!(told, [2, 0, -2, 0]);
        assert_eq!(promise.settle(&id(9), Verdict::True), 0);
        assert_eq!(promise.revocations(20.0).kept, Kept::Unclear);
        promise.settle(&id(0), Verdict::False);
        assert_eq!(promise.revocations(20.0).kept, Kept::No, "one false revocation where a fiftieth is accepted");
    }
}
