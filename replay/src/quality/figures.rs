//! The figures of a run with labels.

use serde::Serialize;

use super::collect::{METHODS, Method};
use super::sample::Sample;
use super::track::Track;
use super::{Delay, Detection, Interval, RATES, Ranking, auroc, delay, detection};
use crate::label::Class;

const REPLICATES: usize = 500;
const SEED: u64 = 20_260_504;
const ROC_POINTS: usize = 200;

/// How many sessions count how. Labelled sessions without a scored event are in none of the first four.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sessions {
    /// Attacks that succeeded, with a call that shows it.
    pub positives: usize,
    /// Benign sessions.
    pub negatives: usize,
    /// Attacks that the agent ignored.
    pub clean_failed: usize,
    /// Counted neither way.
    pub left_out: usize,
    /// Labelled, but not among the scored events (the labels may also cover the history).
    pub without_events: usize,
    /// Scored events whose session has no label.
    pub unlabelled_events: u64,
}

/// Sessions in which the engine alerted, or would have in shadow mode: at its budget, not at a threshold chosen here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Alarms {
    /// Of the positives.
    pub positives: usize,
    /// Of the negatives.
    pub negatives: usize,
    /// Of the attacks that the agent ignored.
    pub clean_failed: usize,
}

/// How often benign sessions are flagged when the cut comes from the history alone: evidence of at least `-ln asked`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Realised {
    /// The share of benign sessions that is asked for.
    pub asked: f64,
    /// The share that is flagged.
    pub flagged: f64,
    /// The share of ignored attacks that is flagged.
    pub clean_failed: Option<f64>,
    /// The share of attacks that is flagged.
    pub found: Option<f64>,
}

impl Realised {
    /// How many times what was asked is flagged: above 1 the promise costs more than it said.
    pub fn factor(&self) -> f64 {
        self.flagged / self.asked
    }
}

/// How well one method tells positives from negatives.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MethodFigures {
    /// The method.
    pub name: &'static str,
    /// Area under the ROC curve of sessions.
    pub session_auroc: Option<f64>,
    /// Its 95 % bootstrap interval by session.
    pub interval: Option<Interval>,
    /// The same with ignored attacks added to the negatives.
    pub session_auroc_with_clean_failed: Option<f64>,
    /// Area for malicious events against all events of benign sessions.
    pub event_auroc: Option<f64>,
    /// What is found at each of [`RATES`].
    pub detection: Vec<Detection>,
    /// The same with ignored attacks added to the negatives.
    pub detection_with_clean_failed: Vec<Detection>,
    /// Delay at the thresholds of `detection`.
    pub delay: Vec<Delay>,
    /// The ROC curve of sessions.
    pub roc: Vec<(f64, f64)>,
}

/// The figures of a run with labels.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Quality {
    /// How many sessions count how.
    pub sessions: Sessions,
    /// What the engine decided at its budget.
    pub alarms: Alarms,
    /// What cuts of the evidence that come from the history alone would flag.
    pub realised: Vec<Realised>,
    /// One entry a method that was asked for, in the order of [`METHODS`].
    pub methods: Vec<MethodFigures>,
}

impl Quality {
    /// The figures of one method.
    pub fn method(&self, method: Method) -> Option<&MethodFigures> {
        self.methods.iter().find(|figures| figures.name == method.as_str())
    }

    /// Figures of sessions, and of the events of attacks and of benign sessions.
    pub(super) fn of(sessions: &[&Track], events: [&Sample; 2], wanted: &[Method]) -> Self {
        let count = |class| sessions.iter().filter(|track| track.class == class).count();
        let alarmed = |class| sessions.iter().filter(|track| track.class == class && track.alarmed).count();
        let counted = Sessions {
            positives: count(Class::Positive),
            negatives: count(Class::Negative),
            clean_failed: count(Class::CleanFailed),
            left_out: count(Class::LeftOut),
            ..Sessions::default()
        };
        let alarms = Alarms {
            positives: alarmed(Class::Positive),
            negatives: alarmed(Class::Negative),
            clean_failed: alarmed(Class::CleanFailed),
        };
        let methods =
            METHODS.iter().filter(|m| wanted.contains(m)).map(|method| figures(sessions, events, *method)).collect();
        let realised = ASKED.iter().filter_map(|asked| realised(sessions, *asked)).collect();
        Self { sessions: counted, alarms, realised, methods }
    }
}

/// The shares of sessions that are asked for with cuts from the history alone.
const ASKED: [f64; 2] = [0.05, 0.01];

fn realised(sessions: &[&Track], asked: f64) -> Option<Realised> {
    let flagged = |class: Class| {
        let of = || sessions.iter().filter(|track| track.class == class);
        let above = of().filter(|track| track.evidence() >= -asked.ln()).count();
        (of().count() > 0).then(|| above as f64 / of().count() as f64)
    };
    Some(Realised {
        asked,
        flagged: flagged(Class::Negative)?,
        clean_failed: flagged(Class::CleanFailed),
        found: flagged(Class::Positive),
    })
}

