//! The events that a topic holds now.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::Lines;
use crate::config::{Config, KafkaSource};
use crate::source::{Envelope, kafka};

/// How long a broker may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Writes every event of a topic, from its beginning to where it ends now; partition after partition as they arrive.
pub(super) fn record(config: &Config, topic: &str, lines: &mut Lines) -> anyhow::Result<()> {
    let source = config.source.kafka.iter().find(|source| source.topic == topic);
    let source = source.with_context(|| format!("`{topic}` is no topic of the configuration"))?;
    // A consumer without a subscription joins no group, and moves nobody's offsets.
    let consumer: BaseConsumer = kafka::client(source).create().context("the consumer cannot be built")?;
    let mut open = ends(&consumer, source)?;
    assign(&consumer, topic, &open)?;
    while !open.is_empty() {
        let message = consumer.poll(ANSWER).context("the broker stopped sending before the end of the topic")??;
        let Some(end) = open.get(&message.partition()).copied() else { continue };
        if message.offset() < end {
            let headers = message.headers().into_iter().flat_map(Headers::iter);
            let envelope = Envelope::of(headers.filter_map(|header| Some((header.key, header.value?))));
            lines.write(envelope.decode(message.payload().unwrap_or_default()).ok())?;
        }
        if message.offset() + 1 >= end {
            open.remove(&message.partition());
        }
    }
    Ok(())
}

/// Where each partition that is not empty ends.
fn ends(consumer: &BaseConsumer, source: &KafkaSource) -> anyhow::Result<BTreeMap<i32, i64>> {
    let metadata = consumer.fetch_metadata(Some(&source.topic), ANSWER).context("the broker does not answer")?;
    let mut ends = BTreeMap::new();
    for partition in metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions) {
        let (low, high) = consumer.fetch_watermarks(&source.topic, partition.id(), ANSWER)?;
        if high > low {
            ends.insert(partition.id(), high);
        }
    }
    Ok(ends)
}

fn assign(consumer: &BaseConsumer, topic: &str, open: &BTreeMap<i32, i64>) -> anyhow::Result<()> {
    let mut list = TopicPartitionList::new();
    for partition in open.keys() {
        list.add_partition_offset(topic, *partition, Offset::Beginning)?;
    }
    Ok(consumer.assign(&list)?)
}
