//! Whatever a sender puts on the wire ends in its counted outcome, and the account is right whenever somebody looks.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use tests::driftwatch::{Driftwatch, Settings, client, send};
use tests::kafka::{Kafka, Message};

const TOPIC: &str = "agent.actions";

/// What is sent, and how it must end: an outcome, and a reason if it is no event.
struct Case {
    name: &'static str,
    value: Vec<u8>,
    headers: Vec<(String, String)>,
    ends: &'static str,
    code: Option<&'static str>,
}

fn case(name: &'static str, value: impl Into<Vec<u8>>, ends: &'static str) -> Case {
    Case { name, value: value.into(), headers: Vec::new(), ends, code: None }
}

fn broken(name: &'static str, value: impl Into<Vec<u8>>, code: &'static str) -> Case {
    Case { code: Some(code), ..case(name, value, "quarantined") }
}

/// In this order, for identities of their own.
fn cases(who: &str) -> Vec<Case> {
    let event = |id: &str, identity: &str, time: &str, more: &str| {
        format!(r#"{{"id":"{id}","time":"{time}","identity":"{identity}","tool":"t"{more}}}"#)
    };
    let noon = "2026-05-04T12:00:00Z";
    let [deep, padded] =
        [format!(",\"x\":{}{}", "[".repeat(5_000), "]".repeat(5_000)), format!(",\"x\":\"{}\"", "x".repeat(300_000))];
    vec![
        case("an event", event("1", who, noon, ""), "scored"),
        case("the same id again", event("1", who, noon, ""), "duplicate"),
        case("half an hour out of order", event("2", who, "2026-05-04T11:30:00Z", ""), "scored"),
        case("from 1970", event("3", who, "1970-01-01T00:00:00Z", ""), "late"),
        case(
            "the first of its identity, from 1970",
            event("1", &format!("{who}-past"), "1970-01-01T00:00:00Z", ""),
            "scored",
        ),
        case("from 2200", event("1", &format!("{who}-future"), "2200-01-01T00:00:00Z", ""), "scored"),
        broken("from the year 9999", event("1", &format!("{who}-far"), "9999-12-31T23:59:59Z", ""), "invalid_time"),
        broken("oversized", event("4", who, noon, &padded), "event_too_large"),
        broken("deeply nested", event("5", who, noon, &deep), "event_too_deep"),
        broken("not UTF-8", [event("6", who, noon, "").as_bytes(), b"\xff"].concat(), "not_utf8"),
        broken("a null byte", event("7\u{0}", who, noon, ""), "not_json"),
        case("an escaped null", event("8\\u0000", who, noon, ""), "scored"),
        broken("nothing but null bytes", [0; 64], "not_json"),
        broken("no JSON", "DROP TABLE state;", "not_json"),
        broken("a number for a name", event("9", who, noon, r#","task":5"#), "wrong_type"),
        case("after all that", event("10", who, "2026-05-04T12:00:01Z", ""), "scored"),
    ]
}

/// Those that only Kafka can carry.
fn records(who: &str) -> Vec<Case> {
    let event = format!(r#"{{"id":"1","time":"2026-05-04T12:00:00Z","identity":"{who}-headers","tool":"t"}}"#);
    let many = |name: &str| (0..4_000).map(|n| (format!("{name}{n}"), "x".repeat(100))).collect();
    vec![
        broken("a tombstone", [], "not_json"),
        Case { headers: many("h"), ..case("thousands of headers", event.clone(), "scored") },
        Case { headers: many("ce_x"), ..case("thousands of attributes of no CloudEvent", event, "duplicate") },
    ]
}

/// Adds up how the cases must end.
fn expected<'c>(cases: impl IntoIterator<Item = &'c Case>) -> (BTreeMap<&'c str, usize>, BTreeMap<&'c str, usize>) {
    let (mut ends, mut codes) = (BTreeMap::new(), BTreeMap::new());
    for case in cases {
        *ends.entry(case.ends).or_default() += 1;
        if let Some(code) = case.code {
            *codes.entry(code).or_default() += 1;
        }
    }
    (ends, codes)
}

/// Looks at the account again and again, until it is told to stop: how often, and every gap that was seen.
async fn auditor(url: String, stop: Arc<AtomicBool>) -> Result<(usize, Vec<String>)> {
    let (mut looks, mut gaps) = (0, Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let text = client()?.get(&url).send().await?.text().await?;
        let line =
            text.lines().find(|line| line.starts_with("driftwatch_accounting_gap ")).context("no gap is told")?;
        looks += 1;
        gaps.extend((line != "driftwatch_accounting_gap 0").then(|| line.to_owned()));
    }
    Ok((looks, gaps))
}

/// So many zeros, packed: some kilobytes.
fn bombs(bytes: usize) -> Result<[(&'static str, Vec<u8>); 2]> {
    let zeros = vec![0; 1 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let mut zstd = zstd::stream::write::Encoder::new(Vec::new(), 19)?;
    for _ in 0..bytes >> 20 {
        gzip.write_all(&zeros)?;
        zstd.write_all(&zeros)?;
    }
    Ok([("gzip", gzip.finish()?), ("zstd", zstd.finish()?)])
}

#[tokio::test]
async fn every_input_ends_in_its_counted_outcome_and_the_account_is_right_at_every_look() -> Result<()> {
    let kafka = Kafka::start().await?;
    kafka.create_topic(TOPIC, 1).await?;
    let driftwatch = Driftwatch::start(&Settings::default().kafka(&kafka, TOPIC, "driftwatch", "observe")).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let auditor = tokio::spawn(auditor(driftwatch.url("/metrics"), Arc::clone(&stop)));

    let [by_kafka, by_http] = ["kafka", "http"].map(cases);
    let by_kafka: Vec<Case> = by_kafka.into_iter().chain(records("kafka")).collect();
    let mut sent = 0;
    for case in &by_kafka {
        let record = Message { key: b"k".to_vec(), value: case.value.clone(), headers: case.headers.clone() };
        sent += kafka.produce(TOPIC, [record]).await?;
        driftwatch.consumed(sent).await?;
        assert_eq!(driftwatch.counted(case.ends)?, expected(&by_kafka[..sent]).0[case.ends], "{}", case.name);
    }
    let (client, inlet) = (client()?, driftwatch.inlet());
    for (at, case) in by_http.iter().enumerate() {
        let request = client.post(&inlet).header("content-type", "application/x-ndjson").body(case.value.clone());
        assert_eq!(request.send().await?.status(), 202, "{}", case.name);
        sent += 1;
        driftwatch.consumed(sent).await?;
        let all = by_kafka.iter().chain(&by_http[..=at]);
        assert_eq!(driftwatch.counted(case.ends)?, expected(all).0[case.ends], "{}", case.name);
    }
    // A request that unpacks to more than is allowed is none: nothing of it is taken.
    for (encoding, bomb) in bombs(256 << 20)? {
        assert!(bomb.len() < 1 << 20, "{encoding}: {} bytes", bomb.len());
        let request = client.post(&inlet).header("content-type", "application/x-ndjson");
        let answer = request.header("content-encoding", encoding).body(bomb).send().await?;
        assert_eq!(answer.status(), 413, "{encoding}");
    }
    send(&client, &inlet, r#"{"id":"99","time":"2026-05-04T12:00:02Z","identity":"http","tool":"t"}"#.to_owned())
        .await?;
    driftwatch.consumed(sent + 1).await?;
    assert_eq!(driftwatch.counted("consumed")?, sent + 1);

    let (ends, codes) = expected(by_kafka.iter().chain(&by_http));
    let metrics = driftwatch.metrics().await?;
    let count = |name: String| metrics.get(&name).map_or(0, |value| value.round() as usize);
    for (end, n) in ends {
        let n = n + usize::from(end == "scored");
        assert_eq!(count(format!("driftwatch_events_total{{outcome=\"{end}\"}}")), n, "{end}");
    }
    for (code, n) in codes {
        assert_eq!(count(format!("driftwatch_quarantined_total{{code=\"{code}\"}}")), n, "{code}");
    }
    stop.store(true, Ordering::Relaxed);
    let (looks, gaps) = auditor.await??;
    assert!(looks > sent && gaps.is_empty(), "{looks} looks, {gaps:?}");
    Ok(())
}
