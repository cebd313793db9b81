//! From a record in Kafka to a dead credential: three encodings, one hijack, two broken records, and an account of all of them.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tests::driftwatch::{Driftwatch, Settings, client, run};
use tests::kafka::{Kafka, Message};
use tests::receiver::Receiver;
use tests::receiver::verify::Scheme;
use tests::trace::{Action, ENGINE, Trace};

const TOPIC: &str = "agent.actions";

/// The actions in turn bare, as structured and as binary `CloudEvents`.
fn mixed(actions: &[Action]) -> impl Iterator<Item = Message> {
    let encodings = [Action::bare, Action::structured, Action::binary];
    actions.iter().zip(encodings.into_iter().cycle()).map(|(action, encode)| encode(action))
}

/// The keys of a webhook as `driftwatch keys` draws them: lines for the configuration, and what the receiver gets.
fn keys() -> Result<(String, [String; 2])> {
    let drawn = run("driftwatch", &["keys", "webhook", "--json"])?;
    let drawn: Value = serde_json::from_slice(&drawn.stdout)?;
    let key = |name: &str| drawn[name].as_str().map(str::to_owned).context("a key is missing");
    let lines = format!("secret = '{}'\nsigning_key = '{}'", key("secret")?, key("signing_key")?);
    Ok((lines, [key("secret")?, key("public_key")?]))
}

#[tokio::test]
async fn a_hijack_in_kafka_ends_in_a_signed_webhook_and_a_confirmed_revocation() -> Result<()> {
    let trace = Trace::generate()?;
    let (calm, attacks) = trace.days();
    let hijacked = attacks.iter().find(|action| trace.attacked(&action.session)).context("nobody is attacked")?;
    let kafka = Kafka::start().await?;
    kafka.create_topic(TOPIC, 3).await?;
    let (lines, given) = keys()?;
    let receiver = Receiver::start(&[&given[0], &given[1]]).await?;
    // One identity may be revoked, the others are watched: nothing else draws on the budget of revocations.
    let policy = format!(
        "[[engine.policy]]\nidentity_prefix = '{}'\nmode = 'enforce'\n[[engine.policy]]\nmode = 'warn'",
        hijacked.identity
    );
    let settings = Settings::default().with(ENGINE).with(&policy).kafka(&kafka, TOPIC, "driftwatch", "revoke");
    let driftwatch = Driftwatch::start(&settings.webhook("broker", &receiver, &lines)).await?;

    let broken: [(&[u8], &str); 2] =
        [(b"\x00\xff{\"id\":", "not_utf8"), (br#"{"id":"e1","identity":"bot","tool":"db.read"}"#, "missing_field")];
    // As it happens, some hours at a time: what a group of identities knows depends on the order in which its events come,
    // and three partitions of six days that are read one after the other would come in another order each time.
    let mut produced = kafka.produce(TOPIC, broken.map(|(bytes, _)| ("bot", bytes))).await?;
    for hours in calm.chunks(500).chain(attacks.chunks(500)) {
        produced += kafka.produce(TOPIC, mixed(hours)).await?;
        driftwatch.consumed(produced).await?;
    }

    // The webhook, as its receiver sees it.
    let about_the_hijack = |delivery: &tests::receiver::Delivery| {
        delivery.json().is_ok_and(|body| body["data"]["session"] == *hijacked.session)
    };
    let arrived = receiver.until("about the hijack", |all| all.iter().any(about_the_hijack)).await?;
    assert!(arrived.iter().all(|d| d.verified == Ok(vec![Scheme::V1, Scheme::V1a])), "{arrived:?}");
    let delivery = arrived.into_iter().find(about_the_hijack).context("it was there")?;
    let webhook = delivery.json()?;
    assert_eq!(webhook["type"], "identity.token_revocation_requested");
    assert_eq!(webhook["data"]["identity"], *hijacked.identity);
    assert_eq!(webhook["data"]["decision_id"], *delivery.id());
    let credential = &hijacked.event()["credential"];
    let jwt_id = json!({ "format": "jwt_id", "iss": credential["issuer"], "jti": credential["id"] });
    assert_eq!(webhook["data"]["sub_id"], jwt_id);

    // The alert behind it, in the API as in the database.
    let id = webhook["data"]["alert"].as_str().context("a webhook without an alert")?;
    let alert = driftwatch.fetch(&format!("/v1/alerts/{id}")).await?;
    assert_eq!(alert["identity"], *hijacked.identity);
    assert_eq!((&alert["decision"], &alert["revocation"]), (&json!("revoke"), &json!(delivery.id())));
    let stored =
        driftwatch.alerts()?.into_iter().find(|alert| alert["id"] == id).context("it is not in the database")?;
    for (field, value) in stored.as_object().context("an alert is an object")? {
        assert_eq!(&alert[field], value, "{field}");
    }
    let listed = driftwatch.fetch("/v1/alerts?decision=revoke").await?;
    assert!(listed["alerts"].as_array().is_some_and(|all| all.iter().any(|alert| alert["id"] == id)), "{listed}");

    // The broker says that it is done.
    let path = format!("/v1/revocations/{}", delivery.id());
    let confirm = client()?.post(driftwatch.url(&format!("{path}/confirm"))).json(&json!({ "outcome": "revoked" }));
    assert_eq!(confirm.send().await?.status(), 200);
    assert_eq!(driftwatch.fetch(&path).await?["state"], "confirmed");
    let state =
        driftwatch.rows("SELECT state FROM revocations WHERE id = ?1", [delivery.id()], |row| row.get::<_, String>(0));
    assert_eq!(state?, ["confirmed"]);
    assert_eq!(driftwatch.fetch(&format!("/v1/alerts/{id}")).await?["revocation_state"], "confirmed");

    // What is no event waits, byte for byte, with its place and the reason.
    let sql = "SELECT source, partition, position, raw, code FROM quarantine";
    let mut aside = driftwatch.rows(sql, [], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, i32>(1)?,
            row.get::<_, i64>(2)?,
            row.get::<_, Vec<u8>>(3)?,
            row.get::<_, String>(4)?,
        ))
    })?;
    let read = kafka.read(TOPIC, produced).await?;
    let mut expected = Vec::new();
    for (bytes, code) in broken {
        let record = read.iter().find(|record| record.value == bytes).context("it is not in the topic")?;
        expected.push((format!("kafka:{TOPIC}"), record.partition, record.offset, bytes.to_vec(), code.to_owned()));
    }
    aside.sort();
    expected.sort();
    assert_eq!(aside, expected);

    // Every record has ended in exactly one way.
    let metrics = driftwatch.metrics().await?;
    // Counters are whole numbers.
    let count = |name: &str| metrics.get(&format!("driftwatch_{name}")).map_or(0, |value| value.round() as u64);
    let ended = |outcome: &str| count(&format!("events_total{{outcome=\"{outcome}\"}}"));
    assert_eq!(count("events_consumed_total"), produced as u64);
    assert_eq!(ended("scored") + ended("duplicate") + ended("late") + ended("quarantined"), produced as u64);
    assert_eq!((ended("quarantined"), ended("duplicate"), ended("late")), (2, 0, 0));
    assert!(metrics.contains_key("driftwatch_accounting_gap") && count("accounting_gap") == 0);
    assert_eq!(count("quarantined_total{code=\"not_utf8\"}"), 1);
    Ok(())
}
