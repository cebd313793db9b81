//! Three processes share six partitions and are killed at random: what they tell is what one process would have told.

#[path = "fleet/figures.rs"]
mod figures;
#[path = "fleet/soak.rs"]
mod soak;

use anyhow::Result;
use tests::driftwatch::client;
use tests::eventually::{Seen, eventually};
use tests::fleet::{Dice, Fleet};
use tests::trace::Trace;

async fn killed_at_random(assignor: &str, standby: bool, seed: u64) -> Result<()> {
    let trace = Trace::generate()?;
    let mut fleet = Fleet::start(3, assignor, standby).await?;
    let (calm, attacked) = trace.days();
    let (mut dice, mut events) = (Dice(seed), 0);
    for (actions, chunk) in [(calm, 3000), (attacked, 700)] {
        for chunk in actions.chunks(chunk) {
            events += fleet.produce(chunk).await?;
            let struck = fleet.strike(&mut dice).await?;
            fleet.processes[struck].launch()?;
        }
        // What is usual must be known to all before anything is revoked for being unusual.
        fleet.settled(events).await?;
    }
    fleet.ready().await?;
    fleet.shared_out().await?;
    let found = fleet.verified(events).await?;
    assert!(found["alerts"].as_u64() > Some(0) && found["revocations"].as_u64() > Some(0), "seed {seed}: {found}");
    fleet.told(&found).await
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
    let fleet = Fleet::start(2, "cooperative-sticky", false).await?;
    let [first, second] = fleet.processes.as_slice() else { unreachable!("two were started") };
    // Some of it over HTTP to one process, whoever owns the identities.
    let (calm, attacked) = trace.days();
    let (over_http, over_kafka) = calm.split_at(400);
    let http = client()?;
    for post in tests::trace::posts(over_http)? {
        tests::driftwatch::send(&http, &second.inlet(), tests::trace::lines(post)).await?;
    }
    fleet.settled(over_http.len()).await?;
    fleet.produce(over_kafka).await?;
    // What is usual must be known to all before anything can be unusual.
    fleet.settled(calm.len()).await?;
    fleet.produce(attacked).await?;
    fleet.verified(trace.actions().len()).await?;
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
    fleet.verified(trace.actions().len()).await?;
    Ok(())
}

#[tokio::test]
async fn whoever_was_away_learns_what_was_granted_and_said_meanwhile() -> Result<()> {
    let trace = Trace::generate()?;
    let mut fleet = Fleet::start(2, "cooperative-sticky", false).await?;
    let (calm, attacked) = trace.days();
    fleet.produce(calm).await?;
    fleet.settled(calm.len()).await?;
    fleet.processes[1].stop().await?;

    fleet.produce(attacked).await?;
    let found = fleet.verified(trace.actions().len()).await?;
    let [first, _] = fleet.processes.as_slice() else { unreachable!("two were prepared") };
    let http = client()?;
    let granted = first.until("SELECT count(*) FROM revocations", |count| Some(count) == found["revocations"].as_i64());
    assert!(granted.await? > 0, "{found}");
    let alerts = first.rows("SELECT id FROM alerts ORDER BY id", [], |row| row.get::<_, String>(0))?;
    let verdict = http.post(first.url(&format!("/v1/alerts/{}/verdict", alerts[0])));
    assert!(verdict.json(&serde_json::json!({ "verdict": "true" })).send().await?.status().is_success());
    // So many entries that there are images of the fleet's log behind everything that was missed.
    for _ in 0..10 {
        let mut releases = tokio::task::JoinSet::new();
        for _ in 0..60 {
            releases.spawn(http.post(first.url("/v1/brake/release")).send());
        }
        while let Some(released) = releases.join_next().await {
            assert!(released??.status().is_success());
        }
    }

    // However often one starts, it hears everything and nothing twice.
    for _ in 0..3 {
        fleet.processes[1].restart().await?;
        let audited = "SELECT count(*) FROM audit WHERE action = 'release_brake'";
        assert_eq!(fleet.processes[1].until(audited, |count| count >= 600).await?, 600);
        fleet.processes[1].stop().await?;
    }
    fleet.processes[1].restart().await?;
    fleet.told(&found).await?;
    let said = "SELECT count(*) FROM alerts WHERE verdict = 'true'";
    fleet.processes[1].until(said, |count| count == 1).await?;

    // And so does whoever has lost everything.
    fleet.processes[1].stop().await?;
    std::fs::remove_file(fleet.processes[1].store())?;
    fleet.processes[1].restart().await?;
    fleet.told(&found).await?;
    fleet.processes[1].until(said, |count| count == 1).await?;
    Ok(())
}
