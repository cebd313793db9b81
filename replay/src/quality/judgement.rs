//! What the engine did at its settings, as right or wrong, beside rules that anybody could follow.
//!
//! Sessions are what is counted as right or wrong: an attacked one is found by an alarm at or after its first malicious
//! event, a benign one is flagged by any alarm. Attacked sessions that belong together are one episode. The other rules
//! get a cut at which they flag no more benign sessions than the engine does, so that what they find can be compared.

use serde::Serialize;

use super::alarms::{Alarms, Identity};
use super::bootstrap::Bootstrap;
use super::collect::Method;
use super::curve::{Curve, Scored};
use super::episode::{Delays, Elapsed, Episode, delays, episodes};
use super::threshold;
use super::track::{Place, Track};
use crate::label::Class;

/// Points of a curve, plus one.
const POINTS: usize = 200;

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower end; absent where identities are too few to say.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

/// How much of what was scored the labels tell of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Labels read, or made by an injection.
    pub labels: usize,
    /// Labels whose session has no scored event.
    pub labels_without_events: usize,
    /// Sessions that are judged.
    pub sessions: usize,
    /// Scored events of judged sessions.
    pub labelled_events: u64,
    /// Scored events of sessions that nothing is known of.
    pub unlabelled_events: u64,
    /// Whether sessions without a label were taken for benign.
    pub unlabelled_count_as_benign: bool,
}

/// Alerts or revocations, by what they belong to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RightOrWrong {
    /// Those that an event of an attack caused or joined.
    pub right: u64,
    /// Those that benign sessions caused alone.
    pub wrong: u64,
    /// Those of sessions that count neither way.
    pub unknown: u64,
}

/// One rule: the engine, or what it is compared with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// A session alarms above this; absent for the engine, whose budget decides, and for the rule that always alerts.
    pub cut: Option<f64>,
    /// Area under the ROC curve of sessions.
    pub auroc: Option<Estimate>,
    /// Area under the precision-recall curve of sessions.
    pub average_precision: Option<Estimate>,
    /// Share of the episodes that are found.
    pub recall: Option<Estimate>,
    /// Episodes found.
    pub found: usize,
    /// Benign sessions flagged.
    pub flagged: usize,
    /// Share of the flagged sessions that are attacked ones.
    pub precision: Option<Estimate>,
    /// Benign sessions flagged in 1,000 identity-days.
    pub false_alarms_per_1000_identity_days: Option<Estimate>,
    /// From the first malicious event to the alarm.
    pub delay: Option<Delays>,
    /// Interval of the median delay in events.
    pub delay_median: Option<Estimate>,
    /// (false-alarm rate, share found) of sessions.
    pub roc: Vec<(f64, f64)>,
    /// (share found, precision) of sessions.
    pub precision_recall: Vec<(f64, f64)>,
}

/// What was found of one kind of attack.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attack {
    /// Its name in the labels.
    pub name: String,
    /// Episodes.
    pub episodes: usize,
    /// Episodes that the engine found.
    pub found: usize,
    /// From the first malicious event to the alarm.
    pub delay: Option<Delays>,
}

/// The judgement of a replay.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Judgement {
    /// What the labels cover.
    pub coverage: Coverage,
    /// Episodes of attack.
    pub episodes: usize,
    /// Attacked sessions.
    pub attacked_sessions: usize,
    /// Benign sessions, ignored attacks among them.
    pub benign_sessions: usize,
    /// Sum over UTC days of the identities that acted.
    pub identity_days: u64,
    /// Alerts of the engine.
    pub alerts: RightOrWrong,
    /// Its revocations.
    pub revocations: RightOrWrong,
    /// Wrong alerts in 1,000 identity-days: what the budget promises to bound.
    pub false_alerts_per_1000_identity_days: Option<Estimate>,
    /// The engine first, then what it is compared with.
    pub rules: Vec<Rule>,
    /// By kind of attack.
    pub attacks: Vec<Attack>,
    /// How the intervals were made.
    pub bootstrap: Bootstrap,
}

/// What all rules are judged on.
struct Ground<'a> {
    tracks: &'a [&'a Track],
    episodes: Vec<Episode<'a>>,
    identities: Vec<Identity>,
    bootstrap: Bootstrap,
}

