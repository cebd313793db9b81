use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{DefaultProducerContext, FutureProducer, FutureRecord};

use super::*;
use crate::config::Config;
use crate::doctor::Level;

fn levels(findings: &[Finding]) -> Vec<(&'static str, Level)> {
    findings.iter().map(|finding| (finding.check, finding.level)).collect()
}

fn source(brokers: &str) -> KafkaSource {
    let text = format!("[[source.kafka]]\nbrokers = '{brokers}'\ntopic = 't'\n");
    Config::parse(&text).expect("valid").source.kafka[0].clone()
}

fn found(replication: i32, settings: &[(&str, &str)]) -> Found {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Found { partitions: 6, replication, settings }
}

#[test]
fn a_topic_that_loses_events_is_told() {
    let week = ("retention.ms", "604800000");
    for (replication, settings, worst) in [
        (3, &[week, ("min.insync.replicas", "2"), ("retention.bytes", "-1")][..], None),
        (3, &[("retention.ms", "-1"), ("min.insync.replicas", "2")], None),
        (3, &[("retention.ms", "3600000"), ("min.insync.replicas", "2")], Some(("retention", Level::Warning))),
        (3, &[week, ("min.insync.replicas", "2"), ("retention.bytes", "1")], Some(("retention", Level::Warning))),
        (3, &[week, ("min.insync.replicas", "2"), ("cleanup.policy", "compact")], Some(("retention", Level::Error))),
        (1, &[week], Some(("copies", Level::Warning))),
        (3, &[week, ("min.insync.replicas", "1")], Some(("copies", Level::Warning))),
        (3, &[week, ("min.insync.replicas", "3")], Some(("copies", Level::Warning))),
    ] {
        let findings = input("t", &found(replication, settings));
        let bad: Vec<_> = levels(&findings).into_iter().filter(|(_, level)| *level > Level::Ok).collect();
        assert_eq!(bad, Vec::from_iter(worst), "{settings:?} {findings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_clocks_are_judged_by_the_newest_records_and_nobody_answers_in_bounded_time() {
    let cluster: MockCluster<'static, DefaultProducerContext> = MockCluster::new(1).expect("a cluster");
    cluster.create_topic("t", 2, 1).expect("a topic");
    let brokers = cluster.bootstrap_servers();
    let producer: FutureProducer = ClientConfig::new().set("bootstrap.servers", &brokers).create().expect("a producer");
    let time: Timestamp = "2026-05-04T10:00:00Z".parse().expect("a time");
    let event = |n: i32| format!(r#"{{"id":"{n}","time":"2026-05-04T10:00:00Z","identity":"bot-{n}","tool":"t"}}"#);
    // Many old records of an age when nobody set keys, which the sample does not reach, and the newest.
    for n in 0..2 {
        let (payload, key) = (event(n), format!("bot-{n}"));
        let record =
            FutureRecord::to("t").partition(n).key(&key).payload(&payload).timestamp(time.as_seconds() * 1_000);
        producer.send(record, std::time::Duration::from_secs(10)).await.expect("sent");
    }
    let sampled = async || {
        let source = source(&brokers);
        tokio::task::spawn_blocking(move || sample::newest(&source, 2)).await.expect("no panic").expect("read")
    };
    let sample = sampled().await;
    assert_eq!((sample.records, sample.broken), (2, 0));
    assert_eq!(levels(&content(&sample, time)), [("keys", Level::Ok), ("clocks", Level::Ok)]);
    let slow: Timestamp = "2026-05-04T09:58:00Z".parse().expect("a time");
    assert_eq!(levels(&content(&sample, slow)), [("keys", Level::Ok), ("clocks", Level::Warning)]);

    let record = FutureRecord::<(), _>::to("t").partition(0).payload("no event").timestamp(time.as_seconds() * 1_000);
    producer.send(record, std::time::Duration::from_secs(10)).await.expect("sent");
    let moved = event(1);
    let record = FutureRecord::to("t").partition(0).key("bot-1").payload(&moved).timestamp(time.as_seconds() * 1_000);
    producer.send(record, std::time::Duration::from_secs(10)).await.expect("sent");
    let expected = [("keys", Level::Error), ("events", Level::Warning), ("clocks", Level::Ok)];
    assert_eq!(levels(&content(&sampled().await, time)), expected);
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_one_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    drop(listener);
    let findings = check(&source(&address), None, Timestamp::EPOCH).await;
    assert_eq!(levels(&findings), [("broker", Level::Error)]);
    assert!(findings[0].found.contains("Connection refused"), "{findings:?}");
}
