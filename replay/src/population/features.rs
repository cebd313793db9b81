//! What a session looks like in numbers, each against the identity's own past: what both floors look at.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use models::event::{ActionOutcome, Event};

use crate::floor::{Moments, key, tool_key};

/// Numbers of a session.
pub const FEATURES: usize = 14;
/// Past sessions of an identity from which its numbers are compared with them.
const ENOUGH: f64 = 5.0;

/// One number a feature, in standard deviations of the identity's own past sessions.
pub type Features = [f64; FEATURES];

/// What one identity has done so far.
#[derive(Debug, Clone, Default)]
struct Past {
    seen: HashSet<u64>,
    /// Sessions by hour, working days then weekends.
    hours: [[f64; 24]; 2],
    moments: [Moments; FEATURES],
}

/// The pasts of all identities.
#[derive(Debug, Clone, Default)]
pub struct Pasts(BTreeMap<Box<str>, Past>);

impl Pasts {
    /// How many sessions the identity of these events has finished.
    pub fn sessions(&self, session: &[Event]) -> f64 {
        let past = session.first().and_then(|event| self.0.get(&event.identity));
        past.and_then(|past| past.moments.first()).map_or(0.0, |moments| moments.count)
    }

    /// The numbers of a session, standardised; all 0 for an identity with too short a past.
    pub fn features(&self, session: &[Event]) -> Features {
        let nobody = Past::default();
        let past = session.first().and_then(|event| self.0.get(&event.identity)).unwrap_or(&nobody);
        let raw = past.raw(session);
        std::array::from_fn(|i| match (past.moments.get(i), raw.get(i)) {
            (Some(moments), Some(x)) => moments.standardise(*x, ENOUGH, 0.0),
            _ => 0.0,
        })
    }

    /// Takes a finished session into its identity's past.
    pub fn learn(&mut self, session: &[Event]) {
        let Some(first) = session.first() else { return };
        let past = self.0.entry(first.identity.clone()).or_default();
        let raw = past.raw(session);
        for (moments, x) in past.moments.iter_mut().zip(raw) {
            moments.push(x);
        }
        let mut previous = 0;
        for event in session {
            past.seen.extend(marks(event, previous).into_iter().flatten());
            past.seen.extend(event.targets.iter().map(|target| key(("target", target))));
            previous = tool_key(event);
        }
        if let Some(hour) = past.hour_mut(first) {
            *hour += 1.0;
        }
    }
}

/// What may be new about an event: its tool, the step from the tool before, its source.
fn marks(event: &Event, previous: u64) -> [Option<u64>; 3] {
    let tool = tool_key(event);
    let source = event.source.as_ref().map(|source| key(("source", &source.ip, &source.region)));
    [Some(tool), (previous != 0).then(|| key(("step", previous, tool))), source]
}

/// Whether it is a weekend, and the hour of the day.
fn hour(event: &Event) -> (usize, usize) {
    let seconds = event.time.as_seconds();
    let weekend = (seconds.div_euclid(86_400) + 3).rem_euclid(7) >= 5;
    (usize::from(weekend), (seconds.rem_euclid(86_400) / 3600) as usize)
}

impl Past {
    fn hour_mut(&mut self, event: &Event) -> Option<&mut f64> {
        let (part, hour) = hour(event);
        self.hours.get_mut(part)?.get_mut(hour)
    }

    fn at_hour(&self, event: &Event) -> f64 {
        let (part, hour) = hour(event);
        self.hours.get(part).and_then(|hours| hours.get(hour)).copied().unwrap_or(0.0)
    }

    fn raw(&self, session: &[Event]) -> Features {
        let (mut new, mut new_targets) = ([0.0; 3], 0.0);
        let (mut tools, mut targets) = (BTreeSet::new(), BTreeSet::new());
        let (mut bytes_in, mut bytes_out, mut records, mut failed, mut effects, mut largest) =
            (0_u64, 0_u64, 0_u64, 0.0, 0.0, 0_u64);
        let mut previous = 0;
        for event in session {
            for (count, mark) in new.iter_mut().zip(marks(event, previous)) {
                *count += f64::from(u8::from(mark.is_some_and(|mark| !self.seen.contains(&mark))));
            }
            previous = tool_key(event);
            tools.insert(previous);
            for target in event.targets.iter().map(|target| key(("target", target))) {
                if targets.insert(target) {
                    new_targets += f64::from(u8::from(!self.seen.contains(&target)));
                }
            }
            let (sent, received) = (event.bytes_in.unwrap_or(0), event.bytes_out.unwrap_or(0));
            bytes_in = bytes_in.saturating_add(sent);
            bytes_out = bytes_out.saturating_add(received);
            largest = largest.max(sent.saturating_add(received));
            records = records.saturating_add(event.records.unwrap_or(0));
            failed += f64::from(u8::from(event.outcome != ActionOutcome::Success));
            effects += f64::from(u8::from(event.action.is_some_and(models::event::Action::is_side_effect)));
        }
        let ln = |x: u64| (x as f64).ln_1p();
        let duration = match (session.first(), session.last()) {
            (Some(first), Some(last)) => last.time.seconds_since(first.time).max(0.0).ln_1p(),
            _ => 0.0,
        };
        let total: f64 = self.hours.iter().flatten().sum();
        let at_hour = session.first().map_or(0.0, |first| self.at_hour(first));
        let [new_tools, new_steps, new_sources] = new.map(f64::ln_1p);
        [
            (session.len() as f64).ln_1p(),
            tools.len() as f64,
            (targets.len() as f64).ln_1p(),
            f64::ln_1p(new_targets),
            new_tools,
            new_steps,
            new_sources,
            ln(bytes_in),
            ln(bytes_out),
            ln(records),
            ln(largest),
            failed + 0.2 * effects,
            duration,
            // Surprise of the hour, shrunk towards one in 48.
            -((at_hour + 1.0) / (total + 48.0)).ln(),
        ]
    }
}
