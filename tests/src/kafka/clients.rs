//! Clients that a story keeps: one that writes and one that watches a group.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{BorrowedMessage, Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;

use super::{Kafka, Message, beginnings, partitions};
use crate::eventually::PATIENCE;

/// Writes records; a broker that is away is waited for.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "the client has none")]
pub struct Producer(FutureProducer);

impl Producer {
    pub(super) fn new(kafka: &Kafka) -> Result<Self> {
        // As the clients of Java spread keys, and the fleet's own producer does.
        let mut config = kafka.client();
        config.set("linger.ms", "5").set("enable.idempotence", "true").set("partitioner", "murmur2_random");
        Ok(Self(config.create()?))
    }

    /// Writes records, of key and value or whole messages, and returns when the broker has acknowledged each.
    pub async fn produce(&self, topic: &str, records: impl IntoIterator<Item = impl Into<Message>>) -> Result<usize> {
        let mut waiting = Vec::new();
        for Message { key, value, headers } in records.into_iter().map(Into::into) {
            let headers = headers
                .iter()
                .fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value: Some(value) }));
            let mut record = FutureRecord::to(topic).key(&key).headers(headers);
            record.payload = Some(&value).filter(|value| !value.is_empty());
            waiting.push(loop {
                match self.0.send_result(record) {
                    Ok(sent) => break sent,
                    Err((error, back)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                        record = back;
                    }
                    Err((error, _)) => return Err(error.into()),
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            });
        }
        let acknowledged = waiting.len();
        for sent in waiting {
            sent.await?.map_err(|(error, _)| error)?;
        }
        Ok(acknowledged)
    }
}

/// How far a group has come, seen from outside.
#[expect(missing_debug_implementations, reason = "the client has none")]
pub struct Group {
    consumer: BaseConsumer,
    topic: String,
}

impl Group {
    pub(super) fn new(kafka: &Kafka, group: &str, topic: &str) -> Result<Self> {
        Ok(Self { consumer: kafka.client().set("group.id", group).create()?, topic: topic.to_owned() })
    }

    /// Of each partition, the offset that the group has committed and the end of the partition.
    pub fn progress(&self, patience: Duration) -> Result<Vec<(i64, i64)>> {
        let mut list = TopicPartitionList::new();
        for partition in partitions(&self.consumer, &self.topic)? {
            list.add_partition(&self.topic, partition);
        }
        let committed = self.consumer.committed_offsets(list, patience)?;
        let mut progress = Vec::new();
        for element in committed.elements() {
            element.error()?;
            let offset = if let Offset::Offset(offset) = element.offset() { offset } else { 0 };
            progress.push((offset, self.consumer.fetch_watermarks(&self.topic, element.partition(), patience)?.1));
        }
        ensure!(!progress.is_empty(), "there is no topic `{}`", self.topic);
        Ok(progress)
    }
}

/// One that reads a topic from its beginning, as fast as it comes.
#[expect(missing_debug_implementations, reason = "the client has none")]
pub struct Drain(BaseConsumer);

impl Drain {
    pub(super) fn new(kafka: &Kafka, topic: &str) -> Result<Self> {
        let consumer: BaseConsumer =
            kafka.client().set("group.id", "drain").set("queued.max.messages.kbytes", "16384").create()?;
        consumer.assign(&beginnings(&consumer, topic)?)?;
        Ok(Self(consumer))
    }

    /// Reads so many records; how many a second, from the first to the last.
    pub fn rate(&self, records: usize) -> Result<f64> {
        let mut first = None;
        self.take(records, |_| {
            first.get_or_insert_with(Instant::now);
        })?;
        let took = first.context("no record came")?.elapsed();
        Ok(records as f64 / took.as_secs_f64())
    }

    /// Hands over so many records.
    pub fn take(&self, records: usize, mut each: impl FnMut(&BorrowedMessage<'_>)) -> Result<()> {
        for read in 0..records {
            let since = Instant::now();
            // The client sometimes returns from its wait with nothing.
            let message = loop {
                let waited = since.elapsed();
                match self.0.poll(PATIENCE.saturating_sub(waited)) {
                    Some(message) => break message,
                    None if waited < PATIENCE => {}
                    None => bail!("only {read} of {records} records came"),
                }
            };
            each(&message?);
        }
        Ok(())
    }
}
