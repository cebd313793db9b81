//! The figures of a run with labels.

use serde::Serialize;

use super::collect::{METHODS, Method, Track};
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

    pub(super) fn of(all: &[(Class, &Track)], wanted: &[Method], unlabelled_events: u64) -> Self {
        let scored: Vec<(Class, &Track)> = all.iter().filter(|(_, track)| !track.rows.is_empty()).copied().collect();
        let count = |class| scored.iter().filter(|(c, _)| *c == class).count();
        let alarmed = |class| scored.iter().filter(|(c, track)| *c == class && track.alarmed).count();
        let sessions = Sessions {
            positives: count(Class::Positive),
            negatives: count(Class::Negative),
            clean_failed: count(Class::CleanFailed),
            left_out: count(Class::LeftOut),
            without_events: all.len() - scored.len(),
            unlabelled_events,
        };
        let alarms = Alarms {
            positives: alarmed(Class::Positive),
            negatives: alarmed(Class::Negative),
            clean_failed: alarmed(Class::CleanFailed),
        };
        let columns = METHODS.iter().enumerate().filter(|(_, method)| wanted.contains(method));
        let methods = columns.map(|(column, method)| figures(&scored, column, *method)).collect();
        let realised = ASKED.iter().filter_map(|asked| realised(&scored, *asked)).collect();
        Self { sessions, alarms, realised, methods }
    }
}

/// The shares of sessions that are asked for with cuts from the history alone.
const ASKED: [f64; 2] = [0.05, 0.01];

fn realised(sessions: &[(Class, &Track)], asked: f64) -> Option<Realised> {
    let flagged = |class: Class| {
        let of = || sessions.iter().filter(|(c, _)| *c == class);
        let above = of().filter(|(_, track)| track.evidence() >= -asked.ln()).count();
        (of().count() > 0).then(|| above as f64 / of().count() as f64)
    };
    Some(Realised {
        asked,
        flagged: flagged(Class::Negative)?,
        clean_failed: flagged(Class::CleanFailed),
        found: flagged(Class::Positive),
    })
}

fn figures(sessions: &[(Class, &Track)], column: usize, method: Method) -> MethodFigures {
    let values = |track: &Track| -> Vec<f64> { track.rows.iter().filter_map(|row| row.get(column).copied()).collect() };
    let of = |class: Class| sessions.iter().filter(move |(c, _)| *c == class).map(|(_, track)| *track);
    let strangest = |class: Class| -> Vec<f64> {
        let highest = |values: Vec<f64>| values.into_iter().fold(f64::NEG_INFINITY, f64::max);
        let last = |values: Vec<f64>| values.last().copied().unwrap_or(f64::NEG_INFINITY);
        of(class).map(|t| if method.of_session() { last(values(t)) } else { highest(values(t)) }).collect()
    };
    let (positives, negatives) = (strangest(Class::Positive), strangest(Class::Negative));
    let mut with_clean = negatives.clone();
    with_clean.extend(strangest(Class::CleanFailed));
    let found = |negatives: &[f64]| -> Vec<Detection> {
        RATES.iter().filter_map(|rate| detection(&positives, negatives, *rate)).collect()
    };
    let malicious: Vec<f64> = of(Class::Positive)
        .filter(|_| !method.of_session())
        .flat_map(|track| track.malicious.iter().filter_map(|i| track.rows.get(*i)?.get(column).copied()))
        .collect();
    let benign: Vec<f64> = of(Class::Negative).flat_map(values).collect();
    let attacks: Vec<(Vec<f64>, usize)> =
        of(Class::Positive).filter_map(|track| Some((values(track), *track.malicious.first()?))).collect();
    let ranking = Ranking::new(&positives, &negatives);
    let detection = found(&negatives);
    let delays = detection
        .iter()
        .map(|d| delay(attacks.iter().map(|(scores, first)| (scores.as_slice(), *first)), d.threshold, d.rate));
    MethodFigures {
        name: method.as_str(),
        session_auroc: ranking.as_ref().map(Ranking::auroc),
        interval: ranking.as_ref().map(|ranking| ranking.interval(REPLICATES, SEED)),
        session_auroc_with_clean_failed: auroc(&positives, &with_clean),
        event_auroc: auroc(&malicious, &benign),
        delay: delays.collect(),
        detection_with_clean_failed: found(&with_clean),
        detection,
        roc: ranking.map(|ranking| ranking.roc(ROC_POINTS)).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A track whose score column is `scores`, everything else 0.
    fn track(scores: &[f64], malicious: &[usize]) -> Track {
        let row = |score: &f64| {
            let mut row = [0.0; METHODS.len()];
            row[0] = *score;
            row
        };
        Track { rows: scores.iter().map(row).collect(), malicious: malicious.to_vec(), alarmed: scores[0] > 4.0 }
    }

    #[test]
    fn realised_shares_count_sessions_at_or_above_the_cut() {
        let with_evidence = |evidence: f64| {
            let mut track = track(&[0.0, 0.0], &[]);
            track.rows[1][1] = evidence;
            (Class::Negative, track)
        };
        let tracks: Vec<_> = (0..20).map(|i| with_evidence(if i < 3 { 3.0 } else { 2.9 })).collect();
        let sessions: Vec<_> = tracks.iter().map(|(class, track)| (*class, track)).collect();
        // -ln .05 is 2.996, -ln .01 is 4.6.
        let [five, one] = [0.05, 0.01].map(|asked| realised(&sessions, asked).unwrap());
        assert_eq!((five.flagged, five.found), (0.15, None));
        assert!((five.factor() - 3.0).abs() < 1e-12 && one.factor().abs() < 1e-12);
    }

    #[test]
    fn figures_of_a_hand_made_set_are_those_worked_out_by_hand() {
        let tracks = [
            (Class::Positive, track(&[1.0, 1.0, 6.0], &[1])), // session 6, found one event after the malicious one
            (Class::Positive, track(&[2.0, 3.0], &[1])),      // session 3
            (Class::Negative, track(&[5.0, 0.0], &[])),
            (Class::Negative, track(&[1.0], &[])),
            (Class::CleanFailed, track(&[3.0], &[])),
            (Class::LeftOut, track(&[9.0], &[])),
            (Class::Negative, Track::default()),
        ];
        let sessions: Vec<_> = tracks.iter().map(|(class, track)| (*class, track)).collect();
        let quality = Quality::of(&sessions, &METHODS, 7);
        let counted = Sessions {
            positives: 2,
            negatives: 2,
            clean_failed: 1,
            left_out: 1,
            without_events: 1,
            unlabelled_events: 7,
        };
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
