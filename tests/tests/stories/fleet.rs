//! Three processes share six partitions and are killed at random: what they tell is what one process would have told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::driftwatch::{Driftwatch, Settings, client, run};
use tests::eventually::{Seen, eventually, within};
use tests::kafka::Kafka;
use tests::receiver::Receiver;
use tests::trace::{Action, ENGINE, Trace};

const TOPIC: &str = "agent.actions";
const SECRET: &str = "whsec_bXkgc2VjcmV0IGtleSBvZiAyNCBieXRlcw==";
const PARTITIONS: &str = "6";

/// A small reproducible stream of numbers (Knuth's MMIX constants).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

fn settings(kafka: &Kafka, receiver: &Receiver, assignor: &str, standby: bool) -> Settings {
    let group = format!(
        "[source.kafka.properties]\n'session.timeout.ms' = '6000'\n'heartbeat.interval.ms' = '500'\n\
         'partition.assignment.strategy' = '{assignor}'"
    );
    Settings::default()
        .with(ENGINE)
        .with(&format!("[fleet]\nname = 'dw'\nreplication = 1\nstandby = {standby}"))
        .kafka(kafka, TOPIC, "driftwatch", "revoke")
        .with(&group)
        .webhook("broker", receiver, &format!("secret = '{SECRET}'"))
}

fn create_topics(driftwatch: &Driftwatch) -> Result<()> {
    let config = driftwatch.config();
    let config = config.to_str().context("a path in UTF-8")?;
    let created = run("driftwatch", &["topics", "create", "-c", config, "--partitions", PARTITIONS])?;
    ensure!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    Ok(())
}

/// What a second run over the topics finds, as soon as everything is taken.
async fn verified(driftwatch: &Driftwatch, events: usize) -> Result<Value> {
    let config = driftwatch.config();
    let config = config.to_str().context("a path in UTF-8")?;
    within(Duration::from_mins(4), "everything is taken", async || {
        let output = run("driftwatch", &["verify", "--json", "-c", config])?;
        let found: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
        let done = found["events"] == events && found["not_taken"] == 0;
        Ok(if done { Seen::Yes(found) } else { Seen::NotYet(found.to_string()) })
    })
    .await
}

async fn produce(kafka: &Kafka, actions: &[Action]) -> Result<usize> {
    kafka.produce(TOPIC, actions.iter().map(Action::bare)).await
}

async fn killed_at_random(assignor: &str, standby: bool, seed: u64) -> Result<()> {
    let trace = Trace::generate()?;
    let kafka = Kafka::start().await?;
    let receiver = Receiver::start(&[SECRET]).await?;
    let settings = settings(&kafka, &receiver, assignor, standby);
    let mut processes = Vec::new();
    for number in 0..3 {
        let mut process = Driftwatch::prepare(&settings)?;
        if number == 0 {
            create_topics(&process)?;
        }
        process.restart().await?;
        processes.push(process);
    }
    let (mut dice, mut events) = (Dice(seed), 0);
    for (number, chunk) in trace.actions().chunks(600).enumerate() {
        events += produce(&kafka, chunk).await?;
        if number % 2 == 1 {
            let unlucky = &mut processes[dice.below(3)];
            if dice.below(3) == 0 {
                unlucky.stop().await?
            } else {
                unlucky.kill().await?
            };
            unlucky.launch()?;
        }
    }
    for process in &mut processes {
        process.ready().await?;
    }
    let found = verified(&processes[0], events).await?;
    assert_eq!(found["differences"], serde_json::json!([]), "seed {seed}: {found}");
    assert!(found["alerts"].as_u64() > Some(0) && found["revocations"].as_u64() > Some(0), "{found}");

    // Every revocation reached its receiver, and never said two things.
    let granted: BTreeSet<String> =
        processes[0].rows("SELECT id FROM revocations", [], |row| row.get::<_, String>(0))?.into_iter().collect();
    assert_eq!(Some(granted.len() as u64), found["revocations"].as_u64());
    let deliveries =
        receiver.until("every revocation", |all| granted.iter().all(|id| all.iter().any(|d| d.id() == id))).await?;
    let mut bodies: BTreeMap<&str, BTreeSet<&[u8]>> = BTreeMap::new();
    for delivery in &deliveries {
        bodies.entry(delivery.id()).or_default().insert(&delivery.body);
    }
    assert!(bodies.keys().all(|id| granted.contains(*id)) && bodies.values().all(|bodies| bodies.len() == 1));

    // Each console shows the whole fleet, and how far its revocations have come.
    for process in &processes {
        let delivered = "SELECT count(*) FROM revocations WHERE state <> 'requested'";
        process.until(delivered, |count| usize::try_from(count).is_ok_and(|count| count == granted.len())).await?;
        let sql = "SELECT count(*) FROM alerts WHERE kind <> 'brake_opened'";
        let alerts = found["alerts"].as_i64().unwrap_or_default();
        process.until(sql, |count| count == alerts).await?;
    }
    Ok(())
}

#[tokio::test]
async fn killed_at_random_with_a_cooperative_assignor() -> Result<()> {
    killed_at_random("cooperative-sticky", false, 1).await
}

#[tokio::test]
async fn killed_at_random_with_an_eager_assignor_and_warm_copies() -> Result<()> {
    killed_at_random("range", true, 2).await
}

#[tokio::test]
async fn an_order_given_anywhere_is_known_everywhere_and_events_over_http_find_their_owner() -> Result<()> {
    let trace = Trace::generate()?;
    let kafka = Kafka::start().await?;
    let receiver = Receiver::start(&[SECRET]).await?;
    let settings = settings(&kafka, &receiver, "cooperative-sticky", false);
    let mut first = Driftwatch::prepare(&settings)?;
    create_topics(&first)?;
    first.restart().await?;
    let second = Driftwatch::start(&settings).await?;
    // Half of it over HTTP to one process, whoever owns the identities.
    let (over_http, over_kafka) = trace.actions().split_at(400);
    let http = client()?;
    for post in tests::trace::posts(over_http)? {
        tests::driftwatch::send(&http, &second.inlet(), tests::trace::lines(post)).await?;
    }
    let sent = over_http.len();
    verified(&first, sent).await?;
    for chunk in over_kafka.chunks(600) {
        produce(&kafka, chunk).await?;
    }
    let found = verified(&first, trace.actions().len()).await?;
    assert_eq!(found["differences"], serde_json::json!([]), "{found}");
    let id = eventually("an alert on the second process", async || {
        let alerts =
            second.rows("SELECT id FROM alerts WHERE kind = 'scope_drift'", [], |row| row.get::<_, String>(0))?;
        Ok(alerts.first().cloned().map_or_else(|| Seen::NotYet("none".to_owned()), Seen::Yes))
    })
    .await?;
    let verdict = http.post(second.url(&format!("/v1/alerts/{id}/verdict")));
    let answer = verdict.json(&serde_json::json!({ "verdict": "false", "note": "a test" })).send().await?;
    assert!(answer.status().is_success(), "{answer:?}");
    first.until("SELECT count(*) FROM alerts WHERE verdict = 'false'", |count| count == 1).await?;
    // And what it changes is part of what follows from the topics.
    let found = verified(&first, trace.actions().len()).await?;
    assert_eq!(found["differences"], serde_json::json!([]), "{found}");
    Ok(())
}
