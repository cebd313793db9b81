//! The Kafka source against librdkafka's broker in the same process.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{DefaultProducerContext, FutureProducer, FutureRecord};

use super::*;
use crate::config::Config;
use crate::service::Core;
use crate::store::Positions;
use crate::store::quarantine::{self, Filter};

const TOPIC: &str = "agent.actions";
const NAME: &str = "kafka:agent.actions";

type Cluster = MockCluster<'static, DefaultProducerContext>;

struct Fixture {
    directory: tempfile::TempDir,
    cluster: Cluster,
    producer: FutureProducer,
    sent: AtomicU32,
}

impl Fixture {
    fn new(partitions: i32) -> Self {
        let cluster = MockCluster::new(1).expect("a cluster");
        cluster.create_topic(TOPIC, partitions, 1).expect("a topic");
        let mut client = ClientConfig::new();
        let producer = client.set("bootstrap.servers", cluster.bootstrap_servers()).create().expect("a producer");
        Self { directory: tempfile::tempdir().expect("a directory"), cluster, producer, sent: AtomicU32::new(0) }
    }

    async fn send(&self, partition: i32, payload: &[u8], headers: &[(&str, &str)]) {
        let headers = headers
            .iter()
            .fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(*value) }));
        let record = FutureRecord::<(), _>::to(TOPIC).partition(partition).payload(payload).headers(headers);
        self.producer.send(record, Duration::from_secs(10)).await.expect("sent");
    }

    /// Sends `n` events with ids of their own.
    async fn events(&self, partition: i32, n: u32) {
        for _ in 0..n {
            let id = self.sent.fetch_add(1, Ordering::Relaxed);
            self.send(partition, event(id).as_bytes(), &[]).await;
        }
    }

    fn start(&self) -> Running {
        Running::start(self.directory.path(), &self.cluster.bootstrap_servers())
    }
}

