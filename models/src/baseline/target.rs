//! `target`: does it touch this resource, or resources under the same prefix?
//!
//! Stored: 4 bytes a remembered pair of tool and target, 4 a prefix, and a novelty rate a tool. Score: surprise of the
//! ordered outcome {known for this tool, known to peers, new but under a known prefix, new}, where how often a tool meets something new
//! is itself learned: searching flights always does, sending money hardly ever. With little data the peers' rate decides.
//! Where events say where the target came from, how often it comes out of a tool's result is learned the same way: a new
//! target out of a tool's result is what an injection looks like.

use serde::{Deserialize, Serialize};

use super::{Baseline, Step};
use crate::estimator::novelty::{Familiarity, surprise};
use crate::fingerprint::{Fingerprinter, Kind, mix};
use crate::peers::GroupModel;

/// A target as fingerprints: itself, and the directory or domain that it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TargetKeys {
    pub target: u64,
    pub prefix: u64,
}

impl TargetKeys {
    /// Of a target URI, without its query, fragment and trailing slash: those vary without meaning another resource.
    pub(crate) fn of(fingerprinter: &Fingerprinter, uri: &str) -> Self {
        let uri = normalised(uri);
        Self {
            target: fingerprinter.of(Kind::Target, &[uri]),
            prefix: fingerprinter.of(Kind::Prefix, &[prefix_of(uri)]),
        }
    }

    /// Of the pair of a tool and this target.
    pub(crate) fn pair(self, tool: u64) -> u64 {
        mix(tool, self.target)
    }
}

fn normalised(uri: &str) -> &str {
    let end = uri.find(['?', '#']).unwrap_or(uri.len());
    let bare = uri.get(..end).unwrap_or(uri);
    let trimmed = bare.trim_end_matches('/');
    // `file:/` and `https://` keep what makes them a scheme.
    if trimmed.ends_with(':') || trimmed.is_empty() { bare } else { trimmed }
}

/// The directory of a path or the domain of a mail address; else the whole: that two accounts share a scheme makes
/// neither familiar.
pub(crate) fn prefix_of(uri: &str) -> &str {
    let (scheme, rest) = uri.split_at(uri.find(':').map_or(0, |colon| colon + 1));
    if let Some(slash) = rest.rfind('/').filter(|slash| *slash > 1) {
        return uri.get(..scheme.len() + slash).unwrap_or(uri);
    }
    rest.rfind('@').and_then(|at| rest.get(at..)).unwrap_or(uri)
}

/// The strangest target of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TargetScore {
    /// Surprise in nats.
    pub nats: f64,
    /// Which of the step's targets it was.
    pub index: usize,
    /// How familiar it is.
    pub familiarity: Familiarity,
    /// Surprise in nats that it came from where it came from; 0 where the event does not say, or it is known.
    pub origin_nats: f64,
}

impl Baseline {
    /// The strangest of the targets; `None` without targets. `seen` says which pairs this session has touched already:
    /// a target counts once a session.
    pub(crate) fn score_targets(
        &self,
        step: &Step,
        targets: &[TargetKeys],
        group: &GroupModel,
        seen: impl Fn(u64) -> bool,
    ) -> Option<TargetScore> {
        let rates = self.circle_rates(step, group);
        // The mid-p of two outcomes: a target out of a tool's result, or from elsewhere.
        let injected = self.injected(step.tool).shrunk(group.novelty(step.tool).injected.alone());
        let origin = match step.injected {
            Some(true) => -(injected / 2.0).ln(),
            Some(false) => -f64::midpoint(1.0, injected).ln(),
            None => 0.0,
        };
        let scored = targets.iter().enumerate().map(|(index, keys)| {
            let familiarity =
                if seen(keys.pair(step.tool)) { Familiarity::Usual } else { self.familiarity(step, *keys, group) };
            let origin_nats = if familiarity <= Familiarity::Known { 0.0 } else { origin };
            TargetScore { nats: surprise(&rates, familiarity as usize), index, familiarity, origin_nats }
        });
        scored.max_by(|a, b| a.nats.total_cmp(&b.nats))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_tags_and_trailing_slashes_do_not_make_another_target() {
        let f = Fingerprinter::new(&[1; 16]);
        let of = |uri| TargetKeys::of(&f, uri);
        assert_eq!(of("https://a.example/x/?q=1#top"), of("https://a.example/x"));
        assert_ne!(of("https://a.example/x"), of("https://a.example/y"));
        assert_eq!(of("https://a.example/x").prefix, of("https://a.example/y").prefix);
    }

    #[test]
    fn prefixes_are_directories_or_domains() {
        for (uri, want) in [
            ("https://a.example/x/y", "https://a.example/x"),
            ("crm://accounts/42", "crm://accounts"),
            ("mailto:ann@corp.example", "@corp.example"),
            ("file:/a/b/c.txt", "file:/a/b"),
            ("slack:channel/general", "slack:channel"),
            ("iban:GB29", "iban:GB29"),
            ("plain", "plain"),
            ("https://", "https://"),
            ("", ""),
        ] {
            assert_eq!(prefix_of(uri), want, "{uri}");
        }
    }
}
