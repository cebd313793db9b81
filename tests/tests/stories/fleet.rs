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
    let (over_http, over_kafka) = trace.actions().split_at(400);
    let http = client()?;
    for post in tests::trace::posts(over_http)? {
        tests::driftwatch::send(&http, &second.inlet(), tests::trace::lines(post)).await?;
    }
    fleet.settled(over_http.len()).await?;
    fleet.produce(over_kafka).await?;
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
