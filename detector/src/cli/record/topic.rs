//! The events that a topic holds now.

use std::collections::BTreeMap;
use std::ops;
use std::time::Duration;

use anyhow::Context;
use datasets::recorded::Recorded;
use models::event::Timestamp;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::Lines;
use crate::config::{Config, KafkaSource};
use crate::service::clock_of;
use crate::source::{Envelope, kafka};

/// How long a broker may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Which part of a topic is wanted.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(super) struct Range {
    /// Only this partition of the topic.
    #[arg(long, value_name = "N", requires = "topic")]
    partition: Option<i32>,
    /// Only from this offset on, in each partition.
    #[arg(long, value_name = "OFFSET", requires = "topic")]
    from_offset: Option<i64>,
    /// Only before this offset, in each partition.
    #[arg(long, value_name = "OFFSET", requires = "topic")]
    to_offset: Option<i64>,
}

impl Range {
    /// What is wanted of a partition that holds these offsets.
    fn of(self, low: i64, high: i64) -> ops::Range<i64> {
        low.max(self.from_offset.unwrap_or(low))..high.min(self.to_offset.unwrap_or(high))
    }
}

/// Writes a part of a topic, up to where it ends now; each partition in order, and partitions among each other as they arrive.
pub(super) fn record(config: &Config, topic: &str, range: Range, lines: &mut Lines) -> anyhow::Result<()> {
    let source = config.source.kafka.iter().find(|source| source.topic == topic);
    let source = source.with_context(|| format!("`{topic}` is no topic of the configuration"))?;
    // A consumer without a subscription joins no group, and moves nobody's offsets.
    let consumer: BaseConsumer = kafka::client(source)
        .create()
        .map_err(|error| anyhow::anyhow!("the consumer cannot be built: {}", kafka::refusal(&error)))?;
    let mut open = wanted(&consumer, source, range)?;
    let name = kafka::name(source);
    assign(&consumer, topic, &open)?;
    while !open.is_empty() {
        let message = consumer.poll(ANSWER).context("the broker stopped sending before the end of the topic")??;
        let Some(end) = open.get(&message.partition()).map(|offsets| offsets.end) else { continue };
        if message.offset() < end {
            let headers = message.headers().into_iter().flat_map(Headers::iter);
            let envelope = Envelope::of(headers.filter_map(|header| Some((header.key, header.value?))));
            let recorded = Recorded {
                source: name.clone(),
                partition: message.partition(),
                position: message.offset(),
                clock: clock_of(&name, message.partition()),
                arrival: message.timestamp().to_millis().map(Timestamp::from_millis),
                trust: source.trust,
            };
            lines.write(envelope.decode(message.payload().unwrap_or_default()).ok(), recorded)?;
        }
        if message.offset() + 1 >= end {
            open.remove(&message.partition());
        }
    }
    Ok(())
}

/// The offsets that are wanted of each partition, where there are any.
fn wanted(
    consumer: &BaseConsumer,
    source: &KafkaSource,
    range: Range,
) -> anyhow::Result<BTreeMap<i32, ops::Range<i64>>> {
    let metadata = consumer.fetch_metadata(Some(&source.topic), ANSWER).context("the broker does not answer")?;
    let mut wanted = BTreeMap::new();
    for partition in metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions) {
        if range.partition.is_some_and(|only| only != partition.id()) {
            continue;
        }
        let (low, high) = consumer.fetch_watermarks(&source.topic, partition.id(), ANSWER)?;
        let offsets = range.of(low, high);
        if !offsets.is_empty() {
            wanted.insert(partition.id(), offsets);
        }
    }
    Ok(wanted)
}

fn assign(consumer: &BaseConsumer, topic: &str, open: &BTreeMap<i32, ops::Range<i64>>) -> anyhow::Result<()> {
    let mut list = TopicPartitionList::new();
    for (partition, offsets) in open {
        list.add_partition_offset(topic, *partition, Offset::Offset(offsets.start))?;
    }
    Ok(consumer.assign(&list)?)
}

#[cfg(test)]
mod tests {
    use rdkafka::ClientConfig;
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::{DefaultProducerContext, FutureProducer, FutureRecord};
    use serde_json::Value;

    use super::super::Span;
    use super::*;

    const ARRIVAL_MILLIS: i64 = 1_777_888_800_000;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_topic_is_written_to_its_end_without_what_is_no_event() {
        let cluster: MockCluster<'static, DefaultProducerContext> = MockCluster::new(1).expect("a cluster");
        cluster.create_topic("t", 3, 1).expect("a topic");
        let brokers = cluster.bootstrap_servers();
        let producer: FutureProducer =
            ClientConfig::new().set("bootstrap.servers", &brokers).create().expect("a producer");
        let event = |id: i32| format!(r#"{{"id":"{id}","time":"2026-05-04T10:00:00Z","identity":"bot","tool":"t"}}"#);
        for (partition, payload) in [(0, event(1)), (2, event(2)), (0, "no event".to_owned()), (0, event(3))] {
            let record =
                FutureRecord::<(), _>::to("t").partition(partition).payload(&payload).timestamp(ARRIVAL_MILLIS);
            producer.send(record, ANSWER).await.expect("sent");
        }
        let config = format!("[[source.kafka]]\nbrokers = '{brokers}'\ntopic = 't'\n");
        let config = Config::parse(&config).expect("valid");
        let (counts, lines) = recorded(config.clone(), Range::default(), Span::default()).await;
        assert_eq!(counts, (3, 1));
        let place = |line: &Value| (line["id"].to_string(), line["recorded"]["position"].as_i64());
        let mut places: Vec<_> = lines.iter().map(place).collect();
        places.sort_unstable();
        assert_eq!(places, [(r#""1""#.into(), Some(0)), (r#""2""#.into(), Some(0)), (r#""3""#.into(), Some(2))]);
        let told = &lines.iter().find(|line| line["id"] == "2").expect("there")["recorded"];
        assert_eq!((&told["source"], &told["partition"]), (&"kafka:t".into(), &2.into()));
        assert_eq!((&told["clock"], &told["trust"]), (&clock_of("kafka:t", 2).into(), &"observe".into()));

        let part = Range { partition: Some(0), from_offset: Some(1), to_offset: Some(2) };
        assert_eq!(recorded(config.clone(), part, Span::default()).await.0, (0, 1));
        let part = Range { from_offset: Some(1), ..Range::default() };
        assert_eq!(recorded(config.clone(), part, Span::default()).await.0, (1, 1));

        // The first millisecond is within, the last one is not.
        let arrival = Timestamp::from_millis(ARRIVAL_MILLIS);
        let next = Timestamp::from_millis(ARRIVAL_MILLIS + 1);
        for (from, to, counts) in [(arrival, next, (3, 1)), (next, next, (0, 0)), (Timestamp::EPOCH, arrival, (0, 0))] {
            let span = Span { from: Some(from), to: Some(to) };
            assert_eq!(recorded(config.clone(), Range::default(), span).await.0, counts, "{from} to {to}");
        }
    }

    async fn recorded(config: Config, range: Range, span: Span) -> ((u64, u64), Vec<Value>) {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let out = Box::new(file.reopen().expect("the same file"));
        let counts = tokio::task::spawn_blocking(move || {
            let mut lines = Lines { out, span, written: 0, left_out: 0 };
            record(&config, "t", range, &mut lines).map(|()| (lines.written, lines.left_out))
        });
        let counts = counts.await.expect("no panic").expect("recorded");
        let text = std::fs::read_to_string(file.path()).expect("written");
        (counts, text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect())
    }
}
