//! Kafka records in. Offsets live in the store, beside the state that they brought about; the group's own offsets follow
//! them, so that lag tools show the truth, and are read only where the store knows nothing yet.

mod context;
mod orders;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use models::engine::Trust;
use models::event::{MAX_EVENT_BYTES, Timestamp};
use rdkafka::ClientConfig;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::{BATCH_ITEMS, Batch, Envelope, Item};
use crate::app::{App, Handed, State};
use crate::config::KafkaSource;
use crate::fleet::appended;
use crate::fleet::handover::{Handover, Reading};
use crate::service::Sink;
use context::Context;
use orders::Orders;

/// How long a stop waits for what was handed over to become durable, so that the group's offsets end where the store does.
const DRAIN: Duration = Duration::from_secs(5);

/// How long the client may take to move to another offset.
const SEEK: Duration = Duration::from_secs(10);

/// How often the group's offsets follow the store.
const FOLLOW: Duration = Duration::from_secs(1);

/// Header of a record that deserves less trust than its topic: one that came over HTTP and was passed on.
pub(crate) const TRUST_HEADER: &str = "driftwatch-trust";
/// Its value.
pub(crate) const OBSERVE: &[u8] = b"observe";

/// Name of the source in the positions.
pub fn name(config: &KafkaSource) -> String {
    format!("kafka:{}", config.topic)
}

/// Hands over the records of one topic until the service stops.
pub async fn run(config: KafkaSource, mut sink: Sink) {
    let status = sink.app().sources().register(&name(&config));
    // Until the first statistics say how far behind we are.
    status.catching_up(true);
    let context = Context::new(&config.topic, sink.app().clone(), status.clone());
    let consumer = match subscribe(&config, context) {
        Ok(consumer) => consumer,
        Err(error) => {
            let reason = refusal(&error);
            return status.failed(format!("the consumer cannot be built: {reason}; check source.kafka"));
        }
    };
    let mut sent = BTreeMap::new();
    consume(&consumer, &config, &mut sink, &mut sent).await;
    drain(&consumer, sink.app(), &sent).await;
    // Leaving the group talks to the broker.
    let closed = tokio::task::spawn_blocking(move || drop(consumer)).await;
    if let Err(error) = closed {
        tracing::warn!(%error, "the consumer did not leave its group");
    }
}

/// The client of a topic: what the operator passes through, except what the promise to lose and double nothing rests on.
pub fn client(config: &KafkaSource) -> ClientConfig {
    let mut client = ClientConfig::new();
    // Prefetching is bounded in bytes, not only in records of unknown size. When the bound is reached the client would sleep a
    // second before it fetches again, which is a third of a second's work for the engine.
    client
        .set("queued.max.messages.kbytes", "16384")
        .set("fetch.queue.backoff.ms", "10")
        .set("client.id", "driftwatch");
    client.extend(config.properties.iter().map(|(key, value)| (key.clone(), value.clone())));
    client
        .set("bootstrap.servers", &config.brokers)
        .set("group.id", &config.group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest");
    client
}

/// Why no client can be built, without the value of the property that is to blame: in one whose name is misspelt stands,
/// as likely as not, a password.
pub fn refusal(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, description, property, _) => format!("`{property}`: {description}"),
        other => other.to_string(),
    }
}

fn subscribe(config: &KafkaSource, context: Context) -> KafkaResult<StreamConsumer<Context>> {
    let mut client = client(config);
    if !config.properties.contains_key("statistics.interval.ms") {
        client.set("statistics.interval.ms", "2000");
    }
    let consumer: StreamConsumer<Context> = client.create_with_context(context)?;
    consumer.subscribe(&[&config.topic])?;
    Ok(consumer)
}

/// How far each partition has been handed over.
type Sent = BTreeMap<i32, i64>;

async fn consume(consumer: &StreamConsumer<Context>, config: &KafkaSource, sink: &mut Sink, sent: &mut Sent) {
    let context = Arc::clone(consumer.context());
    let mut follow = tokio::time::interval(FOLLOW);
    let mut orders = Orders::new(sink.app().handover().and_then(Handover::readings));
    loop {
        let first = tokio::select! {
            message = consumer.recv() => message,
            Some(reading) = orders.next() => {
                follow_owner(consumer, &mut orders, reading);
                continue;
            }
            _ = follow.tick() => {
                for reading in orders.failed() {
                    follow_owner(consumer, &mut orders, reading);
                }
                commit(consumer, &context.to_commit(), CommitMode::Async);
                continue;
            }
            () = sink.stopping() => return,
        };
        let now_ms = sink.app().now_ms();
        let mut batches = BTreeMap::new();
        collect(&context, config, first, now_ms, &mut batches);
        for _ in 1..BATCH_ITEMS {
            // Only what has been fetched already: a lone record is not kept waiting for company.
            let more =
                tokio::select! { biased; message = consumer.recv() => message, () = std::future::ready(()) => break };
            collect(&context, config, more, now_ms, &mut batches);
        }
        for (partition, Read { batch, arrived_at }) in batches {
            let (Some(first), Some(last)) = (batch.items.first(), batch.items.last()) else { continue };
            let positions = first.position..last.position + 1;
            let end = positions.end;
            context.handed(partition, Handed { positions, arrived_at, happened_at: first.happened_at() });
            if sink.send(batch).await.is_err() {
                return;
            }
            sent.insert(partition, end);
        }
    }
}

