//! A session as a few numbers, for the two floors that judge sessions as wholes.

use std::collections::{BTreeMap, HashSet};

use models::event::{Action, Event};
use serde::{Deserialize, Serialize};

use super::{Forest, identity_key, key, session_key, tool_key};

/// Numbers of a session: `ln(1 + calls)` of each action class, new tools, new targets, `ln(1 + bytes)` sent and received,
/// and `ln(1 + calls)`.
const FEATURES: usize = Action::ALL.len() + 5;
type Row = [f64; FEATURES];

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Session {
    identity: u64,
    actions: [f64; Action::ALL.len()],
    new_tools: f64,
    new_targets: f64,
    bytes_in: f64,
    bytes_out: f64,
    events: f64,
}

impl Session {
    fn row(&self) -> Row {
        let mut row = [0.0; FEATURES];
        let rest =
            [self.new_tools, self.new_targets, self.bytes_in.ln_1p(), self.bytes_out.ln_1p(), self.events.ln_1p()];
        for (x, value) in row.iter_mut().zip(self.actions.map(f64::ln_1p).into_iter().chain(rest)) {
            *x = value;
        }
        row
    }
}

/// Mean and standard deviation of each number.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Usual([(f64, f64); FEATURES]);

impl Usual {
    fn of(rows: &[Row]) -> Self {
        let n = rows.len() as f64;
        let mut usual = [(0.0, 0.0); FEATURES];
        for (i, (mean, deviation)) in usual.iter_mut().enumerate() {
            let values = || rows.iter().filter_map(|row| row.get(i));
            *mean = values().sum::<f64>() / n;
            *deviation = (values().map(|x| (x - *mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        }
        Self(usual)
    }

    /// How many numbers lie more than two standard deviations above the mean.
    fn beyond(&self, row: &Row) -> f64 {
        // Where all past sessions agree, rounding must not count.
        row.iter().zip(self.0).filter(|(x, (mean, deviation))| **x > mean + 2.0 * deviation + 1e-9).count() as f64
    }
}

/// Whole sessions by their numbers: how many lie beyond two sigma of the identity's own history, and an isolation forest
/// over all sessions of the history. What is new is new to the identity; the history counts as new what it did first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SessionFloors {
    seen: HashSet<u64>,
    sessions: BTreeMap<u64, Session>,
    usual: BTreeMap<u64, Usual>,
    everyone: Option<Usual>,
    forest: Option<Forest>,
}

impl SessionFloors {
    /// Takes in one event of the history.
    pub fn learn(&mut self, event: &Event) {
        for thing in self.observe(event) {
            self.seen.insert(thing);
        }
    }

    /// Ends the history: its sessions are complete.
    pub fn freeze(&mut self) {
        let mut all: Vec<Row> = Vec::with_capacity(self.sessions.len());
        let mut by_identity: BTreeMap<u64, Vec<Row>> = BTreeMap::new();
        for session in std::mem::take(&mut self.sessions).into_values() {
            all.push(session.row());
            by_identity.entry(session.identity).or_default().push(session.row());
        }
        self.usual = by_identity.iter().filter(|(_, r)| r.len() > 1).map(|(i, rows)| (*i, Usual::of(rows))).collect();
        self.everyone = (all.len() > 1).then(|| Usual::of(&all));
        self.forest = Forest::fit(&all);
    }

    /// Takes in one scored event.
    pub fn push(&mut self, event: &Event) {
        self.observe(event);
    }

    /// Numbers beyond two sigma, and the forest's score, of the session of `event` so far. An identity with fewer than two
    /// past sessions is compared with all.
    pub fn scores(&self, event: &Event) -> [f64; 2] {
        let Some(session) = self.sessions.get(&session_key(event)) else { return [0.0; 2] };
        let row = session.row();
        let usual = self.usual.get(&session.identity).or(self.everyone.as_ref());
        [usual.map_or(0.0, |usual| usual.beyond(&row)), self.forest.as_ref().map_or(0.0, |forest| forest.score(&row))]
    }

    /// Adds the event to its session; gives what it uses.
    fn observe(&mut self, event: &Event) -> Vec<u64> {
        let identity = identity_key(event);
        let tool = key((identity, "tool", tool_key(event)));
        let targets: Vec<u64> = event.targets.iter().map(|target| key((identity, "target", target))).collect();
        let session = self.sessions.entry(session_key(event)).or_default();
        session.identity = identity;
        let action = event.action.unwrap_or(Action::Execute);
        if let Some(count) = Action::ALL.iter().position(|a| *a == action).and_then(|i| session.actions.get_mut(i)) {
            *count += 1.0;
        }
        session.new_tools += f64::from(u8::from(!self.seen.contains(&tool)));
        session.new_targets += targets.iter().filter(|target| !self.seen.contains(target)).count() as f64;
        session.bytes_in += event.bytes_in.unwrap_or(0) as f64;
        session.bytes_out += event.bytes_out.unwrap_or(0) as f64;
        session.events += 1.0;
        targets.into_iter().chain([tool]).collect()
    }
}

#[cfg(test)]
mod tests {
    use models::event::decode;

    use super::*;

    fn event(session: usize, tool: &str, bytes: u64) -> Event {
        let time = "2026-05-04T10:00:00Z";
        let json = format!(
            r#"{{"id":"e","time":"{time}","identity":"a","session":"{session}","tool":"{tool}","action":"read","bytes_in":{bytes}}}"#
        );
        decode(json.as_bytes()).unwrap().event
    }

    #[test]
    fn what_a_session_has_more_of_than_usual_is_counted() {
        let mut floors = SessionFloors::default();
        for (session, bytes) in [(0, 9), (1, 11), (2, 10), (3, 10)] {
            floors.learn(&event(session, "read", bytes));
        }
        floors.freeze();
        floors.push(&event(8, "read", 10));
        assert_eq!(floors.scores(&event(8, "read", 10))[0].to_string(), "0");
        // Another tool twice: more calls, more reads, new tools, more bytes.
        floors.push(&event(9, "other", 900));
        floors.push(&event(9, "other", 900));
        assert_eq!(floors.scores(&event(9, "other", 0))[0].to_string(), "4");
        assert!(floors.scores(&event(9, "other", 0))[1] > floors.scores(&event(8, "read", 0))[1]);
    }
}
