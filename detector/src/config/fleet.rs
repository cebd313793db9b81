//! The `[fleet]` table, and what it asks of the sources.

use serde::{Deserialize, Serialize};

use super::{ConfigError, SourceConfig, invalid};
use crate::fleet::topics::Topic;

/// Longest name of a Kafka topic.
const MAX_TOPIC_CHARS: usize = 249;

/// The `[fleet]` table: several processes share the partitions of one topic. Without it one process has all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fleet {
    /// What the names of the fleet's own topics begin with. Default `driftwatch`. Two fleets on one cluster need two names.
    pub name: String,
    /// Copies of each of the fleet's topics, used when they are created. Default 3; 1 for a cluster of one broker.
    pub replication: i32,
    /// Whether to keep a warm copy of partitions that others own. Default `false`. With it a takeover is quick, and every
    /// process needs memory for more than its share.
    pub standby: bool,
}

impl Default for Fleet {
    fn default() -> Self {
        Self { name: "driftwatch".to_owned(), replication: 3, standby: false }
    }
}

/// Checks the table against the sources.
pub(super) fn check(fleet: &Fleet, source: &SourceConfig) -> Result<(), ConfigError> {
    let [kafka] = source.kafka.as_slice() else {
        let found = source.kafka.len();
        return Err(invalid("fleet", format!("shares one topic; set exactly one [[source.kafka]], not {found}")));
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || ['.', '_', '-'].contains(&c);
    if fleet.name.is_empty() || !fleet.name.chars().all(allowed) {
        return Err(invalid("fleet.name", "begins names of topics; use letters, digits, `.`, `_` and `-`"));
    }
    if let Some(long) = Topic::ALL.map(|topic| fleet.topic(topic)).iter().find(|name| name.len() > MAX_TOPIC_CHARS) {
        let most = MAX_TOPIC_CHARS - (long.len() - fleet.name.len());
        return Err(invalid("fleet.name", format!("is too long for names of topics; use at most {most} characters")));
    }
    if Topic::ALL.iter().any(|topic| fleet.topic(*topic) == kafka.topic) {
        return Err(invalid("fleet.name", format!("makes `{}` a topic of the fleet's own; use another", kafka.topic)));
    }
    if !(1..=i32::from(i16::MAX)).contains(&fleet.replication) {
        return Err(invalid("fleet.replication", "must be at least 1, and at most the number of brokers"));
    }
    Ok(())
}