fn event(id: u32) -> String {
    format!(r#"{{"id":"{id}","time":"2026-05-04T10:00:00Z","identity":"bot-{}","tool":"mail.send"}}"#, id % 7)
}

struct Running {
    core: Core,
    source: tokio::task::JoinHandle<()>,
}

impl Running {
    fn start(directory: &Path, brokers: &str) -> Self {
        let text = format!(
            "[store]\npath = '{}'\n[[source.kafka]]\nbrokers = '{brokers}'\n\
             properties = {{ 'session.timeout.ms' = '6000', 'statistics.interval.ms' = '200' }}\n",
            directory.join("d.db").display()
        );
        let config = Config::parse(&text).expect("valid");
        let source = config.source.kafka[0].clone();
        let core = Core::start(config).expect("started");
        let source = tokio::spawn(run(source, core.sink()));
        Self { core, source }
    }

    async fn reached(&self, partition: i32, next: i64) {
        let key = (Arc::from(NAME), partition);
        let at = |p: &Positions| p.get(&key).is_some_and(|at| *at >= next);
        let mut committed = self.core.app().committed();
        tokio::time::timeout(Duration::from_mins(1), committed.wait_for(at)).await.expect("in time").expect("running");
    }

    async fn stop(self) -> App {
        let app = self.core.app().clone();
        self.core.finish().await.expect("finished");
        self.source.await.expect("no panic");
        app
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_taken_once_across_a_restart() {
    let fixture = Fixture::new(3);
    fixture.events(0, 40).await;
    fixture.events(2, 10).await;
    let running = fixture.start();
    running.reached(0, 40).await;
    running.reached(2, 10).await;
    running.stop().await;
    fixture.events(0, 5).await;
    fixture.events(1, 5).await;
    let running = fixture.start();
    running.reached(0, 45).await;
    running.reached(1, 5).await;
    let counts = running.stop().await.telemetry().counts();
    assert_eq!((counts.consumed, counts.scored, counts.duplicate, counts.gap()), (60, 60, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_says_where_to_go_on_whatever_the_group_says() {
    let fixture = Fixture::new(1);
    fixture.events(0, 20).await;
    let running = fixture.start();
    running.reached(0, 20).await;
    running.stop().await;
    fixture.events(0, 5).await;
    // As after a crash behind the store's commit and before the group's: the group says 20.
    let ahead = format!("UPDATE positions SET position = 23 WHERE source = '{NAME}'");
    let store = crate::store::Store::open_existing(&fixture.directory.path().join("d.db")).expect("there");
    store.write(|tx| tx.execute(&ahead, ())).expect("written");
    let running = fixture.start();
    running.reached(0, 25).await;
    let counts = running.stop().await.telemetry().counts();
    assert_eq!((counts.consumed, counts.duplicate), (22, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_group_follows_the_store_for_lag_tools() {
    let fixture = Fixture::new(1);
    fixture.events(0, 8).await;
    let running = fixture.start();
    running.reached(0, 8).await;
    let lag = || running.core.app().readiness().sources.into_iter().find(|s| s.name == NAME).and_then(|s| s.lag);
    let known = async {
        while lag() != Some(0) || !running.core.app().sources().caught_up() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), known).await.expect("statistics come");
    running.stop().await;
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", fixture.cluster.bootstrap_servers()).set("group.id", "driftwatch");
    let other: rdkafka::consumer::BaseConsumer = client.create().expect("a consumer");
    let mut list = TopicPartitionList::new();
    list.add_partition(TOPIC, 0);
    let committed = other.committed_offsets(list, Duration::from_secs(10)).expect("offsets");
    let offset = committed.elements().first().map(rdkafka::topic_partition_list::TopicPartitionListElem::offset);
    // The list must be gone before its consumer, or dropping that one never returns.
    drop(committed);
    assert_eq!(offset, Some(Offset::Offset(8)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_record_is_set_aside_and_the_stream_goes_on() {
    let fixture = Fixture::new(1);
    fixture.events(0, 1).await;
    fixture.send(0, b"\xff\xfe not an event", &[]).await;
    fixture.send(0, b"", &[]).await;
    fixture.send(0, "x".repeat(MAX_EVENT_BYTES + 1).as_bytes(), &[]).await;
    fixture.events(0, 1).await;
    let running = fixture.start();
    running.reached(0, 5).await;
    let app = running.stop().await;
    let counts = app.telemetry().counts();
    assert_eq!((counts.scored, counts.quarantined, counts.gap()), (2, 3, 0));
    let rows = app.store().read(|db| quarantine::list(db, &Filter::default(), 10)).expect("read");
    let seen: Vec<_> =
        rows.iter().rev().map(|r| (r.source.as_str(), r.position, r.code.as_str(), r.raw.len())).collect();
    assert_eq!(seen[0], (NAME, 1, "not_utf8", "\u{fffd}\u{fffd} not an event".len()));
    assert_eq!(seen[1], (NAME, 2, "not_json", 0));
    assert_eq!(seen[2], (NAME, 3, "event_too_large", MAX_EVENT_BYTES));
}

#[tokio::test(flavor = "multi_thread")]
async fn cloud_events_are_read_in_both_modes() {
    let fixture = Fixture::new(1);
    let structured = r#"{"specversion":"1.0","id":"a","source":"/gw","type":"call","subject":"bot",
        "time":"2026-05-04T10:00:00Z","data":{"tool":"mail.send"}}"#;
    fixture.send(0, structured.as_bytes(), &[("content-type", "application/cloudevents+json; charset=UTF-8")]).await;
    let binary = [
        ("content-type", "application/json"),
        ("ce_specversion", "1.0"),
        ("ce_id", "b"),
        ("ce_source", "/gw"),
        ("ce_type", "call"),
        ("ce_subject", "bot"),
        ("ce_time", "2026-05-04T10:00:01Z"),
    ];
    fixture.send(0, br#"{"tool":"mail.send"}"#, &binary).await;
    // Its attributes are part of what is set aside, or a replay would not know whose event it is.
    fixture.send(0, br#"{"tool":7}"#, &binary).await;
    let running = fixture.start();
    running.reached(0, 3).await;
    let app = running.stop().await;
    let counts = app.telemetry().counts();
    assert_eq!((counts.scored, counts.quarantined), (2, 1));
    let rows = app.store().read(|db| quarantine::list(db, &Filter::default(), 10)).expect("read");
    let raw: serde_json::Value = serde_json::from_str(&rows[0].raw).expect("structured");
    assert_eq!((&raw["subject"], &raw["data"]["tool"]), (&"bot".into(), &7.into()));
}

#[test]
fn a_misspelt_property_is_named_without_the_password_in_it() {
    let text = "[[source.kafka]]\nbrokers = 'b:1'\nproperties = { 'sasl.pasword' = 'hunter2' }\n";
    let config = Config::parse(text).expect("valid as far as we know");
    let built: KafkaResult<StreamConsumer> = client(&config.source.kafka[0]).create();
    let error = built.err().expect("no such property");
    assert!(error.to_string().contains("hunter2"), "the library itself would tell");
    let told = refusal(&error);
    assert!(told.contains("sasl.pasword") && !told.contains("hunter2"), "{told}");
}
