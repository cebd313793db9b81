//! The fleet's topics: what each is for, how it must be set up, and where one that is there differs.

mod cluster;

use serde::Serialize;

use crate::config::{Fleet, KafkaSource};

pub use cluster::{Cluster, Found, TopicsError};

/// Milliseconds of thirty days.
const THIRTY_DAYS_MS: i64 = 30 * 86_400_000;

/// Twice the longest time that a consumer may be silent by default: who is reading a changelog still finds what it read of.
const COMPACTION_LAG_MS: i64 = 10 * 60_000;

/// A compacted topic keeps every value of its newest segment; a small one keeps a restore short.
const COMPACTED_SEGMENT_BYTES: i64 = 128 * 1024 * 1024;

const MIB: i64 = 1024 * 1024;

/// A topic that the fleet keeps for itself, beside that of the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// What changed in the baselines, each record with the input offset that it contains; partitions as the events.
    Changelog,
    /// What the whole fleet has to learn of in one order: lessons, proposals, verdicts and releases of the brake.
    Log,
    /// The state that the log has brought about, at some of its offsets.
    Snapshots,
    /// Alerts by id, newest form.
    Alerts,
    /// Revocations and how far they have come, by id.
    Revocations,
    /// What people said of alerts, by the alert's id.
    Verdicts,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Changelog, Self::Log, Self::Snapshots, Self::Alerts, Self::Revocations, Self::Verdicts];
    /// Those that every process keeps a copy of in its database, newest form.
    pub const COPIED: [Self; 3] = [Self::Alerts, Self::Revocations, Self::Verdicts];

    /// What follows the fleet's name.
    const fn suffix(self) -> &'static str {
        match self {
            Self::Changelog => "changelog",
            Self::Log => "fleet",
            Self::Snapshots => "snapshots",
            Self::Alerts => "alerts",
            Self::Revocations => "revocations",
            Self::Verdicts => "verdicts",
        }
    }

    /// Whether it has a partition for each of the events.
    const fn is_partitioned(self) -> bool {
        !matches!(self, Self::Log | Self::Snapshots)
    }

    fn settings(self) -> Vec<Setting> {
        let compact = Setting { name: "cleanup.policy", bound: Bound::Policies(&["compact"]) };
        let delete = Setting { name: "cleanup.policy", bound: Bound::Policies(&["delete"]) };
        let segment = Setting { name: "segment.bytes", bound: Bound::AtMost(COMPACTED_SEGMENT_BYTES) };
        let thirty_days = Setting { name: "retention.ms", bound: Bound::AtLeast(THIRTY_DAYS_MS) };
        let largest = |bytes| Setting { name: "max.message.bytes", bound: Bound::AtLeast(bytes) };
        match self {
            Self::Changelog => {
                let lag = Setting { name: "min.compaction.lag.ms", bound: Bound::AtLeast(COMPACTION_LAG_MS) };
                vec![compact, lag, segment, largest(8 * MIB)]
            }
            Self::Log => vec![delete, thirty_days, largest(8 * MIB)],
            Self::Snapshots => {
                let both = Setting { name: "cleanup.policy", bound: Bound::Policies(&["compact", "delete"]) };
                vec![both, thirty_days, largest(32 * MIB)]
            }
            Self::Alerts | Self::Revocations | Self::Verdicts => vec![compact, segment],
        }
    }
}

impl Fleet {
    /// The name of one of its topics.
    pub fn topic(&self, topic: Topic) -> String {
        format!("{}.{}", self.name, topic.suffix())
    }

    /// How its topics must be, if the events have so many partitions.
    pub fn topics(&self, partitions: i32) -> Vec<Wanted> {
        let wanted = |topic: Topic| {
            let partitions = if topic.is_partitioned() { partitions } else { 1 };
            Wanted::new(self.topic(topic), partitions, self.replication, topic.settings())
        };
        Topic::ALL.map(wanted).into()
    }
}

