//! Why: what was seen against what is usual, in words, from the very numbers that were scored.
//!
//! Names come from events and are written by whoever sends them: they are shortened, and what could move a cursor or turn
//! the direction of text is replaced.

mod circumstance;

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::names::Names;
use super::scoring::Scores;
use super::verdict::Doing;
use crate::alert::{AlertEvent, Contribution};
use crate::baseline::{Baseline, Direction, Setting, Step, TargetKeys, in_bytes, prior};
use crate::dimension::{Dimension, DimensionValues};
use crate::estimator::normal::Moments;
use crate::estimator::novelty::Familiarity;
use crate::event::{Action, Event, Timestamp};
use crate::fingerprint::mix;
use crate::peers::{GroupModel, is_start};
use crate::text::disarmed;

/// Surprise (nats) beyond which a dimension's share grows no more: so far outside the data a tail is only a model, and one
/// huge number must not hide the others.
const SHARE_NATS: f64 = 10.0;
/// Characters of a name that are shown.
const SHOWN: usize = 120;

/// A strange event, kept for the alert that may come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Notable {
    pub event: AlertEvent,
    /// What is odd, as one fingerprint: what peers may show as well.
    pub odd: u64,
    /// What an analyst may come to expect.
    pub doing: Doing,
    pub findings: DimensionValues<Option<Finding>>,
}

/// What one dimension found in one event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Finding {
    pub nats: f64,
    pub actual: String,
    pub typical: String,
}

impl Notable {
    pub(super) fn bytes(&self) -> usize {
        let texts = self.findings.iter().flatten().map(|f| f.actual.len() + f.typical.len()).sum::<usize>();
        size_of::<Self>() + texts + self.event.targets.iter().map(|t| t.len()).sum::<usize>()
    }
}

/// A name from an event, fit to be shown between backticks.
pub(super) fn shown(text: &str) -> String {
    disarmed(text, SHOWN).replace('`', "\u{fffd}")
}

/// Everything an explanation is made from.
pub(super) struct Explainer<'a> {
    pub event: &'a Event,
    pub action: Action,
    pub step: &'a Step,
    pub targets: &'a [TargetKeys],
    pub scores: &'a Scores,
    pub setting: Option<&'a Setting>,
    pub baseline: &'a Baseline,
    pub group: &'a GroupModel,
    pub names: &'a Names,
}