/// Does what the thread that owns the partitions wants. What fails is tried again: a partition that nobody resumes is silent.
fn follow_owner(consumer: &StreamConsumer<Context>, orders: &mut Orders, reading: Reading) {
    let context = consumer.context();
    // Given away meanwhile: its new owner reads it, or we shall be told again.
    if !context.owns(reading.partition()) {
        return;
    }
    if let Err(error) = read_on(consumer, &reading) {
        context.status().failing(format!("a partition cannot be read on: {error}; trying again"));
        orders.fail(reading);
    }
}

fn read_on(consumer: &StreamConsumer<Context>, reading: &Reading) -> KafkaResult<()> {
    let context = consumer.context();
    let mut list = TopicPartitionList::new();
    list.add_partition(context.topic(), reading.partition());
    match reading {
        Reading::Resume(partition, offset, lease) => {
            // A few milliseconds; the fetcher answers between two requests.
            consumer.seek(context.topic(), *partition, Offset::Offset(*offset), SEEK)?;
            context.resumed(*partition, lease.clone());
            consumer.resume(&list)
        }
        Reading::Pause(partition) => {
            context.paused(*partition);
            consumer.pause(&list)
        }
    }
}

/// Records of one partition that were read together.
struct Read {
    batch: Batch,
    /// When the first of them came to the broker, or as its sender says.
    arrived_at: Option<Timestamp>,
}

fn collect(
    context: &Context,
    config: &KafkaSource,
    message: KafkaResult<BorrowedMessage<'_>>,
    now_ms: i64,
    batches: &mut BTreeMap<i32, Read>,
) {
    let message = match message {
        Ok(message) => message,
        // librdkafka goes on by itself: it reconnects, refreshes metadata and joins again.
        Err(error) => return context.status().failing(error.to_string()),
    };
    // A record of a partition that was given away while it was being read.
    let Some(lease) = context.lease(message.partition()) else { return };
    context.status().set(State::Running);
    context.status().seen(Timestamp::from_millis(now_ms));
    let empty = || Read {
        batch: Batch {
            source: Arc::clone(context.status().name()),
            partition: message.partition(),
            lease: lease.clone(),
            items: Vec::new(),
        },
        arrived_at: message.timestamp().to_millis().map(Timestamp::from_millis),
    };
    let read = batches.entry(message.partition()).or_insert_with(empty);
    if !read.batch.lease.holds() {
        // Given away and back since the batch was begun: what was read before will be read again.
        *read = empty();
    }
    // In a fleet, what a second reader of the same log sees too; the clock of this process is none of that.
    let fleet = context.is_fleet();
    let received_at = if fleet { appended(&message).as_nanos() / 1_000_000 } else { now_ms };
    read.batch.items.push(item(&message, config, received_at));
}

pub(crate) fn item(message: &BorrowedMessage<'_>, config: &KafkaSource, received_at: i64) -> Item {
    // A record without a value (a tombstone) is no event; it is set aside like any other.
    let payload = message.payload().unwrap_or_default();
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    Item {
        position: message.offset(),
        received_at,
        trust: trust_of(message, config),
        raw: payload.get(..MAX_EVENT_BYTES).unwrap_or(payload).to_vec(),
        length: payload.len() as u64,
        envelope: Envelope::of(headers.filter_map(|header| Some((header.key, header.value?)))),
    }
}

/// The trust of the source, unless the record says that it deserves less.
fn trust_of(message: &BorrowedMessage<'_>, config: &KafkaSource) -> Trust {
    let mut headers = message.headers().into_iter().flat_map(Headers::iter);
    let observe = headers.any(|header| header.key == TRUST_HEADER && header.value == Some(OBSERVE));
    if observe { Trust::Observe } else { config.trust }
}

fn commit(consumer: &StreamConsumer<Context>, offsets: &Sent, mode: CommitMode) {
    if offsets.is_empty() {
        return;
    }
    let context = consumer.context();
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    let added = offsets.iter().try_for_each(|(partition, offset)| {
        list.add_partition_offset(context.topic(), *partition, Offset::Offset(*offset))
    });
    // The store holds the truth; a group offset that stays behind is only a wrong number in a lag tool.
    if let Err(error) = added.and_then(|()| consumer.commit(&list, mode)) {
        tracing::warn!(%error, source = %context.status().name().escape_debug(), "group offsets could not be committed");
    }
}

/// Waits until what was handed over is durable, and lets the group know.
async fn drain(consumer: &StreamConsumer<Context>, app: &App, sent: &Sent) {
    let context = Arc::clone(consumer.context());
    let mut committed = app.committed();
    let durable = committed.wait_for(|positions| {
        let name = context.status().name();
        // What was given away before it was stored is its new owner's.
        let ours = sent.iter().filter(|(partition, _)| context.lease(**partition).is_some());
        ours.into_iter()
            .all(|(partition, end)| positions.get(&(Arc::clone(name), *partition)).is_some_and(|at| at >= end))
    });
    let in_time = tokio::time::timeout(DRAIN, durable).await.is_ok();
    if !in_time {
        tracing::warn!("records were read that could not be stored; they will be read again");
    }
    commit(consumer, &context.to_commit(), CommitMode::Async);
}

#[cfg(test)]
mod tests;
