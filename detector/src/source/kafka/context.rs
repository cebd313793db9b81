//! What librdkafka calls back: assignments, statistics, errors and log lines.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

use crate::app::{App, Handed, Source, State};
use crate::source::Lease;

/// State that the callbacks share with the consuming task.
#[derive(Debug)]
pub(super) struct Context {
    topic: String,
    app: App,
    status: Source,
    // Locked for the length of a look-up; callbacks run inside `recv`, never beside it.
    partitions: Mutex<BTreeMap<i32, Partition>>,
}

#[derive(Debug, Default)]
struct Partition {
    lease: Lease,
    /// The group's offset as we last set it.
    followed: Option<i64>,
}

impl Context {
    pub(super) fn new(topic: &str, app: App, status: Source) -> Self {
        Self { topic: topic.to_owned(), app, status, partitions: Mutex::default() }
    }

    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    pub(super) fn status(&self) -> &Source {
        &self.status
    }

    fn partitions(&self) -> MutexGuard<'_, BTreeMap<i32, Partition>> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lease of a partition, if it is ours.
    pub(super) fn lease(&self, partition: i32) -> Option<Lease> {
        self.partitions().get(&partition).map(|p| p.lease.clone())
    }

    /// How far a partition is durable in the store.
    fn stored(&self, partition: i32) -> Option<i64> {
        self.app.committed().borrow().get(&(Arc::clone(self.status.name()), partition)).copied()
    }

    /// A batch is on its way to the engine.
    pub(super) fn handed(&self, partition: i32, batch: Handed) {
        self.status.handed(partition, batch, self.stored(partition), self.app.now());
    }

    /// Offsets of our partitions that the store has moved past since they were last committed to the group.
    pub(super) fn to_commit(&self) -> BTreeMap<i32, i64> {
        let mut moved = BTreeMap::new();
        for (number, partition) in self.partitions().iter_mut() {
            let stored = self.stored(*number);
            if stored > partition.followed {
                partition.followed = stored;
                moved.extend(stored.map(|offset| (*number, offset)));
            }
        }
        moved
    }

    /// Our partitions now; each is read from where the store is, and where the store knows nothing, from the group's
    /// offset or the beginning.
    fn assign(&self, list: &mut TopicPartitionList) -> KafkaResult<()> {
        let mut partitions = self.partitions();
        for mut element in list.elements_for_topic(&self.topic) {
            if let Some(position) = self.stored(element.partition()) {
                element.set_offset(Offset::Offset(position))?;
            }
            partitions.insert(element.partition(), Partition::default());
        }
        Ok(())
    }

    /// Not ours any more: what is in flight is dropped before the engine sees it.
    fn revoke(&self, list: &TopicPartitionList) {
        let mut partitions = self.partitions();
        for element in list.elements_for_topic(&self.topic) {
            if let Some(partition) = partitions.remove(&element.partition()) {
                partition.lease.revoke();
                self.status.lost(element.partition());
            }
        }
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, what: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let cooperative = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let assigned = what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        let followed = if assigned {
            self.assign(list)
                .and_then(|()| if cooperative { consumer.incremental_assign(list) } else { consumer.assign(list) })
        } else {
            if what != RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS {
                self.status.failing(RDKafkaErrorCode::from(what).to_string());
            }
            self.revoke(list);
            if cooperative { consumer.incremental_unassign(list) } else { consumer.unassign() }
        };
        let partitions = list.count();
        tracing::info!(source = %self.status.name().escape_debug(), partitions, assigned, "partitions changed hands");
        match followed {
            Ok(()) if assigned => self.status.set(State::Running),
            Ok(()) => {}
            Err(error) => self.status.failing(error.to_string()),
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::warn!(%error, "the group did not take our offsets");
        }
    }
}

impl ClientContext for Context {
    fn stats(&self, statistics: Statistics) {
        let Some(topic) = statistics.topics.get(&self.topic) else { return };
        let numbers: Vec<i32> = self.partitions().keys().copied().collect();
        let lag: Option<i64> = numbers
            .iter()
            .map(|number| {
                let partition = topic.partitions.get(number)?;
                // Negative until the first fetch has been answered.
                let end = (partition.hi_offset >= 0).then_some(partition.hi_offset)?;
                let (stored, low) = (self.stored(*number), partition.lo_offset.max(0));
                self.status.holds(*number, low..end, stored, self.app.now());
                Some((end - stored.unwrap_or(low)).max(0))
            })
            .sum();
        if let Some(lag) = lag.filter(|_| !numbers.is_empty()) {
            self.status.lag(lag);
            self.status.catching_up(false);
        }
        if statistics.brokers.values().any(|broker| broker.state == "UP") && !numbers.is_empty() {
            self.status.set(State::Running);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // `reason` may quote what a broker said.
        self.status.failing(format!("{error}: {}", reason.escape_debug()));
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let message = message.escape_debug();
        match level {
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(target: "librdkafka", facility, %message);
            }
            _ => tracing::warn!(target: "librdkafka", facility, %message),
        }
    }
}