impl Explainer<'_> {
    /// The event with what each dimension found in it.
    pub(super) fn notable(&self, time: Timestamp) -> Notable {
        let event = self.event;
        let dimensions = self.scores.dimensions();
        let strongest = Dimension::ALL
            .into_iter()
            .zip(dimensions)
            .filter_map(|(d, nats)| Some((d, nats?)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(d, _)| d);
        let mut findings = Dimension::ALL.map(|_| None);
        for ((finding, dimension), nats) in findings.iter_mut().zip(Dimension::ALL).zip(dimensions) {
            *finding = nats.map(|nats| self.finding(dimension, nats));
        }
        Notable {
            odd: self.odd(strongest),
            doing: Doing::of(self.step, self.targets, self.scores),
            event: AlertEvent {
                id: event.id.clone(),
                time,
                server: event.server.clone(),
                tool: event.tool.clone(),
                action: self.action,
                targets: event.targets.iter().take(8).cloned().collect(),
                bytes_in: event.bytes_in,
                bytes_out: event.bytes_out,
                outcome: event.outcome,
                score: self.scores.score(),
                strongest,
            },
            findings,
        }
    }

    /// The tool and its strongest dimension, and where it leads if that is strange: peers that meet new places of their own, as
    /// after a release, do not share one that only a hijacked agent goes to.
    fn odd(&self, strongest: Option<Dimension>) -> u64 {
        let strange = self.scores.target.filter(|target| target.familiarity == Familiarity::New);
        let place = strange.and_then(|target| self.targets.get(target.index)).map_or(0, |keys| keys.prefix);
        mix(mix(self.step.tool, strongest.map_or(0, |d| d as u64 + 1)), place)
    }

    fn finding(&self, dimension: Dimension, nats: f64) -> Finding {
        let (actual, typical) = match dimension {
            Dimension::Tool => self.tool(),
            Dimension::Target => self.target(),
            Dimension::Chain => self.chain(),
            Dimension::Volume => self.volume(),
            Dimension::Rate => self.rate(),
            Dimension::Schedule => self.schedule(),
            Dimension::Context => self.context(),
            Dimension::Delegation => self.delegation(),
            Dimension::Scope => self.scope(),
            Dimension::Flow => self.flow(),
        };
        Finding { nats, actual, typical }
    }

    fn tool_name(&self) -> String {
        shown(&self.event.tool)
    }

    fn tool(&self) -> (String, String) {
        let calls = self.baseline.calls();
        let own = self.baseline.calls_of(self.step.tool);
        let name = self.tool_name();
        let action = self.action;
        let actual = if own < 0.5 {
            let peers =
                if self.group.tool_count(self.step.tool) > 0.0 { ", though peers use it" } else { ", nor by a peer" };
            format!("`{name}` ({action}): never used by this identity{peers}")
        } else {
            format!("`{name}` ({action}): {} of its calls", percent(own / calls.max(1.0)))
        };
        let mut tools: Vec<_> = self.baseline.tools().iter().collect();
        tools.sort_by(|a, b| b.count.total_cmp(&a.count).then(a.key.cmp(&b.key)));
        let mut typical = String::from("no history yet");
        for (i, tool) in tools.iter().take(3).enumerate() {
            let share = percent(f64::from(tool.count) / calls.max(1.0));
            if i == 0 {
                typical = String::from("most used: ");
            }
            let _ = write!(typical, "{}`{}` {share}", if i > 0 { ", " } else { "" }, shown(&self.names.tool(tool.key)));
        }
        (actual, typical)
    }

    fn target(&self) -> (String, String) {
        let name = self.tool_name();
        let found = self.scores.target;
        let target = found.and_then(|t| self.event.targets.get(t.index)).map(|t| shown(t)).unwrap_or_default();
        let actual = match found.map(|t| t.familiarity) {
            Some(Familiarity::New) => {
                format!("`{name}` on `{target}`: new to this identity and its peers, and nothing near it is known")
            }
            Some(Familiarity::Nearby) => {
                format!("`{name}` on `{target}`: new to this identity and its peers, though others near it are known")
            }
            Some(Familiarity::KnownToPeers) => format!("`{name}` on `{target}`: new to this identity, known to peers"),
            Some(Familiarity::Known) => format!("`{name}` on `{target}`: known, but not on this task"),
            _ => format!("`{name}` on `{target}`: known"),
        };
        let injected = self.step.injected == Some(true) && found.is_some_and(|t| t.familiarity > Familiarity::Known);
        let actual = if injected { format!("{actual}; it came out of a tool's result") } else { actual };
        let [on_task, new, ..] = self.baseline.circle_rates(self.step, self.group);
        let rate = on_task * new;
        let typical = format!("`{name}` meets a new target in {} of its calls", percent(rate));
        (actual, typical)
    }

    fn chain(&self) -> (String, String) {
        let [previous, _] = self.step.previous;
        let name = self.tool_name();
        let before = self.names.step(previous);
        let scores = self.scores;
        let actual = if is_start(previous) {
            format!("`{name}` as the first call: {} expected", percent((-scores.order_nats).exp()))
        } else {
            format!("`{name}` right after `{}`: {} expected", shown(&before), percent((-scores.order_nats).exp()))
        };
        let mut following: Vec<_> = self
            .names
            .tools()
            .map(|(tool, name)| (self.baseline.share_after(previous, tool), name))
            .filter(|(share, _)| *share > 0.0)
            .collect();
        following.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        let place = if is_start(previous) { "first".to_owned() } else { format!("after `{}`", shown(&before)) };
        if following.is_empty() {
            return (actual, format!("nothing known {place}"));
        }
        let list: Vec<_> =
            following.iter().take(3).map(|(share, name)| format!("`{}` {}", shown(name), percent(*share))).collect();
        (actual, format!("{place}: {}", list.join(", ")))
    }

    fn volume(&self) -> (String, String) {
        let name = self.tool_name();
        let direction = self.scores.volume.map_or(Direction::Out, |v| v.direction);
        let (bytes, verb, index) = match direction {
            Direction::In => (self.event.bytes_in, "sent to", 0),
            Direction::Out => (self.event.bytes_out, "received from", 1),
        };
        let actual = format!("{} {verb} `{name}`", size(bytes.unwrap_or(0) as f64));
        let own = self.baseline.tool(self.step.tool).and_then(|t| t.bytes.get(index).copied());
        let typical = match own.and_then(|m| typical_bytes(&m)) {
            Some((low, high)) => format!("{} to {} (middle 90 %)", size(low as f64), size(high as f64)),
            None => match self.group.mean_bytes(self.step.tool, index) {
                Some(mean) => format!("no own history; peers: about {}", size(in_bytes(mean))),
                None => "no history yet".to_owned(),
            },
        };
        (actual, typical)
    }
}

