//! Kafka clients of the fleet's own topics: one producer, and reading a partition to its end.

use std::time::{Duration, Instant};

use models::engine::Trust;
use models::event::Timestamp;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Header, Message as _, OwnedHeaders, ToBytes};
use rdkafka::producer::future_producer::{DeliveryFuture, FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::util::Timeout;

use super::error::FleetError;
use super::topics::Topic;
use crate::config::{Fleet, KafkaSource};
use crate::source::kafka;

/// How long the broker may be silent before an attempt is given up and made again.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(200);
/// Largest record of the fleet's own topics, as they are created.
const RECORD_BYTES: &str = "33554432";

/// Makes clients from the source's configuration, so that TLS and SASL are set once.
#[derive(Clone)]
pub struct Clients {
    source: KafkaSource,
    fleet: Fleet,
    producer: FutureProducer,
}

impl std::fmt::Debug for Clients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clients").field("fleet", &self.fleet.name).finish_non_exhaustive()
    }
}

impl Clients {
    /// # Errors
    /// When a property of the source is refused.
    pub fn new(source: &KafkaSource, fleet: &Fleet) -> Result<Self, FleetError> {
        let mut config = properties(source);
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            // With zstd the client's thread took a third of a core at 65,000 events a second.
            .set("compression.type", "lz4")
            .set("message.max.bytes", RECORD_BYTES)
            // As the clients of Java do it: the events of an identity are in one partition, whoever sends them.
            .set("partitioner", "murmur2_random")
            // A flush is a handful of records, and somebody waits for it.
            .set("linger.ms", "0")
            .set("message.timeout.ms", "30000");
        let producer = config.create().map_err(|error| FleetError::Kafka { topic: fleet.name.clone(), error })?;
        Ok(Self { source: source.clone(), fleet: fleet.clone(), producer })
    }

    /// The name of a topic.
    pub fn topic(&self, topic: Topic) -> String {
        self.fleet.topic(topic)
    }

    /// The topic of the events.
    pub fn events(&self) -> &str {
        &self.source.topic
    }