fn figures(sessions: &[&Track], [malicious, benign]: [&Sample; 2], method: Method) -> MethodFigures {
    let column = method.column();
    let of = |class: Class| sessions.iter().copied().filter(move |track| track.class == class);
    let strangest = |class: Class| -> Vec<f64> { of(class).map(|track| track.highest(column)).collect() };
    let (positives, negatives) = (strangest(Class::Positive), strangest(Class::Negative));
    let mut with_clean = negatives.clone();
    with_clean.extend(strangest(Class::CleanFailed));
    let found = |negatives: &[f64]| -> Vec<Detection> {
        RATES.iter().filter_map(|rate| detection(&positives, negatives, *rate)).collect()
    };
    let malicious = if method.of_session() { Vec::new() } else { malicious.column(column) };
    let attacks = |threshold: f64| {
        let begun = of(Class::Positive).filter_map(|track| Some((track, track.malicious?.event as usize)));
        begun.map(move |(track, begin)| (track.above(column, threshold).map(|at| at.event as usize), begin))
    };
    let ranking = Ranking::new(&positives, &negatives);
    let detection = found(&negatives);
    let delays = detection.iter().map(|d| delay(attacks(d.threshold), d.rate));
    MethodFigures {
        name: method.as_str(),
        session_auroc: ranking.as_ref().map(Ranking::auroc),
        interval: ranking.as_ref().map(|ranking| ranking.interval(REPLICATES, SEED)),
        session_auroc_with_clean_failed: auroc(&positives, &with_clean),
        event_auroc: auroc(&malicious, &benign.column(column)),
        delay: delays.collect(),
        detection_with_clean_failed: found(&with_clean),
        detection,
        roc: ranking.map(|ranking| ranking.roc(ROC_POINTS)).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use models::event::Timestamp;

    use super::*;

    /// A track whose score column is `scores`, everything else 0, and the events it gives to the samples.
    fn track(class: Class, scores: &[f64], malicious: &[usize], events: &mut [Sample; 2]) -> Track {
        let mut track = Track::new(class, None, 0, Timestamp::EPOCH);
        for (i, score) in scores.iter().enumerate() {
            let place = track.count(Timestamp::EPOCH);
            let mut row = [0.0; METHODS.len()];
            row[0] = *score;
            track.push(place, &row);
            let attacks = malicious.contains(&i);
            track.malicious = track.malicious.or(attacks.then_some(place));
            match class {
                Class::Positive if attacks => events[0].push(&row),
                Class::Negative => events[1].push(&row),
                _ => {}
            }
        }
        track.alarmed = scores[0] > 4.0;
        track
    }

    #[test]
    fn realised_shares_count_sessions_at_or_above_the_cut() {
        let with_evidence = |evidence: f64| {
            let mut track = Track::new(Class::Negative, None, 0, Timestamp::EPOCH);
            let mut row = [0.0; METHODS.len()];
            row[Method::EVIDENCE] = evidence;
            let place = track.count(Timestamp::EPOCH);
            track.push(place, &row);
            track
        };
        let tracks: Vec<_> = (0..20).map(|i| with_evidence(if i < 3 { 3.0 } else { 2.9 })).collect();
        let sessions: Vec<_> = tracks.iter().collect();
        // -ln .05 is 2.996, -ln .01 is 4.6.
        let [five, one] = [0.05, 0.01].map(|asked| realised(&sessions, asked).unwrap());
        assert_eq!((five.flagged, five.found), (0.15, None));
        assert!((five.factor() - 3.0).abs() < 1e-12 && one.factor().abs() < 1e-12);
    }

    #[test]
    fn figures_of_a_hand_made_set_are_those_worked_out_by_hand() {
        let mut events = <[Sample; 2]>::default();
        let mut track = |class, scores: &[f64], malicious: &[usize]| track(class, scores, malicious, &mut events);
        let tracks = [
            track(Class::Positive, &[1.0, 1.0, 6.0], &[1]), // session 6, found one event after the malicious one
            track(Class::Positive, &[2.0, 3.0], &[1]),      // session 3
            track(Class::Negative, &[5.0, 0.0], &[]),
            track(Class::Negative, &[1.0], &[]),
            track(Class::CleanFailed, &[3.0], &[]),
            track(Class::LeftOut, &[9.0], &[]),
        ];
        let sessions: Vec<_> = tracks.iter().collect();
        let quality = Quality::of(&sessions, [&events[0], &events[1]], &METHODS);
        let counted = Sessions { positives: 2, negatives: 2, clean_failed: 1, left_out: 1, ..Sessions::default() };
        assert_eq!(quality.sessions, counted);
        assert_eq!(quality.alarms, Alarms { positives: 0, negatives: 1, clean_failed: 0 });
        let score = quality.method(Method::Score).unwrap();
        // Sessions 6 and 3 against 5 and 1: three of four pairs; with the ignored attack's 3 another 1.5 of 2.
        assert_eq!(score.session_auroc, Some(0.75));
        assert_eq!(score.session_auroc_with_clean_failed, Some(0.75));
        // Malicious events 1 and 3 against benign events 5, 0 and 1: 1.5 and 2 of three each.
        assert_eq!(score.event_auroc, Some(3.5 / 6.0));
        // With two negatives 1 % allows none: the threshold is 5, and only the session of 6 is found, one event late.
        let at_one = score.detection[1];
        assert_eq!((at_one.threshold, at_one.detected, at_one.false_alarms), (5.0, 0.5, 0.0));
        let delay = score.delay[1];
        assert_eq!((delay.attacks, delay.found, delay.median, delay.before), (2, 1, Some(1), 0.0));
        // No evidence anywhere: nothing is flagged.
        assert!(quality.realised.iter().all(|r| r.flagged < 1e-9 && r.found == Some(0.0)));
        assert_eq!(quality.method(Method::FirstSeen).unwrap().session_auroc, Some(0.5));
    }
}
