//! Whoever does not listen holds nobody up, and what does hold scoring up is seen.

use std::io::Write as _;
use std::net::TcpStream;

use anyhow::{Context as _, Result};
use rusqlite::Connection;
use tests::driftwatch::{Driftwatch, Settings, client};
use tests::eventually::{PATIENCE, Seen, eventually};
use tests::kafka::Kafka;
use tests::receiver::{Answer, Receiver};
use tests::trace::{Action, ENGINE, Trace};

const SECRET: &str = "whsec_bXkgc2VjcmV0IGtleSBvZiAyNCBieXRlcw==";
const TOPIC: &str = "agent.actions";

/// Somebody who asks for a live stream and never reads it.
fn deaf(driftwatch: &Driftwatch, path: &str) -> Result<TcpStream> {
    let url = driftwatch.url("");
    let address = url.strip_prefix("http://").context("plain HTTP")?;
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\naccept: text/event-stream\r\n\r\n")?;
    Ok(stream)
}

#[tokio::test]
async fn deaf_readers_and_a_receiver_that_hangs_with_a_long_outbox_do_not_stop_the_reading() -> Result<()> {
    let trace = Trace::generate()?;
    let kafka = Kafka::start().await?;
    kafka.create_topic(TOPIC, 3).await?;
    let receiver = Receiver::start(&[SECRET]).await?;
    receiver.always(Answer::Hang);
    let settings = Settings::default().with(ENGINE).kafka(&kafka, TOPIC, "driftwatch", "revoke");
    let settings = settings.webhook("broker", &receiver, &format!("secret = '{SECRET}'\ntimeout = '30s'"));
    let driftwatch = Driftwatch::start(&settings).await?;
    let readers = (0..40).map(|_| deaf(&driftwatch, "/v1/stream")).collect::<Result<Vec<_>>>()?;
    let produced = kafka.produce(TOPIC, trace.actions().iter().map(Action::bare)).await?;
    driftwatch.consumed(produced).await?;
    let waiting = driftwatch.number("SELECT count(*) FROM outbox WHERE state <> 'delivered'", [])?;
    assert!(waiting > 1, "there must be something that waits for the receiver");
    let metrics = driftwatch.metrics().await?;
    assert_eq!(metrics.get(&format!("driftwatch_stalled_partitions{{source=\"kafka:{TOPIC}\"}}")), Some(&0.0));
    assert_eq!(metrics.get("driftwatch_accounting_gap"), Some(&0.0));
    drop(readers);
    Ok(())
}

#[tokio::test]
async fn a_database_that_cannot_be_written_shows_as_stalled_partitions_until_it_can() -> Result<()> {
    let kafka = Kafka::start().await?;
    kafka.create_topic(TOPIC, 2).await?;
    let settings = Settings::default().with("[source]\nstalled_after = '1s'");
    let driftwatch = Driftwatch::start(&settings.kafka(&kafka, TOPIC, "driftwatch", "observe")).await?;
    let event = |n: i32| {
        let time = jiff::Timestamp::now();
        (format!("bot-{n}"), format!(r#"{{"id":"{n}","time":"{time}","identity":"bot-{n}","tool":"t"}}"#))
    };
    let mut produced = kafka.produce(TOPIC, (0..20).map(event)).await?;
    driftwatch.consumed(produced).await?;

    // Somebody else writes and does not end: no commit gets through.
    let other = Connection::open(driftwatch.store())?;
    other.busy_timeout(PATIENCE)?;
    other.execute_batch("BEGIN IMMEDIATE")?;
    produced += kafka.produce(TOPIC, (20..40).map(event)).await?;
    let name = format!("kafka:{TOPIC}");
    let source = async || -> Result<serde_json::Value> {
        // 503 as well: commits that fail are what makes it not ready.
        let ready: serde_json::Value = client()?.get(driftwatch.url("/readyz")).send().await?.json().await?;
        let sources = ready["sources"].as_array().context("a list")?;
        sources.iter().find(|source| source["name"] == *name).cloned().context("the topic is not listed")
    };
    eventually("both partitions to be called stalled", async || {
        let source = source().await?;
        Ok(Seen::when(source["stalled"] == serde_json::json!([0, 1]), || source.to_string()))
    })
    .await?;
    let metrics = driftwatch.metrics().await?;
    let of = |family: &str| metrics.get(&format!("driftwatch_{family}")).copied().unwrap_or_default();
    assert!((of(&format!("stalled_partitions{{source=\"{name}\"}}")) - 2.0).abs() < f64::EPSILON, "{metrics:?}");
    for by in ["arrival", "event_time"] {
        assert!(of(&format!("oldest_unscored_age_seconds{{source=\"{name}\",by=\"{by}\"}}")) >= 1.0, "{metrics:?}");
    }
    let page = client()?.get(driftwatch.url("/identities")).send().await?.text().await?;
    assert!(page.contains("Events wait and are not scored."), "{page}");
    let page = client()?.get(driftwatch.url("/health")).send().await?.text().await?;
    assert!(page.contains("partition 0, 1"), "{page}");

    other.execute_batch("ROLLBACK")?;
    driftwatch.consumed(produced).await?;
    let source = source().await?;
    assert_eq!((&source["stalled"], &source["oldest_event_at"]), (&serde_json::json!([]), &serde_json::Value::Null));
    let page = client()?.get(driftwatch.url("/identities")).send().await?.text().await?;
    assert!(!page.contains("Events wait and are not scored."));
    Ok(())
}
