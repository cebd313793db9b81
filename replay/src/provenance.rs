//! What a result was made from and with, as every file that leaves a replay carries it.

use std::collections::BTreeMap;

use models::config::CheckedConfig;
use models::engine::MODEL_VERSION;
use serde::Serialize;

use crate::trace::{Order, Surveyed};

/// A name and its value, as Parquet and `JUnit` keep them.
pub type Property = (String, String);

/// An input file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InputFile {
    /// `learn`, `events`, `labels` or `verdicts`.
    pub role: &'static str,
    /// The file as named.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes as they are on disk.
    pub sha256: String,
    /// Lines that are not blank; absent for labels and verdicts.
    pub lines: Option<u64>,
    /// Whether it had to be put in order; absent for labels, verdicts and what keeps its order as it was recorded.
    pub order: Option<Order>,
}

impl InputFile {
    /// A file of events.
    pub(crate) fn surveyed(role: &'static str, file: &Surveyed) -> Self {
        Self {
            role,
            path: file.path.display().to_string(),
            bytes: file.bytes,
            sha256: file.sha256.clone(),
            lines: Some(file.lines),
            order: Some(file.order),
        }
    }
}

/// What a result follows from. With the digest of the result it says whether two results are of one cause and of one effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Provenance {
    /// Version of this program.
    pub version: &'static str,
    /// Version of the engine's model.
    pub model_version: &'static str,
    /// Digest of the engine's settings.
    pub config_version: String,
    /// Seed of intervals, random scores and injections.
    pub seed: u64,
    /// Every input file, in order.
    pub inputs: Vec<InputFile>,
}

impl Provenance {
    /// Of this program, with these settings.
    pub fn new(config: &CheckedConfig, seed: u64, inputs: Vec<InputFile>) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            model_version: MODEL_VERSION,
            config_version: config.version().to_owned(),
            seed,
            inputs,
        }
    }

    /// The same as names and values, with the digest of the result.
    pub fn properties(&self, digest: &str) -> Vec<Property> {
        let facts = [
            ("version", self.version),
            ("model_version", self.model_version),
            ("config_version", &self.config_version),
            ("seed", &self.seed.to_string()),
            ("digest", digest),
        ];
        let mut properties: Vec<Property> = facts.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        properties.extend(of_inputs(self.inputs.iter().map(|file| (file.role, file.sha256.as_str()))));
        properties
    }
}

/// A property's name among those that other programs put into the metadata of a Parquet file.
pub(crate) fn in_parquet(name: &str) -> String {
    format!("driftwatch.{name}")
}

/// One property a role with the SHA-256 of its files. They are in the order of the digests and paths are left out, so that
/// the same files give the same property wherever they lie and whatever they are called.
pub(crate) fn of_inputs<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Property> {
    let mut roles: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (role, sha256) in files {
        roles.entry(role).or_default().push(sha256);
    }
    let property = |(role, mut digests): (&str, Vec<&str>)| {
        digests.sort_unstable();
        (format!("inputs.{role}"), digests.join(" "))
    };
    roles.into_iter().map(property).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_names_nor_the_order_of_files_change_what_a_result_says_of_its_inputs() {
        let one = of_inputs([("events", "bb"), ("learn", "cc"), ("events", "aa")].into_iter());
        let other = of_inputs([("learn", "cc"), ("events", "aa"), ("events", "bb")].into_iter());
        assert_eq!(
            one,
            [("inputs.events".to_owned(), "aa bb".to_owned()), ("inputs.learn".to_owned(), "cc".to_owned())]
        );
        assert_eq!(one, other);
    }
}
