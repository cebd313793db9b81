//! One engine: whichever way the same events come in, live or replayed, the same alerts come out.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::driftwatch::{Driftwatch, Settings, client, run, send};
use tests::kafka::Kafka;
use tests::trace::{Action, ENGINE, Trace, lines, scored_alerts};

/// Score and evidence of an alert, to the last bit.
type Bits = BTreeMap<String, (u64, u64)>;

fn bits<'a>(alerts: impl IntoIterator<Item = &'a Value>) -> Result<Bits> {
    let number = |alert: &Value, name: &str| alert[name].as_f64().map(f64::to_bits).context("an alert without a score");
    let one = |alert: &Value| -> Result<_> {
        let id = alert["id"].as_str().context("an alert without an id")?;
        Ok((id.to_owned(), (number(alert, "score")?, number(alert, "evidence")?)))
    };
    alerts.into_iter().map(one).collect()
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a temporary directory that is not UTF-8")
}

fn output(name: &str, arguments: &[&str]) -> Result<String> {
    let output = run(name, arguments)?;
    ensure!(output.status.success(), "`{name}` failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// What is found out about each event: every number of its row, to the last bit.
fn rows(text: &str) -> Result<Vec<BTreeMap<String, String>>> {
    let numbers = ["score", "p", "evidence", "tool", "target", "chain", "volume"];
    let one = |line: &str| -> Result<_> {
        let row: Value = serde_json::from_str(line)?;
        let mut found = BTreeMap::new();
        for name in ["id", "session", "decision", "alert"] {
            found.insert(name.to_owned(), row[name].as_str().unwrap_or_default().to_owned());
        }
        for name in numbers {
            found
                .insert(name.to_owned(), row[name].as_f64().map_or_else(String::new, |x| format!("{:x}", x.to_bits())));
        }
        Ok(found)
    };
    text.lines().map(one).collect()
}

#[tokio::test]
async fn kafka_http_score_and_replay_find_the_same_to_the_last_bit() -> Result<()> {
    let trace = Trace::generate()?;
    let directory = tests::scratch::directory("same")?;
    let [events, config, out] = ["events.ndjson", "config.toml", "out"].map(|name| directory.path().join(name));
    trace.write(&events)?;
    std::fs::write(&config, ENGINE)?;

    let scored = output("driftwatch", &["score", "--config", text(&config)?, text(&events)?])?;
    let alerts = scored_alerts(&scored)?;
    assert!(!alerts.is_empty(), "there must be something to compare");

    let arguments =
        ["run", "--config", text(&config)?, "--events", text(&events)?, "--out", text(&out)?, "--scores", "ndjson"];
    output("driftwatch-replay", &arguments)?;
    let replayed = std::fs::read_to_string(out.join("scores.ndjson"))?;
    let (scored, replayed) = (rows(&scored)?, rows(&replayed)?);
    assert_eq!(scored.len(), trace.actions().len());
    for (scored, replayed) in scored.iter().zip(&replayed) {
        assert_eq!(scored, replayed);
    }
    assert_eq!(scored.len(), replayed.len());

    let kafka = Kafka::start().await?;
    kafka.create_topic("agent.actions", 1).await?;
    kafka.produce("agent.actions", trace.actions().iter().map(Action::bare)).await?;
    let settings = Settings::default().with(ENGINE).kafka(&kafka, "agent.actions", "driftwatch", "revoke");
    let from_kafka = Driftwatch::start(&settings).await?;
    from_kafka.consumed(trace.actions().len()).await?;
    let from_kafka = from_kafka.alerts()?;

    let from_http =
        Driftwatch::start(&Settings::default().with(ENGINE).with("[source.http]\ntrust = 'revoke'")).await?;
    let client = client()?;
    for part in trace.actions().chunks(4_000) {
        send(&client, &from_http.inlet(), lines(part)).await?;
    }
    from_http.consumed(trace.actions().len()).await?;
    let from_http = from_http.alerts()?;

    // The whole alerts: what they show is the same as well.
    assert_eq!(from_kafka, from_http);
    let replayed = alerts_of(&out)?;
    let replayed = replayed.iter().filter(|alert| alert["kind"] == "scope_drift");
    assert_eq!(bits(replayed)?, bits(&from_kafka)?);
    let opened = bits(&from_kafka)?.into_iter().map(|(id, (score, _))| (id, score));
    assert_eq!(opened.collect::<BTreeMap<_, _>>(), alerts);
    Ok(())
}

/// Actions as they come from senders that are held up: of every few, the last one first.
fn out_of_order(actions: &[Action]) -> Vec<Action> {
    actions.chunks(4).flat_map(|few| few.iter().rev()).cloned().collect()
}

fn alerts_of(folder: &Path) -> Result<Vec<Value>> {
    let alerts = std::fs::read_to_string(folder.join("alerts.ndjson"))?;
    alerts.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

#[tokio::test]
async fn a_recorded_live_run_replays_to_the_last_bit_although_its_events_came_out_of_order() -> Result<()> {
    let trace = Trace::generate()?;
    let sent = out_of_order(trace.actions());
    let live = Driftwatch::start(&Settings::default().with(ENGINE).with("[source.http]\ntrust = 'revoke'")).await?;
    let client = client()?;
    for part in sent.chunks(4_000) {
        send(&client, &live.inlet(), lines(part)).await?;
    }
    live.consumed(sent.len()).await?;
    assert!(live.counted("late")? < sent.len() / 100, "most events are within `engine.lateness`");
    let told = live.fetch("/v1/alerts?limit=200&shadow=true").await?;
    assert_eq!(told["next"], Value::Null, "one page holds them all");
    let told = told["alerts"].as_array().context("no alerts")?;
    assert!(!told.is_empty(), "there must be something to compare");

    let directory = tests::scratch::directory("recorded")?;
    let [events, again, sorted] = ["events.ndjson", "again", "sorted"].map(|name| directory.path().join(name));
    let config = live.config();
    output("driftwatch", &["record", "--config", text(&config)?, "--out", text(&events)?])?;
    let run = ["run", "--config", text(&config)?, "--events", text(&events)?, "--scores", "none", "--out"];
    output("driftwatch-replay", &[&run[..], &[text(&again)?, "--as-recorded"]].concat())?;
    output("driftwatch-replay", &[&run[..], &[text(&sorted)?]].concat())?;

    let replayed = alerts_of(&again)?;
    assert_eq!(bits(&replayed)?, bits(told)?);
    // Not the scores alone: every field that the engine wrote.
    for alert in &replayed {
        let same = told.iter().find(|told| told["id"] == alert["id"]).context("an alert that the service has not")?;
        for (field, value) in alert.as_object().context("an alert that is no object")? {
            assert_eq!(&same[field], value, "{field} of {}", alert["id"]);
        }
    }
    // In order of time something else would have been found: the order of the file is what makes it the same.
    assert_ne!(bits(&alerts_of(&sorted)?)?, bits(told)?);
    Ok(())
}
