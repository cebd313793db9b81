//! Where a target came from: who said it first in the conversation.

use std::collections::VecDeque;

use crate::reader::target::Target;

pub(super) const USER: &str = "user";
pub(super) const CONFIG: &str = "config";
pub(super) const TOOL_RESULT: &str = "tool_result";

/// Bytes of what was said that are remembered; the oldest is forgotten first.
const MAX_BYTES: usize = 1024 * 1024;
/// A shorter text may be anywhere by chance.
const MIN_BYTES: usize = 4;

/// What was said so far.
#[derive(Debug, Default)]
pub(super) struct Texts {
    said: VecDeque<(&'static str, String)>,
    bytes: usize,
}

impl Texts {
    pub(super) fn add(&mut self, origin: &'static str, text: String) {
        self.bytes += text.len();
        self.said.push_back((origin, text));
        while self.bytes > MAX_BYTES {
            let Some((_, oldest)) = self.said.pop_front() else { break };
            self.bytes -= oldest.len();
        }
    }

    /// A target that the user named is the user's, whoever repeats it; the least trusted origin of all targets counts.
    pub(super) fn origin_of(&self, targets: &[Target]) -> Option<&'static str> {
        let long_enough = targets.iter().filter(|target| target.named.len() >= MIN_BYTES);
        let found: Vec<&str> = long_enough.filter_map(|target| self.first_said(&target.named)).collect();
        [TOOL_RESULT, CONFIG, USER].into_iter().find(|origin| found.contains(origin))
    }

    fn first_said(&self, text: &str) -> Option<&'static str> {
        let said_by = |wanted: &str| self.said.iter().any(|(origin, said)| *origin == wanted && said.contains(text));
        [USER, CONFIG, TOOL_RESULT].into_iter().find(|origin| said_by(origin))
    }
}
