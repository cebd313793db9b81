//! Questions and orders to the cluster about its topics. Topics that are there are never changed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::types::RDKafkaErrorCode;

use super::Wanted;
use crate::config::KafkaSource;
use crate::source::kafka;

/// How long the cluster may take for one answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Most events of the client that are looked at for the reason of a failure.
const EVENTS: usize = 32;

/// Why nothing can be said of the topics, or one was not created.
#[derive(Debug, thiserror::Error)]
pub enum TopicsError {
    /// librdkafka refuses a property.
    #[error("the client cannot be built: {0}; check the properties of source.kafka")]
    Client(String),
    /// No broker answered in time.
    #[error("no broker at `{brokers}` answered within {} s: {reason}; check brokers and security settings of source.kafka", ANSWER.as_secs())]
    Unreachable {
        /// The bootstrap servers.
        brokers: String,
        /// What the client says.
        reason: String,
    },
    /// The settings of a topic are not told.
    #[error("the settings of topic `{topic}` cannot be read: {reason}; allow DescribeConfigs on it")]
    Settings {
        /// The topic.
        topic: String,
        /// What the cluster says.
        reason: String,
    },
    /// A topic was not created.
    #[error(
        "topic `{topic}` cannot be created: {reason}; allow Create, and set fleet.replication to at most the number of brokers"
    )]
    Create {
        /// The topic.
        topic: String,
        /// What the cluster says.
        reason: String,
    },
}

/// A topic as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// Its partitions.
    pub partitions: i32,
    /// Copies of the partition that has the fewest.
    pub replication: i32,
    /// Its settings, defaults of the cluster included.
    pub settings: BTreeMap<String, String>,
}

/// What the client said last of what went wrong.
#[derive(Debug, Default)]
struct Heard(Mutex<Option<String>>);

impl Heard {
    fn hear(&self, what: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(what.escape_debug().to_string());
    }

    fn last(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Heard {
    fn error(&self, error: KafkaError, reason: &str) {
        // That all brokers are down is the last that is said, and says the least.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            self.hear(reason);
        }
    }

    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "librdkafka", facility, message = %message.escape_debug());
    }
}

impl ConsumerContext for Heard {}

/// The cluster of one source.
pub struct Cluster {
    // Joins no group: it only asks. A consumer, because a producer that asks for a topic may create it.
    consumer: BaseConsumer<Heard>,
    admin: AdminClient<DefaultClientContext>,
    brokers: String,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("brokers", &self.brokers).finish_non_exhaustive()
    }
}

impl Cluster {
    /// A client with the security settings of this source. It does not connect yet.
    ///
    /// # Errors
    /// When librdkafka refuses a property.
    pub fn of(source: &KafkaSource) -> Result<Self, TopicsError> {
        let refused = |error: KafkaError| TopicsError::Client(kafka::refusal(&error));
        let client = kafka::client(source);
        let consumer = client.create_with_context(Heard::default()).map_err(refused)?;
        let admin = client.create().map_err(refused)?;
        Ok(Self { consumer, admin, brokers: source.brokers.clone() })
    }

    /// The bootstrap servers.
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// Every topic that is there, without its settings. Blocks for at most ten seconds.
    ///
    /// # Errors
    /// When no broker answers.
    pub fn topics(&self) -> Result<BTreeMap<String, Found>, TopicsError> {
        let metadata = self.consumer.fetch_metadata(None, ANSWER).map_err(|error| self.unreachable(&error))?;
        Ok(metadata.topics().iter().map(|topic| (topic.name().to_owned(), shape(topic))).collect())
    }

    fn unreachable(&self, error: &KafkaError) -> TopicsError {
        // Why no connection came about waits in the queue of events: nobody was polling.
        for _ in 0..EVENTS {
            if let Some(Err(error)) = self.consumer.poll(Duration::from_millis(10)) {
                tracing::debug!(%error, "while no broker answered");
            }
        }
        let reason = self.consumer.context().last().unwrap_or_else(|| error.to_string());
        TopicsError::Unreachable { brokers: self.brokers.clone(), reason }
    }

    /// The settings of a topic that is there.
    ///
    /// # Errors
    /// When the cluster does not tell.
    pub async fn settings(&self, topic: &str) -> Result<BTreeMap<String, String>, TopicsError> {
        let failed = |reason: String| TopicsError::Settings { topic: topic.to_owned(), reason };
        let options = AdminOptions::new().request_timeout(Some(ANSWER));
        let asked = self.admin.describe_configs(&[ResourceSpecifier::Topic(topic)], &options).await;
        let answer = asked.map_err(|e| failed(e.to_string()))?.into_iter().next();
        let resource = answer.ok_or_else(|| failed("the answer is empty".to_owned()))?;
        let entries = resource.map_err(|code| failed(code.to_string()))?.entries;
        if entries.is_empty() {
            // The client library does not pass on the error of a single topic.
            return Err(failed("it is not allowed or not there".to_owned()));
        }
        Ok(entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect())
    }

    /// Creates a topic that is absent.
    ///
    /// # Errors
    /// When the cluster refuses.
    pub async fn create(&self, wanted: &Wanted) -> Result<(), TopicsError> {
        let failed = |reason: String| TopicsError::Create { topic: wanted.name.clone(), reason };
        let settings: Vec<_> = wanted.settings().collect();
        let replication = TopicReplication::Fixed(wanted.replication);
        let mut topic = NewTopic::new(&wanted.name, wanted.partitions, replication);
        for (name, value) in &settings {
            topic = topic.set(name, value);
        }
        let options = AdminOptions::new().request_timeout(Some(ANSWER)).operation_timeout(Some(ANSWER));
        let created = self.admin.create_topics([&topic], &options).await.map_err(|e| failed(e.to_string()))?;
        for result in created {
            result.map_err(|(_, code)| failed(code.to_string()))?;
        }
        Ok(())
    }
}

fn shape(topic: &MetadataTopic) -> Found {
    let partitions = topic.partitions();
    let copies = partitions.iter().map(MetadataPartition::replicas).map(<[i32]>::len).min();
    Found {
        partitions: count(partitions.len()),
        replication: count(copies.unwrap_or_default()),
        settings: BTreeMap::new(),
    }
}

/// A number of partitions or copies, which Kafka itself holds in 32 bits.
fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
