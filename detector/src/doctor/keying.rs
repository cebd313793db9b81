//! Whether records are keyed so that one identity stays in one partition, judged on a sample.

use std::collections::BTreeMap;

use super::Finding;

/// Most characters of a key or an identity that are shown.
const SHOWN: usize = 80;

/// Where an identity was first seen.
#[derive(Debug)]
struct Seen {
    partition: i32,
    key: Vec<u8>,
}

/// What the sample shows. Memory grows with its identities.
#[derive(Debug, Default)]
pub(super) struct Keying {
    records: usize,
    identities: BTreeMap<String, Seen>,
    /// Records without a key, and the identity of the first.
    without: Option<(usize, String)>,
    /// Identities in two partitions, and how the first was found out.
    moved: Option<(usize, String)>,
    /// Records whose key is not the identity, and the first of them.
    other: Option<(usize, String)>,
}

impl Keying {
    /// One more event of the sample.
    pub(super) fn push(&mut self, partition: i32, key: Option<&[u8]>, identity: &str) {
        self.records += 1;
        let key = key.filter(|key| !key.is_empty());
        match key {
            None => note(&mut self.without, || shown(identity)),
            Some(key) if key != identity.as_bytes() => {
                note(&mut self.other, || {
                    format!("key {} for {}", shown(&String::from_utf8_lossy(key)), shown(identity))
                });
            }
            Some(_) => {}
        }
        let Some(seen) = self.identities.get(identity) else {
            let seen = Seen { partition, key: key.unwrap_or_default().to_vec() };
            self.identities.insert(identity.to_owned(), seen);
            return;
        };
        if seen.partition != partition {
            let same = if seen.key == key.unwrap_or_default() { "one key" } else { "two keys" };
            let (first, name) = (seen.partition, shown(identity));
            note(&mut self.moved, || format!("{name} in partitions {first} and {partition}, with {same}"));
        }
    }

    /// What to say of it.
    pub(super) fn finding(&self) -> Finding {
        const CHECK: &str = "keys";
        let records = self.records;
        if let Some((n, identity)) = &self.without {
            let found = format!("{n} of the {records} newest events have no key, e.g. one of {identity}");
            return Finding::error(
                CHECK,
                found,
                "let senders set the identity as key, or sessions are judged in pieces",
            );
        }
        if let Some((n, example)) = &self.moved {
            let found =
                format!("an identity was in two partitions {n} times among the {records} newest events: {example}");
            let to_do = "let all senders use one partitioner and the identity as key; partitions added lately end with this too";
            return Finding::error(CHECK, found, to_do);
        }
        if let Some((n, example)) = &self.other {
            let found = format!("{n} of the {records} newest events have another key than their identity: {example}");
            let to_do = "let senders set the identity as key, so that no later change moves it to another partition";
            return Finding::warning(CHECK, found, to_do);
        }
        match self.identities.len() {
            0 => Finding::ok(CHECK, "there is no event yet to judge the keys by"),
            n => {
                Finding::ok(CHECK, format!("the {records} newest events are keyed by their identity ({n} identities)"))
            }
        }
    }
}

/// Counts, and keeps the first example.
fn note(noted: &mut Option<(usize, String)>, example: impl FnOnce() -> String) {
    match noted {
        Some((n, _)) => *n += 1,
        None => *noted = Some((1, example())),
    }
}

fn shown(text: &str) -> String {
    let start: String = text.chars().take(SHOWN).collect();
    format!("`{}`", start.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn judged(records: &[(i32, Option<&str>, &str)]) -> (Level, String) {
        let mut keying = Keying::default();
        for (partition, key, identity) in records {
            keying.push(*partition, key.map(str::as_bytes), identity);
        }
        let finding = keying.finding();
        (finding.level, finding.found)
    }

    #[test]
    fn the_identity_as_key_is_right() {
        assert_eq!(judged(&[]).0, Level::Ok);
        let (level, found) = judged(&[(0, Some("a"), "a"), (1, Some("b"), "b"), (0, Some("a"), "a")]);
        assert_eq!((level, found.contains("2 identities")), (Level::Ok, true), "{found}");
    }

    #[test]
    fn what_is_wrong_is_told_with_an_example_and_the_worst_first() {
        for (records, level, example) in [
            (&[(0, None, "a\u{1b}[2J")][..], Level::Error, "`a\\u{1b}[2J`"),
            (&[(0, Some(""), "a")], Level::Error, "no key"),
            (&[(0, Some("a"), "a"), (1, Some("a"), "a")], Level::Error, "partitions 0 and 1, with one key"),
            (&[(0, Some("x"), "a"), (1, Some("y"), "a")], Level::Error, "with two keys"),
            (&[(0, Some("tenant-1"), "a")], Level::Warning, "key `tenant-1` for `a`"),
        ] {
            let (found_level, found) = judged(records);
            assert_eq!(found_level, level, "{found}");
            assert!(found.contains(example), "{found}");
        }
    }
}
