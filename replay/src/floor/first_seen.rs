//! The first-seen rule: an event is as strange as the number of things it does for the first time.

use std::collections::{HashMap, HashSet};

use models::event::Event;
use serde::{Deserialize, Serialize};

use super::{identity_key, key, session_key, tool_key};

/// Scores an event 0 to 4: one point each for a tool and action that its identity never used in the history, a target
/// that it never touched, a tool and target never seen together, and a step from one tool to the next never seen.
///
/// Memory is 16 bytes for each distinct thing seen and each session.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct FirstSeen {
    seen: HashSet<u64>,
    last_tool: HashMap<u64, u64>,
}

impl FirstSeen {
    /// Takes in one event of the history.
    pub fn learn(&mut self, event: &Event) {
        for things in self.things(event) {
            self.seen.extend(things);
        }
    }

    /// Ends the history.
    pub fn freeze(&mut self) {
        self.last_tool.clear();
    }

    /// How many firsts the event holds. Several targets count as one.
    pub fn score(&mut self, event: &Event) -> f64 {
        let things = self.things(event);
        things.iter().filter(|things| things.iter().any(|thing| !self.seen.contains(thing))).count() as f64
    }

    fn things(&mut self, event: &Event) -> [Vec<u64>; 4] {
        let (identity, tool) = (identity_key(event), tool_key(event));
        let before = self.last_tool.insert(session_key(event), tool);
        let each = |thing: &dyn Fn(&str) -> u64| event.targets.iter().map(|target| thing(target)).collect::<Vec<_>>();
        [
            vec![key((identity, "tool", tool))],
            each(&|target| key((identity, "target", target))),
            each(&|target| key((identity, "tool and target", tool, target))),
            vec![key((identity, "step", before, tool))],
        ]
    }
}

#[cfg(test)]
mod tests {
    use models::event::decode;

    use super::*;

    fn event(session: &str, tool: &str, target: &str) -> Event {
        let time = "2026-05-04T10:00:00Z";
        let json = format!(
            r#"{{"id":"e","time":"{time}","identity":"a","session":"{session}","tool":"{tool}","target":"{target}"}}"#
        );
        decode(json.as_bytes()).unwrap().event
    }

    #[test]
    fn each_first_counts_once_and_scoring_teaches_nothing() {
        let mut floor = FirstSeen::default();
        for (tool, target) in [("read", "x"), ("read", "y"), ("send", "z")] {
            floor.learn(&event("1", tool, target));
        }
        floor.freeze();
        for (session, tool, target, firsts) in [
            ("2", "read", "x", "0"),
            ("2", "send", "z", "0"),
            ("2", "send", "x", "2"),         // pair and step
            ("3", "send", "new,newer", "3"), // target, pair and step
            ("4", "drop", "new", "4"),
            ("4", "drop", "new", "4"),
        ] {
            assert_eq!(floor.score(&event(session, tool, target)).to_string(), firsts, "{tool} on {target}");
        }
    }
}
