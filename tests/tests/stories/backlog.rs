//! A backlog that is too old to act upon: it alerts and revokes nothing, and what is fresh behind it revokes again.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::driftwatch::{Driftwatch, Settings, run};
use tests::kafka::Kafka;
use tests::receiver::Receiver;
use tests::trace::{Action, ENGINE, Trace};

const SECRET: &str = "whsec_bXkgc2VjcmV0IGtleSBvZiAyNCBieXRlcw==";

/// When the first and the last event happened that would revoke if none were too old.
fn revoking(trace: &Trace) -> Result<(jiff::Timestamp, jiff::Timestamp)> {
    let directory = tests::scratch::directory("revoking")?;
    let [events, config] = ["events.ndjson", "config.toml"].map(|name| directory.path().join(name));
    trace.write(&events)?;
    std::fs::write(&config, ENGINE)?;
    let [events, config] = [&events, &config].map(|path| path.to_str().unwrap_or_default());
    let scored = String::from_utf8(run("driftwatch", &["score", "--config", config, events])?.stdout)?;
    let mut times = Vec::new();
    for (row, action) in scored.lines().zip(trace.actions()) {
        if serde_json::from_str::<Value>(row)?["decision"] == "revoke" {
            times.push(action.time()?);
        }
    }
    Ok((*times.first().context("nothing would be revoked")?, *times.last().context("nothing would be revoked")?))
}

#[tokio::test]
async fn a_backlog_alerts_without_revoking_and_fresh_events_behind_it_revoke() -> Result<()> {
    let trace = Trace::generate()?;
    let (first, last) = revoking(&trace)?;
    let apart = last.duration_since(first);
    ensure!(apart.as_secs() > 3_600, "the revocations lie too close together: {apart}");
    // What happened before the middle of the two is too old, from now on and ever more.
    let middle = first.checked_add(apart / 2)?;
    let stale_after = jiff::Timestamp::now().duration_since(middle).as_secs();
    let mut old = 0;
    for action in trace.actions() {
        old += usize::from(action.time()? < middle);
    }
    let (backlog, fresh) = trace.actions().split_at(old);

    let kafka = Kafka::start().await?;
    kafka.create_topic("agent.actions", 1).await?;
    let receiver = Receiver::start(&[SECRET]).await?;
    let mut produced = kafka.produce("agent.actions", backlog.iter().map(Action::bare)).await?;
    let engine = ENGINE.replace("stale_after = '36500d'", &format!("stale_after = '{stale_after}s'"));
    let settings = Settings::default().with(&engine).kafka(&kafka, "agent.actions", "driftwatch", "revoke");
    let settings = settings.webhook("broker", &receiver, &format!("secret = '{SECRET}'"));
    let driftwatch = Driftwatch::start(&settings).await?;
    driftwatch.consumed(produced).await?;
    let alerts = driftwatch.alerts()?;
    assert!(alerts.iter().any(|alert| alert["withheld"] == "stale"), "nothing would have been revoked: {alerts:?}");
    assert!(alerts.iter().all(|alert| alert["decision"] != "revoke"), "{alerts:?}");
    assert_eq!(driftwatch.number("SELECT count(*) FROM revocations", [])?, 0);

    produced += kafka.produce("agent.actions", fresh.iter().map(Action::bare)).await?;
    driftwatch.consumed(produced).await?;
    assert!(driftwatch.number("SELECT count(*) FROM revocations", [])? > 0, "{:?}", driftwatch.alerts()?);
    receiver.until("a revocation", |all| all.iter().any(|delivery| delivery.verified.is_ok())).await?;
    Ok(())
}