impl KafkaSource {
    /// How the topic of the events is created where it is absent: as Kafka's own default, seven days, but copied.
    pub fn wanted(&self, partitions: i32, replication: i32) -> Wanted {
        let week = Setting { name: "retention.ms", bound: Bound::AtLeast(7 * 86_400_000) };
        let delete = Setting { name: "cleanup.policy", bound: Bound::Policies(&["delete"]) };
        Wanted::new(self.topic.clone(), partitions, replication, vec![delete, week])
    }
}

/// How a topic must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// Its partitions, at least 1.
    pub partitions: i32,
    /// Its copies, at least 1.
    pub replication: i32,
    settings: Vec<Setting>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Setting {
    name: &'static str,
    bound: Bound,
}

/// Which values of a setting will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    /// These clean-up policies, in any order.
    Policies(&'static [&'static str]),
    /// This number or more; -1, which is no limit, as well.
    AtLeast(i64),
    /// This number or less.
    AtMost(i64),
}

impl Bound {
    /// What it is set to where the topic is created.
    fn value(self) -> String {
        match self {
            Self::Policies(names) => names.join(","),
            Self::AtLeast(number) | Self::AtMost(number) => number.to_string(),
        }
    }

    fn admits(self, value: &str) -> bool {
        match self {
            Self::Policies(names) => {
                let mut found: Vec<&str> = value.split(',').map(str::trim).collect();
                found.sort_unstable();
                found == names
            }
            Self::AtLeast(least) => value.parse::<i64>().is_ok_and(|number| number == -1 || number >= least),
            Self::AtMost(most) => value.parse::<i64>().is_ok_and(|number| number <= most),
        }
    }

    fn words(self) -> String {
        match self {
            Self::Policies(_) => self.value(),
            Self::AtLeast(number) => format!("at least {number}"),
            Self::AtMost(number) => format!("at most {number}"),
        }
    }
}

/// Where a topic is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The setting, `partitions` or `replication`.
    pub setting: &'static str,
    /// What it is.
    pub value: String,
    /// What it should be.
    pub should_be: String,
    /// The command that mends it, or what to do where no command does.
    pub mend: String,
}

impl Wanted {
    fn new(name: String, partitions: i32, replication: i32, mut settings: Vec<Setting>) -> Self {
        if replication > 1 {
            // A write that only one copy has is lost with that copy.
            settings.push(Setting { name: "min.insync.replicas", bound: Bound::AtLeast(2) });
        }
        Self { name, partitions, replication, settings }
    }

    /// Names and values of the settings, as it is created with them.
    pub fn settings(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        self.settings.iter().map(|setting| (setting.name, setting.bound.value()))
    }

    /// Where the topic that was found differs; `brokers` are the bootstrap servers, for the commands.
    pub fn differences(&self, found: &Found, brokers: &str) -> Vec<Difference> {
        let name = &self.name;
        let mut all = Vec::new();
        if found.partitions != self.partitions {
            let mend = if found.partitions < self.partitions {
                let partitions = self.partitions;
                format!("kafka-topics.sh --bootstrap-server {brokers} --alter --topic {name} --partitions {partitions}")
            } else {
                "partitions cannot be taken away: stop the fleet and choose another fleet.name".to_owned()
            };
            let (value, should_be) = (found.partitions.to_string(), self.partitions.to_string());
            all.push(Difference { setting: "partitions", value, should_be, mend });
        }
        if found.replication < self.replication {
            let mend = format!("kafka-reassign-partitions.sh --bootstrap-server {brokers}, with a plan for {name}");
            let (value, should_be) = (found.replication.to_string(), format!("at least {}", self.replication));
            all.push(Difference { setting: "replication", value, should_be, mend });
        }
        let set = self.settings.iter().filter_map(|Setting { name: setting, bound }| {
            let value = found.settings.get(*setting)?;
            (!bound.admits(value)).then(|| Difference {
                setting,
                value: value.clone(),
                should_be: bound.words(),
                mend: format!(
                    "kafka-configs.sh --bootstrap-server {brokers} --entity-type topics --entity-name {name} --alter \
                     --add-config {setting}=[{}]",
                    bound.value()
                ),
            })
        });
        all.extend(set);
        all
    }
}

#[cfg(test)]
mod tests;