    /// Writes records of one partition in order; their offsets.
    ///
    /// # Errors
    /// When one of them was not acknowledged: then it may be there or not.
    pub async fn write(&self, topic: &str, partition: Option<i32>, records: &[Put]) -> Result<Vec<i64>, FleetError> {
        let failed = |error| FleetError::Kafka { topic: topic.to_owned(), error };
        let mut waiting = Vec::with_capacity(records.len());
        for Put { key, value } in records {
            let record: FutureRecord<'_, [u8], [u8]> = FutureRecord {
                partition,
                payload: value.as_deref(),
                key: Some(key.as_slice()),
                ..FutureRecord::to(topic)
            };
            waiting.push(self.enqueue(record).await.map_err(failed)?);
        }
        let mut offsets = Vec::with_capacity(records.len());
        for sent in waiting {
            let delivered = sent.await.map_err(|_| FleetError::Silent(topic.to_owned()))?;
            offsets.push(delivered.map_err(|(error, _)| failed(error))?.offset);
        }
        Ok(offsets)
    }

    /// Reads one partition from an offset (`None`: from its beginning).
    ///
    /// # Errors
    /// When there is no such topic or no broker.
    pub fn read(&self, topic: &str, partition: i32, from: Option<i64>) -> Result<Reading, FleetError> {
        let offset = from.map_or(Offset::Beginning, Offset::Offset);
        let consumer = self.assigned(topic, [(partition, offset)])?;
        Ok(Reading { consumer, topic: topic.to_owned(), partition, next: from.unwrap_or(0) })
    }

    /// Follows several partitions from these offsets.
    ///
    /// # Errors
    /// When there is no such topic or no broker.
    pub fn follow(&self, topic: &str, from: &[(i32, i64)]) -> Result<Following, FleetError> {
        let offsets = from.iter().map(|(partition, offset)| (*partition, Offset::Offset(*offset)));
        Ok(Following { consumer: self.assigned(topic, offsets)?, topic: topic.to_owned() })
    }

    fn assigned(
        &self,
        topic: &str,
        offsets: impl IntoIterator<Item = (i32, Offset)>,
    ) -> Result<BaseConsumer, FleetError> {
        let failed = |error| FleetError::Kafka { topic: topic.to_owned(), error };
        let mut config = properties(&self.source);
        config
            // Offsets are chosen here; the group is only a name that librdkafka wants.
            .set("group.id", &self.source.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("fetch.message.max.bytes", RECORD_BYTES)
            .set("fetch.wait.max.ms", "50")
            .set("fetch.queue.backoff.ms", "10")
            .set("queued.max.messages.kbytes", "65536");
        let consumer: BaseConsumer = config.create().map_err(failed)?;
        let mut list = TopicPartitionList::new();
        for (partition, offset) in offsets {
            list.add_partition_offset(topic, partition, offset).map_err(failed)?;
        }
        consumer.assign(&list).map_err(failed)?;
        Ok(consumer)
    }

    /// How many partitions the events have.
    ///
    /// # Errors
    /// When the broker does not say.
    pub fn partitions(&self) -> Result<i32, FleetError> {
        let topic = &self.source.topic;
        let failed = |error| FleetError::Kafka { topic: topic.clone(), error };
        let consumer: BaseConsumer = properties(&self.source).create().map_err(failed)?;
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).map_err(failed)?;
        let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
        match i32::try_from(partitions) {
            Ok(0) | Err(_) => Err(FleetError::NoTopic(topic.clone())),
            Ok(partitions) => Ok(partitions),
        }
    }

    /// Passes events on to the topic that the fleet reads, by identity; returns when all are acknowledged.
    ///
    /// # Errors
    /// When one of them was not acknowledged.
    pub async fn forward(&self, events: &[Forward]) -> Result<(), FleetError> {
        let topic = &self.source.topic;
        let failed = |error| FleetError::Kafka { topic: topic.clone(), error };
        let observe = || OwnedHeaders::new().insert(Header { key: kafka::TRUST_HEADER, value: Some(kafka::OBSERVE) });
        let mut waiting = Vec::with_capacity(events.len());
        for Forward { identity, event, trust } in events {
            let record = FutureRecord::to(topic).key(&**identity).payload(event);
            let record = if *trust == Trust::Observe { record.headers(observe()) } else { record };
            waiting.push(self.enqueue(record).await.map_err(failed)?);
        }
        for sent in waiting {
            let delivered = sent.await.map_err(|_| FleetError::Silent(topic.clone()))?;
            delivered.map_err(|(error, _)| failed(error))?;
        }
        Ok(())
    }

    /// Hands a record to the client, which keeps the order; its own queue being full is waited for.
    async fn enqueue<K: ToBytes + ?Sized, P: ToBytes + ?Sized>(
        &self,
        mut record: FutureRecord<'_, K, P>,
    ) -> KafkaResult<DeliveryFuture> {
        loop {
            match self.producer.send_result(record) {
                Ok(sent) => return Ok(sent),
                Err((error, back)) if is_full(&error) => record = back,
                Err((error, _)) => return Err(error),
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// An event to be passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// The key that keeps its identity in one partition.
    pub identity: Box<str>,
    /// Its bytes.
    pub event: Vec<u8>,
    /// How far whoever sent it is trusted.
    pub trust: Trust,
}

/// Partitions that are followed. Blocks: for threads that may.
#[expect(missing_debug_implementations, reason = "the client has none")]
pub struct Following {
    consumer: BaseConsumer,
    topic: String,
}

impl Following {
    /// Waits a moment for the next record and hands it over; whether there was one.
    ///
    /// # Errors
    /// When the client reports one that it does not mend by itself.
    pub fn next_record(&mut self, take: impl FnOnce(&BorrowedMessage<'_>)) -> Result<bool, FleetError> {
        match self.consumer.poll(Timeout::After(POLL)) {
            None => Ok(false),
            Some(Ok(message)) => {
                take(&message);
                Ok(true)
            }
            Some(Err(error)) => Err(FleetError::Kafka { topic: self.topic.clone(), error }),
        }
    }
}

fn properties(source: &KafkaSource) -> ClientConfig {
    let own = ["group.instance.id", "partition.assignment.strategy", "statistics.interval.ms"];
    let mut config = ClientConfig::new();
    config.set("client.id", "driftwatch-fleet");
    let shared = source.properties.iter().filter(|(key, _)| !own.contains(&key.as_str()));
    config.extend(shared.map(|(key, value)| (key.clone(), value.clone())));
    config.set("bootstrap.servers", &source.brokers);
    config
}

fn is_full(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(rdkafka::types::RDKafkaErrorCode::QueueFull)
}

/// A record to be written.
#[derive(Debug, Clone)]
pub struct Put {
    /// Its key.
    pub key: Vec<u8>,
    /// Its value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
}

/// One partition that is being read. Blocks: for threads that may.
#[expect(missing_debug_implementations, reason = "the client has none")]
pub struct Reading {
    consumer: BaseConsumer,
    topic: String,
    partition: i32,
    next: i64,
}

impl Reading {
    fn failed(&self, error: KafkaError) -> FleetError {
        FleetError::Kafka { topic: self.topic.clone(), error }
    }

    /// The offset behind the last record that is there now.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub fn end(&self) -> Result<i64, FleetError> {
        self.reach().map(|(_, end)| end)
    }

    /// The offset of the first record that is there, and that behind the last.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub fn reach(&self) -> Result<(i64, i64), FleetError> {
        let started = Instant::now();
        loop {
            match self.consumer.fetch_watermarks(&self.topic, self.partition, PATIENCE) {
                // A topic that was created just now has no leader yet, and a broker that restarts no answer.
                Err(_) if started.elapsed() < PATIENCE => std::thread::sleep(POLL),
                ends => return ends.map_err(|error| self.failed(error)),
            }
        }
    }

    /// Takes every record below `end`. The last records of a compacted partition may be gone: then the position says so.
    ///
    /// # Errors
    /// When the broker is silent, or `take` refuses a record.
    pub fn until(
        &mut self,
        end: i64,
        mut take: impl FnMut(&BorrowedMessage<'_>) -> Result<(), FleetError>,
    ) -> Result<(), FleetError> {
        let mut heard = Instant::now();
        while self.next < end {
            match self.consumer.poll(Timeout::After(POLL)) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    if message.offset() < self.next {
                        continue;
                    }
                    self.next = message.offset() + 1;
                    take(&message)?;
                }
                Some(Err(error)) if heard.elapsed() > PATIENCE => return Err(self.failed(error)),
                None | Some(Err(_)) => {
                    self.next = self.next.max(self.position());
                    if heard.elapsed() > PATIENCE {
                        return Err(FleetError::Silent(self.topic.clone()));
                    }
                }
            }
        }
        Ok(())
    }

    fn position(&self) -> i64 {
        let list = self.consumer.position().ok();
        let at = list.and_then(|list| list.find_partition(&self.topic, self.partition).map(|element| element.offset()));
        match at {
            Some(Offset::Offset(offset)) => offset,
            _ => 0,
        }
    }
}

/// The time that the topic gives a record; the Unix epoch if it gives none.
pub(crate) fn appended(message: &BorrowedMessage<'_>) -> Timestamp {
    Timestamp::from_millis(message.timestamp().to_millis().unwrap_or_default().max(0))
}

/// How long the broker waits for a process that is silent.
pub(crate) fn session_timeout(source: &KafkaSource) -> Duration {
    let set = kafka::client(source).get("session.timeout.ms").and_then(|ms| ms.parse().ok());
    Duration::from_millis(set.unwrap_or(45_000))
}
