//! `kill -9` at any moment: every event counts once, every alert is that of a quiet day, and no webhook says two things.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::Value;
use tests::driftwatch::{Driftwatch, Settings, client, run, send};
use tests::eventually::{Seen, eventually};
use tests::kafka::Kafka;
use tests::receiver::{Answer, Receiver};
use tests::trace::{Action, ENGINE, Trace, lines, posts, scored_alerts};

const SECRET: &str = "whsec_bXkgc2VjcmV0IGtleSBvZiAyNCBieXRlcw==";

/// What comes of the trace where nothing is killed: the alerts with their scores, and how many of them revoke.
fn undisturbed(trace: &Trace) -> Result<(BTreeMap<String, u64>, usize)> {
    let directory = tests::scratch::directory("undisturbed")?;
    let [events, config] = ["events.ndjson", "config.toml"].map(|name| directory.path().join(name));
    trace.write(&events)?;
    std::fs::write(&config, ENGINE)?;
    let [events, config] = [&events, &config].map(|path| path.to_str().unwrap_or_default());
    let scored = String::from_utf8(run("driftwatch", &["score", "--config", config, events])?.stdout)?;
    let rows = scored.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let revoking = rows.iter().filter(|row| row["decision"] == "revoke").filter_map(|row| row["alert"].as_str());
    Ok((scored_alerts(&scored)?, revoking.collect::<BTreeSet<_>>().len()))
}

/// After all kills: the account, the alerts, the revocations and what the receiver was told.
async fn as_if_nothing_had_happened(driftwatch: &Driftwatch, receiver: &Receiver, trace: &Trace) -> Result<()> {
    let [consumed, scored, duplicate, late, quarantined] =
        ["consumed", "scored", "duplicate", "late", "quarantined"].map(|outcome| driftwatch.counted(outcome));
    let (scored, duplicate) = (scored?, duplicate?);
    assert_eq!((scored, late?, quarantined?), (trace.actions().len(), 0, 0), "{duplicate} duplicates");
    assert_eq!(consumed?, scored + duplicate);

    let (expected, revoking) = undisturbed(trace)?;
    assert!(revoking > 0, "there must be something to revoke");
    let alerts = driftwatch.alerts()?;
    let found = alerts.iter().map(|alert| {
        let score = alert["score"].as_f64().context("an alert without a score")?;
        Ok((alert["id"].as_str().context("an alert without an id")?.to_owned(), score.to_bits()))
    });
    assert_eq!(found.collect::<Result<BTreeMap<_, _>>>()?, expected);

    let wanted: BTreeSet<&str> = alerts.iter().filter_map(|alert| alert["revocation"].as_str()).collect();
    let requested = driftwatch.rows("SELECT id FROM revocations ORDER BY id", [], |row| row.get::<_, String>(0))?;
    assert!(wanted.iter().eq(&requested), "{wanted:?} {requested:?}");
    assert_eq!(requested.len(), revoking);

    let told = |all: &[tests::receiver::Delivery]| requested.iter().all(|id| all.iter().any(|d| d.id() == id));
    driftwatch.until("SELECT count(*) FROM outbox WHERE state <> 'delivered'", |left| left == 0).await?;
    let deliveries = receiver.until("every revocation", told).await?;
    let mut bodies: BTreeMap<&str, BTreeSet<&[u8]>> = BTreeMap::new();
    for delivery in &deliveries {
        assert!(delivery.verified.is_ok(), "{delivery:?}");
        bodies.entry(delivery.id()).or_default().insert(&delivery.body);
    }
    assert!(bodies.keys().eq(&requested), "{bodies:?}");
    assert!(bodies.values().all(|bodies| bodies.len() == 1), "the same id came with different bodies");
    Ok(())
}

#[tokio::test]
async fn kills_while_reading_kafka_lose_and_double_nothing() -> Result<()> {
    let trace = Trace::generate()?;
    let kafka = Kafka::start().await?;
    kafka.create_topic("agent.actions", 1).await?;
    let receiver = Receiver::start(&[SECRET]).await?;
    // Until it has been killed in the middle of a delivery.
    receiver.always(Answer::Hang);
    let settings = Settings::default()
        .with(ENGINE)
        .kafka(&kafka, "agent.actions", "driftwatch", "revoke")
        // Known to the broker by name, it gets its partition back at once, not when its last life has timed out.
        .with("properties = { 'group.instance.id' = 'driftwatch-1' }");
    let mut driftwatch =
        Driftwatch::start(&settings.webhook("broker", &receiver, &format!("secret = '{SECRET}'"))).await?;
    let mut produced = 0;
    for part in trace.actions().chunks(trace.actions().len().div_ceil(7)) {
        let before = produced;
        produced += kafka.produce("agent.actions", part.iter().map(Action::bare)).await?;
        // The first of them are in, others are on their way.
        driftwatch.consumed(before + 1).await?;
        driftwatch.kill().await?;
        driftwatch.restart().await?;
    }
    driftwatch.consumed(produced).await?;
    let taken = receiver.until("one that is not answered", |all| !all.is_empty()).await?;
    driftwatch.kill().await?;
    receiver.always(Answer::Status(204));
    driftwatch.restart().await?;
    as_if_nothing_had_happened(&driftwatch, &receiver, &trace).await?;
    assert_eq!(driftwatch.counted("duplicate")?, 0);
    let again = receiver.deliveries().into_iter().filter(|delivery| delivery.id() == taken[0].id());
    assert!(again.count() > 1, "what was not answered is sent again");
    Ok(())
}

/// Sends until the answer comes.
async fn insist(client: &reqwest::Client, inlet: &str, actions: &[Action]) -> Result<()> {
    eventually("an accepted request", async || {
        let sent = send(client, inlet, lines(actions)).await;
        Ok(Seen::when(sent.is_ok(), || format!("{sent:?}")))
    })
    .await
}

#[tokio::test]
async fn kills_while_taking_requests_lose_nothing_and_what_is_sent_again_shows_as_duplicate() -> Result<()> {
    let trace = Trace::generate()?;
    let receiver = Receiver::start(&[SECRET]).await?;
    let settings = Settings::default().with(ENGINE).with("[source.http]\ntrust = 'revoke'");
    let mut driftwatch =
        Driftwatch::start(&settings.webhook("broker", &receiver, &format!("secret = '{SECRET}'"))).await?;
    let (client, inlet) = (client()?, driftwatch.inlet());
    let (calm, attacks) = trace.days();
    for part in calm.chunks(calm.len().div_ceil(4)) {
        insist(&client, &inlet, part).await?;
        // It has promised to score them, and has not yet.
        driftwatch.kill().await?;
        driftwatch.restart().await?;
    }
    let mut again = 0;
    for (number, post) in posts(attacks)?.into_iter().enumerate() {
        match number % 8 {
            // It dies with the request in its hands. Nobody knows how far it came.
            2 => {
                let (_, killed) = tokio::join!(send(&client, &inlet, lines(post)), driftwatch.kill());
                killed?;
                driftwatch.restart().await?;
            }
            // It dies with the answer on its way, and the sender does not hear it.
            5 => {
                insist(&client, &inlet, post).await?;
                again += post.len();
                driftwatch.kill().await?;
                driftwatch.restart().await?;
            }
            _ => {}
        }
        insist(&client, &inlet, post).await?;
    }
    let accepted = driftwatch.number("SELECT count(*) FROM inbox", [])?;
    driftwatch.consumed(accepted.try_into()?).await?;
    assert!(again > 0 && driftwatch.counted("duplicate")? >= again);
    as_if_nothing_had_happened(&driftwatch, &receiver, &trace).await
}
