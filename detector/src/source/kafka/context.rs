//! What librdkafka calls back: assignments, statistics, errors and log lines.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList, TopicPartitionListElem};
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
    /// `None` until what it is read into is there.
    lease: Option<Lease>,
}

impl Context {
    pub(super) fn new(topic: &str, app: App, status: Source) -> Self {
        Self { topic: topic.to_owned(), app, status, partitions: Mutex::default() }
    }

    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    /// Whether partitions are shared with other processes.
    pub(super) fn is_fleet(&self) -> bool {
        self.app.handover().is_some()
    }

    pub(super) fn status(&self) -> &Source {
        &self.status
    }

    fn partitions(&self) -> MutexGuard<'_, BTreeMap<i32, Partition>> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a partition is ours, read already or not yet.
    pub(super) fn owns(&self, partition: i32) -> bool {
        self.partitions().contains_key(&partition)
    }

    /// The lease of a partition, if it is ours.
    pub(super) fn lease(&self, partition: i32) -> Option<Lease> {
        self.partitions().get(&partition)?.lease.clone()
    }

    /// In a fleet: from now on it is read, under this lease.
    pub(super) fn resumed(&self, partition: i32, lease: Lease) {
        if let Some(partition) = self.partitions().get_mut(&partition) {
            partition.lease = Some(lease);
        }
    }

    /// In a fleet: not read for now, although it is ours.
    pub(super) fn paused(&self, partition: i32) {
        let lease = self.partitions().get_mut(&partition).and_then(|partition| partition.lease.take());
        if let Some(lease) = lease {
            lease.revoke();
        }
    }

    /// How far a partition is durable in the store.
    fn stored(&self, partition: i32) -> Option<i64> {
        self.app.committed().borrow().get(&(Arc::clone(self.status.name()), partition)).copied()
    }

    /// A batch is on its way to the engine.
    pub(super) fn handed(&self, partition: i32, batch: Handed) {
        self.status.handed(partition, batch, self.stored(partition), self.app.now());
    }

    /// How far the partitions that we read are stored. All of them each time: an offset that is sent while the group is
    /// being sorted out may be lost without a word, and none may follow it for hours.
    pub(super) fn to_commit(&self) -> BTreeMap<i32, i64> {
        let partitions = self.partitions();
        let read = partitions.iter().filter(|(_, partition)| partition.lease.is_some());
        read.filter_map(|(number, _)| Some((*number, self.stored(*number)?))).collect()
    }

    /// Our partitions now; each is read from where the store is, and where the store knows nothing, from the group's
    /// offset or the beginning.
    fn assign(&self, list: &mut TopicPartitionList) -> KafkaResult<()> {
        let alone = self.app.handover().is_none();
        let mut partitions = self.partitions();
        for mut element in list.elements_for_topic(&self.topic) {
            if let Some(position) = self.stored(element.partition()).filter(|_| alone) {
                element.set_offset(Offset::Offset(position))?;
            }
            let lease = alone.then(Lease::default);
            partitions.insert(element.partition(), Partition { lease });
        }
        Ok(())
    }

    fn numbers(&self, list: &TopicPartitionList) -> Vec<i32> {
        list.elements_for_topic(&self.topic).iter().map(TopicPartitionListElem::partition).collect()
    }

    /// Not ours any more: what is in flight is dropped before the engine sees it.
    fn revoke(&self, list: &TopicPartitionList) {
        let mut partitions = self.partitions();
        for element in list.elements_for_topic(&self.topic) {
            if let Some(partition) = partitions.remove(&element.partition()) {
                if let Some(lease) = partition.lease {
                    lease.revoke();
                }
                self.status.lost(element.partition());
            }
        }
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, what: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let cooperative = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let assigned = what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        let handover = self.app.handover();
        let followed = if assigned {
            let owned = self
                .assign(list)
                .and_then(|()| if cooperative { consumer.incremental_assign(list) } else { consumer.assign(list) });
            // Before this callback returns, so that nothing is read before there is something to read it into.
            let owned = owned.and_then(|()| if handover.is_some() { consumer.pause(list) } else { Ok(()) });
            if let (Ok(()), Some(handover)) = (&owned, handover) {
                handover.assigned(self.numbers(list));
            }
            owned
        } else {
            if what != RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS {
                self.status.failing(RDKafkaErrorCode::from(what).to_string());
            }
            self.revoke(list);
            if handover.is_some_and(|handover| !handover.revoked(self.numbers(list))) {
                tracing::warn!(
                    "partitions were given up before they were stored; their new owner reads the rest again"
                );
            }
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
            tracing::warn!(%error, "the group did not take our offsets; they are sent again");
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