impl Judgement {
    pub(super) fn of(tracks: &[&Track], alarms: &Alarms, with_scores: bool, seed: u64) -> Self {
        let identities = alarms.identities();
        let attacked = || tracks.iter().copied().filter(|track| track.class == Class::Positive);
        let ground = Ground {
            tracks,
            episodes: episodes(attacked()),
            bootstrap: Bootstrap::new(identities.len(), tracks.len(), seed),
            identities,
        };
        let mut judgement = Judgement {
            episodes: ground.episodes.len(),
            attacked_sessions: attacked().count(),
            benign_sessions: ground.benign().count(),
            identity_days: ground.identities.iter().map(|identity| u64::from(identity.days)).sum(),
            bootstrap: ground.bootstrap,
            ..Judgement::default()
        };
        judgement.coverage.sessions = tracks.len();
        for Identity { alerts, revocations, .. } in &ground.identities {
            for (sum, sides) in [(&mut judgement.alerts, alerts), (&mut judgement.revocations, revocations)] {
                sum.right += sides.attack;
                sum.wrong += sides.benign;
                sum.unknown += sides.unknown;
            }
        }
        if ground.tracks.is_empty() {
            return judgement;
        }
        judgement.false_alerts_per_1000_identity_days = ground.false_alerts();
        judgement.attacks = ground.attacks();
        judgement.rules = ground.rules(with_scores);
        judgement
    }

    /// The engine's own row.
    pub fn engine(&self) -> Option<&Rule> {
        self.rules.first()
    }

    /// Episodes that were not found.
    pub fn missed(&self) -> usize {
        self.episodes - self.engine().map_or(0, |rule| rule.found)
    }
}

/// Where an attacked session is found.
type Found<'a> = Box<dyn Fn(&Track) -> Option<Place> + 'a>;

/// What one rule flags.
struct Flagged<'a> {
    name: &'static str,
    cut: Option<f64>,
    /// The column that ranks sessions.
    method: Option<Method>,
    attack: Found<'a>,
    benign: Box<dyn Fn(&Track) -> bool + 'a>,
}

impl<'a> Ground<'a> {
    fn benign(&self) -> impl Iterator<Item = &'a Track> + '_ {
        self.tracks.iter().copied().filter(|track| matches!(track.class, Class::Negative | Class::CleanFailed))
    }

    fn rules(&self, with_scores: bool) -> Vec<Rule> {
        let engine = Flagged {
            name: "engine at its budget",
            cut: None,
            method: with_scores.then_some(Method::Evidence),
            attack: Box::new(|track| track.found),
            benign: Box::new(|track| track.alarmed),
        };
        let mut rules = vec![self.rule(&engine)];
        if !with_scores {
            return rules;
        }
        let benign = self.benign().count().max(1);
        let rate = self.benign().filter(|track| track.alarmed).count() as f64 / benign as f64;
        for method in [Method::FirstSeen, Method::Random] {
            let column = method.column();
            let scores: Vec<f64> = self.benign().map(|track| track.highest(column)).collect();
            let Some(cut) = threshold(&scores, rate).or(scores.first().map(|_| f64::NEG_INFINITY)) else { continue };
            rules.push(self.rule(&Flagged {
                name: method.as_str(),
                cut: Some(cut),
                method: Some(method),
                attack: Box::new(move |track| track.above(column, cut)),
                benign: Box::new(move |track| track.highest(column) > cut),
            }));
        }
        rules.push(self.rule(&Flagged {
            name: "always alert",
            cut: None,
            method: None,
            attack: Box::new(|track| Some(Place { event: 0, time: track.first })),
            benign: Box::new(|_| true),
        }));
        rules
    }

