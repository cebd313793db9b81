//! The newest records of a topic, read without joining a group or moving anybody's offsets.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use models::event::Timestamp;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::keying::Keying;
use crate::config::KafkaSource;
use crate::source::{Envelope, kafka};

/// Records of each partition.
const PER_PARTITION: u32 = 200;
/// Records in all, so that a topic of many partitions stays quick.
const IN_ALL: u32 = 20_000;
/// How long to wait for all of them.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the newest records show.
#[derive(Debug, Default)]
pub(super) struct Sample {
    pub(super) keying: Keying,
    pub(super) records: u32,
    /// Those that are no event.
    pub(super) broken: u32,
    /// The highest time stamp that records carry, set by their sender or the broker.
    pub(super) newest_record: Option<Timestamp>,
    /// The highest event time.
    pub(super) newest_event: Option<Timestamp>,
}

/// Reads the newest records of each of the first so many partitions. Blocks for at most ten seconds.
pub(super) fn newest(source: &KafkaSource, partitions: i32) -> KafkaResult<Sample> {
    let mut client = kafka::client(source);
    let consumer: BaseConsumer = client.set("enable.partition.eof", "true").create()?;
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(&source.topic, partition, Offset::OffsetTail(i64::from(PER_PARTITION)))?;
    }
    consumer.assign(&list)?;
    let mut open: BTreeMap<i32, u32> = (0..partitions).map(|partition| (partition, PER_PARTITION)).collect();
    let (mut sample, until) = (Sample::default(), Instant::now() + PATIENCE);
    while !open.is_empty() && sample.records < IN_ALL {
        let left = until.saturating_duration_since(Instant::now());
        match consumer.poll(left) {
            Some(Ok(message)) => {
                let Some(wanted) = open.get_mut(&message.partition()) else { continue };
                *wanted -= 1;
                if *wanted == 0 {
                    open.remove(&message.partition());
                }
                sample.push(&message);
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => drop(open.remove(&partition)),
            // What came before the time was up is a sample, too.
            Some(Err(error)) if sample.records == 0 && left.is_zero() => return Err(error),
            Some(Err(_)) => {}
            None => break,
        }
    }
    Ok(sample)
}

impl Sample {
    fn push(&mut self, message: &impl Message) {
        self.records += 1;
        let stamp = message.timestamp().to_millis().map(Timestamp::from_millis);
        self.newest_record = self.newest_record.max(stamp);
        let headers = message.headers().into_iter().flat_map(Headers::iter);
        let envelope = Envelope::of(headers.filter_map(|header| Some((header.key, header.value?))));
        let Ok(decoded) = envelope.decode(message.payload().unwrap_or_default()) else {
            self.broken += 1;
            return;
        };
        self.newest_event = self.newest_event.max(Some(decoded.event.time));
        self.keying.push(message.partition(), message.key(), &decoded.event.identity);
    }
}
