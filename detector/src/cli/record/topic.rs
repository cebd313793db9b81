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

#[cfg(test)]
mod tests {
    use rdkafka::ClientConfig;
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::{DefaultProducerContext, FutureProducer, FutureRecord};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_topic_is_written_to_its_end_without_what_is_no_event() {
        let cluster: MockCluster<'static, DefaultProducerContext> = MockCluster::new(1).expect("a cluster");
        cluster.create_topic("t", 3, 1).expect("a topic");
        let brokers = cluster.bootstrap_servers();
        let producer: FutureProducer =
            ClientConfig::new().set("bootstrap.servers", &brokers).create().expect("a producer");
        let event = |id: i32| format!(r#"{{"id":"{id}","time":"2026-05-04T10:00:00Z","identity":"bot","tool":"t"}}"#);
        for (partition, payload) in [(0, event(1)), (2, event(2)), (0, "no event".to_owned()), (0, event(3))] {
            let record = FutureRecord::<(), _>::to("t").partition(partition).payload(&payload);
            producer.send(record, ANSWER).await.expect("sent");
        }
        let config = format!("[[source.kafka]]\nbrokers = '{brokers}'\ntopic = 't'\n");
        let config = Config::parse(&config).expect("valid");
        let file = tempfile::NamedTempFile::new().expect("a file");
        let out = Box::new(file.reopen().expect("the same file"));
        let counts = tokio::task::spawn_blocking(move || {
            let mut lines = Lines { out, written: 0, left_out: 0 };
            record(&config, "t", &mut lines).map(|()| (lines.written, lines.left_out))
        });
        assert_eq!(counts.await.expect("no panic").expect("recorded"), (3, 1));
        let text = std::fs::read_to_string(file.path()).expect("written");
        let mut ids: Vec<_> = text.lines().filter_map(|l| l.get(..9)).collect();
        ids.sort_unstable();
        assert_eq!(ids, [r#"{"id":"1""#, r#"{"id":"2""#, r#"{"id":"3""#]);
    }
}