    fn rule(&self, rule: &Flagged<'_>) -> Rule {
        let found: Vec<(u32, Option<Elapsed>)> =
            self.episodes.iter().map(|episode| (episode.identity, episode.found(&rule.attack))).collect();
        let elapsed: Vec<(u32, Elapsed)> =
            found.iter().filter_map(|(who, elapsed)| Some((*who, (*elapsed)?))).collect();
        let flagged: Vec<u32> =
            self.benign().filter(|track| (rule.benign)(track)).map(|track| track.identity).collect();
        let caught: Vec<u32> = self.attacked().filter(|t| (rule.attack)(t).is_some()).map(|t| t.identity).collect();
        let curve = self.curve(rule.method);
        let statistics = |drawn: &dyn Fn(u32) -> u32| {
            let times = |who: u32| f64::from(drawn(who));
            let sum = |of: &[u32]| of.iter().map(|who| times(*who)).sum::<f64>();
            let [auroc, precision] = curve.areas(times);
            let all = found.iter().map(|(who, _)| times(*who)).sum::<f64>();
            let recall = elapsed.iter().map(|(who, _)| times(*who)).sum::<f64>() / all;
            let days: f64 = (0..).zip(&self.identities).map(|(who, id)| times(who) * f64::from(id.days)).sum();
            let (wrong, right) = (sum(&flagged), sum(&caught));
            let delay = delays(&elapsed, drawn).map_or(f64::NAN, |delays| delays.events_median);
            vec![auroc, precision, recall, right / (right + wrong), 1000.0 * wrong / days, delay]
        };
        let [auroc, average_precision, recall, precision, false_alarms, delay_median] = self.estimates(statistics);
        Rule {
            name: rule.name,
            cut: rule.cut.filter(|cut| cut.is_finite()),
            auroc,
            average_precision,
            recall,
            found: elapsed.len(),
            flagged: flagged.len(),
            precision,
            false_alarms_per_1000_identity_days: false_alarms,
            delay: delays(&elapsed, |_| 1),
            delay_median,
            roc: curve.roc(POINTS),
            precision_recall: curve.precision_recall(POINTS),
        }
    }

    fn attacked(&self) -> impl Iterator<Item = &'a Track> + '_ {
        self.tracks.iter().copied().filter(|track| track.class == Class::Positive)
    }

    /// Sessions ranked by a method; without one all are equal.
    fn curve(&self, method: Option<Method>) -> Curve {
        let score = |track: &Track| method.map_or(0.0, |method| track.highest(method.column()));
        let scored =
            |positive| move |track: &'a Track| Scored { score: score(track), positive, identity: track.identity };
        Curve::new(self.attacked().map(scored(true)).chain(self.benign().map(scored(false))).collect())
    }

    /// Each statistic over what was seen, with its interval; none where it has no value.
    fn estimates<const N: usize>(&self, statistics: impl Fn(&dyn Fn(u32) -> u32) -> Vec<f64>) -> [Option<Estimate>; N] {
        let values = statistics(&|_| 1);
        let intervals =
            self.bootstrap.intervals(|drawn| statistics(&|who| drawn.get(who as usize).copied().unwrap_or(0)));
        let mut estimates = [None; N];
        for ((estimate, value), interval) in estimates.iter_mut().zip(values).zip(intervals) {
            let (low, high) = interval.map(|interval| (interval.low, interval.high)).unzip();
            // An empty sum is -0.
            let plain = |x: f64| x + 0.0;
            *estimate =
                (!value.is_nan()).then(|| Estimate { value: plain(value), low: low.map(plain), high: high.map(plain) });
        }
        estimates
    }

    fn false_alerts(&self) -> Option<Estimate> {
        let [rate] = self.estimates(|drawn| {
            let (mut wrong, mut days) = (0.0, 0.0);
            for (who, identity) in (0..).zip(&self.identities) {
                let times = f64::from(drawn(who));
                wrong += times * identity.alerts.benign as f64;
                days += times * f64::from(identity.days);
            }
            vec![1000.0 * wrong / days]
        });
        rate
    }

    fn attacks(&self) -> Vec<Attack> {
        let mut names: Vec<&str> = self.episodes.iter().map(|episode| episode.attack).collect();
        names.sort_unstable();
        names.dedup();
        let of = |name: &str| {
            let episodes: Vec<&Episode<'_>> = self.episodes.iter().filter(|episode| episode.attack == name).collect();
            let found: Vec<(u32, Elapsed)> =
                episodes.iter().filter_map(|e| Some((e.identity, e.found(|track| track.found)?))).collect();
            let delay = delays(&found, |_| 1);
            Attack { name: name.to_owned(), episodes: episodes.len(), found: found.len(), delay }
        };
        names.into_iter().map(of).collect()
    }
}

#[cfg(test)]
#[path = "judgement/tests.rs"]
mod tests;
