//! One Kafka source: brokers, its topic, the fleet's topics, the keys, the clocks.

use std::sync::Arc;

use models::event::Timestamp;

use super::Finding;
use super::sample::{self, Sample};
use crate::config::{Fleet, KafkaSource};
use crate::fleet::topics::{Cluster, Found, TopicsError};

/// The longest outage that loses nothing by itself: a weekend, and a day to notice. In milliseconds.
const LONGEST_OUTAGE_MS: i64 = 3 * 86_400_000;

/// How far two clocks may differ, in seconds. An event is believed five minutes.
const SKEW_SECONDS: i64 = 60;

pub(super) async fn check(source: &KafkaSource, fleet: Option<&Fleet>, now: Timestamp) -> Vec<Finding> {
    let cluster = match Cluster::of(source) {
        Ok(cluster) => Arc::new(cluster),
        Err(error) => return vec![Finding::failed("broker", &error)],
    };
    let asked = Arc::clone(&cluster);
    let present = match blocking(move || asked.topics()).await {
        Some(Ok(present)) => present,
        Some(Err(error)) => return vec![Finding::failed("broker", &error)],
        None => return Vec::new(),
    };
    let mut findings = vec![Finding::ok("broker", format!("`{}` answers", source.brokers))];
    let topic = &source.topic;
    let Some(found) = present.get(topic) else {
        let to_do = "create it (with [fleet]: `driftwatch topics create --partitions N`), or correct source.kafka";
        findings.push(Finding::error("topic", format!("there is no topic `{topic}` that may be read"), to_do));
        return findings;
    };
    match with_settings(&cluster, topic, found).await {
        Ok(found) => findings.extend(input(topic, &found)),
        Err(error) => findings.push(Finding::failed("topic", &error)),
    }
    if let Some(fleet) = fleet {
        for wanted in fleet.topics(found.partitions) {
            findings.extend(match present.get(&wanted.name) {
                None => vec![absent(&wanted.name)],
                Some(found) => match with_settings(&cluster, &wanted.name, found).await {
                    Ok(found) => compared(&wanted, &found, cluster.brokers()),
                    Err(error) => vec![Finding::failed("fleet topic", &error)],
                },
            });
        }
    }
    let (source, partitions) = (source.clone(), found.partitions);
    match blocking(move || sample::newest(&source, partitions)).await {
        Some(Ok(sample)) => findings.extend(content(&sample, now)),
        Some(Err(error)) => {
            let to_do = "allow Read on it, for the group of source.kafka as well";
            findings.push(Finding::error("keys", format!("`{topic}` cannot be read: {error}"), to_do));
        }
        None => {}
    }
    findings
}

/// Runs what blocks off the async threads; absent only if the process is ending.
async fn blocking<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(f).await.ok()
}

async fn with_settings(cluster: &Cluster, topic: &str, found: &Found) -> Result<Found, TopicsError> {
    Ok(Found { settings: cluster.settings(topic).await?, ..found.clone() })
}

fn absent(name: &str) -> Finding {
    Finding::error("fleet topic", format!("`{name}` does not exist"), "run `driftwatch topics create`")
}

fn compared(wanted: &crate::fleet::topics::Wanted, found: &Found, brokers: &str) -> Vec<Finding> {
    let name = &wanted.name;
    let differences = wanted.differences(found, brokers);
    if differences.is_empty() {
        return vec![Finding::ok("fleet topic", format!("`{name}` is right"))];
    }
    let told = |d: &crate::fleet::topics::Difference| {
        let found = format!("`{name}`: {} is {} and should be {}", d.setting, d.value, d.should_be);
        Finding::error("fleet topic", found, d.mend.clone())
    };
    differences.iter().map(told).collect()
}

/// What to say of the topic of the events.
fn input(topic: &str, found: &Found) -> Vec<Finding> {
    let Found { partitions, replication, settings } = found;
    let number = |name: &str| settings.get(name).and_then(|value| value.parse::<i64>().ok());
    let mut findings = vec![Finding::ok("topic", format!("`{topic}` has {partitions} partitions"))];
    if settings.get("cleanup.policy").is_some_and(|policy| policy.contains("compact")) {
        let found = format!("`{topic}` is compacted: of each identity only the newest event stays");
        findings.push(Finding::error("retention", found, "set its cleanup.policy to delete"));
    }
    let days = |ms: i64| ms as f64 / 86_400_000.0;
    findings.push(match (number("retention.ms"), number("retention.bytes")) {
        (Some(ms), _) if (0..LONGEST_OUTAGE_MS).contains(&ms) => {
            let found = format!("`{topic}` keeps events for {:.1} days; a longer outage loses some", days(ms));
            Finding::warning("retention", found, "raise its retention.ms to three days or more")
        }
        (_, Some(bytes)) if bytes >= 0 => {
            let found = format!("`{topic}` keeps at most {bytes} bytes a partition, however old they are");
            Finding::warning("retention", found, "see that this is three days of traffic, or unset retention.bytes")
        }
        (Some(ms), _) if ms >= 0 => {
            Finding::ok("retention", format!("`{topic}` keeps events for {:.1} days", days(ms)))
        }
        _ => Finding::ok("retention", format!("`{topic}` keeps events for ever")),
    });
    findings.push(match (*replication, number("min.insync.replicas").unwrap_or(1)) {
        (..=1, _) => {
            let found = format!("`{topic}` has one copy; with its broker events are gone");
            Finding::warning("copies", found, "give it three, where there are three brokers")
        }
        (copies, in_sync) if in_sync >= i64::from(copies) => {
            let found = format!("`{topic}` takes nothing while one of its {copies} copies is away");
            Finding::warning("copies", found, format!("set its min.insync.replicas to {}", copies - 1))
        }
        (copies, ..=1) if copies > 2 => {
            let found = format!("`{topic}` takes events that only one of its {copies} copies has");
            Finding::warning("copies", found, "set its min.insync.replicas to 2, and acks=all at the senders")
        }
        (copies, in_sync) => {
            Finding::ok("copies", format!("`{topic}` has {copies} copies, {in_sync} in step to write"))
        }
    });
    findings
}

/// What to say of the records themselves.
fn content(sample: &Sample, now: Timestamp) -> Vec<Finding> {
    let mut findings = vec![sample.keying.finding()];
    if sample.broken > 0 {
        let found = format!("{} of the {} newest records are no events", sample.broken, sample.records);
        findings.push(Finding::warning(
            "events",
            found,
            "see `driftwatch quarantine list` for the reasons, then correct the sender",
        ));
    }
    let ahead = |time: Option<Timestamp>| time.map(|time| time.as_seconds() - now.as_seconds());
    let to_do = "compare clocks here, at the brokers and at the senders (NTP)";
    findings.push(match (ahead(sample.newest_record), ahead(sample.newest_event)) {
        (Some(seconds), _) if seconds > SKEW_SECONDS => {
            Finding::warning("clocks", format!("the newest record is {seconds} s ahead of this clock"), to_do)
        }
        (_, Some(seconds)) if seconds > SKEW_SECONDS => {
            Finding::warning("clocks", format!("the newest event is {seconds} s ahead of this clock"), to_do)
        }
        (Some(_), Some(seconds)) => {
            Finding::ok("clocks", format!("the newest event is {} s old, none is ahead", -seconds))
        }
        _ => Finding::ok("clocks", "there is no event to compare clocks with"),
    });
    findings
}

#[cfg(test)]
mod tests;