/// The middle 90 % of what a tool's volume usually is; `None` with fewer than 5 calls.
pub(super) fn typical_bytes(moments: &Moments) -> Option<(u64, u64)> {
    if moments.n() < 5.0 {
        return None;
    }
    let mean = moments.mean()?;
    // The predictive scale: one standardised unit above the mean.
    let unit = 1.0 / moments.residual(mean + 1.0, prior(mean)).t;
    let at = |z: f64| in_bytes(mean + z * unit).round() as u64;
    Some((at(-1.645), at(1.645)))
}

/// The strongest finding of each dimension over the kept events, strongest dimension first, shares summing to 1.
pub(super) fn contributions(notable: &[Notable]) -> Vec<Contribution> {
    let mut out: Vec<Contribution> = Vec::with_capacity(Dimension::COUNT);
    for (index, dimension) in Dimension::ALL.into_iter().enumerate() {
        let found = notable.iter().filter_map(|n| Some((n.findings.get(index)?.as_ref()?, &n.event)));
        let Some((finding, event)) = found.max_by(|a, b| a.0.nats.total_cmp(&b.0.nats)) else { continue };
        out.push(Contribution {
            dimension,
            bits: finding.nats / std::f64::consts::LN_2,
            share: (finding.nats.min(SHARE_NATS) - 1.0).max(0.0),
            actual: finding.actual.clone(),
            typical: finding.typical.clone(),
            event: event.id.clone(),
        });
    }
    let sum: f64 = out.iter().map(|c| c.share).sum();
    for contribution in &mut out {
        contribution.share = if sum > 0.0 { contribution.share / sum } else { 0.0 };
    }
    out.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.dimension.cmp(&b.dimension)));
    out
}

/// One sentence: what happened, from the strongest finding.
pub(super) fn summary(contributions: &[Contribution]) -> String {
    match contributions {
        [first, second, ..] if second.share > 0.2 => format!("{}; {}", first.actual, second.actual),
        [first, ..] => first.actual.clone(),
        [] => "many small deviations in one session".to_owned(),
    }
}

pub(super) fn percent(share: f64) -> String {
    match share * 100.0 {
        p if p >= 10.0 => format!("{p:.0} %"),
        p if p >= 0.1 => format!("{p:.1} %"),
        _ => "under 0.1 %".to_owned(),
    }
}

/// Bytes for people: powers of 1000.
fn size(bytes: f64) -> String {
    match bytes {
        b if b < 1e3 => format!("{b:.0} B"),
        b if b < 1e6 => format!("{:.1} kB", b / 1e3),
        b if b < 1e9 => format!("{:.1} MB", b / 1e6),
        b => format!("{:.1} GB", b / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_shortened_and_disarmed() {
        assert_eq!(shown("a\u{202e}b\nc`"), "a\u{fffd}b\u{fffd}c\u{fffd}");
        let long = shown(&"x".repeat(500));
        assert_eq!(long.chars().count(), SHOWN + 1);
    }

    #[test]
    fn typical_bytes_bracket_what_was_learned() {
        let mut moments = Moments::default();
        for bytes in [900.0_f64, 1000.0, 1100.0, 1000.0, 950.0, 1050.0] {
            moments.push(crate::baseline::ln_bytes(bytes));
        }
        let (low, high) = typical_bytes(&moments).unwrap();
        assert!(low < 900 && high > 1100, "{low} {high}");
    }
}
