//! A broker that wants a certificate of its client and a password over TLS: the properties of the manual are all that it takes.

use anyhow::Result;
use tests::driftwatch::{Driftwatch, Settings, run};
use tests::kafka::Kafka;
use tests::kafka::secured::Secured;

const TOPIC: &str = "agent.actions";

/// A source with these properties.
fn source(secured: &Secured, properties: &[(&str, String)]) -> String {
    let brokers = secured.brokers();
    let lines: Vec<_> = properties.iter().map(|(name, value)| format!("\"{name}\" = '{value}'")).collect();
    let lines = lines.join("\n");
    format!("[[source.kafka]]\nbrokers = '{brokers}'\ntopic = '{TOPIC}'\n[source.kafka.properties]\n{lines}")
}

#[tokio::test]
async fn certificate_and_password_pass_through_are_needed_and_are_seen_nowhere() -> Result<()> {
    let (kafka, secured) = Kafka::start_secured().await?;
    kafka.create_topic(TOPIC, 1).await?;
    let good = Settings::default().with(&source(&secured, &secured.properties()));
    let mut driftwatch = Driftwatch::start(&good).await?;
    let event = r#"{"id":"1","time":"2026-05-04T12:00:00Z","identity":"bot","tool":"t"}"#;
    kafka.produce(TOPIC, [("bot", event)]).await?;
    driftwatch.consumed(1).await?;
    let config = driftwatch.config().display().to_string();
    let said = |arguments: &[&str]| -> Result<(Option<i32>, String)> {
        let output = run("driftwatch", arguments)?;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status.code(), String::from_utf8_lossy(&text).into_owned()))
    };
    let (_, printed) = said(&["check-config", &config])?;
    assert!(printed.contains("SCRAM-SHA-512") && printed.contains("broker.pem"), "{printed}");
    let (_, examined) = said(&["doctor", "-c", &config])?;
    assert!(examined.contains(&format!("`{}` answers", secured.brokers())), "{examined}");
    assert!(examined.contains("1 newest events are keyed by their identity"), "{examined}");
    driftwatch.stop().await?;

    let mut wrong = secured.properties();
    wrong.retain(|(name, _)| *name != "sasl.password");
    wrong.push(("sasl.password", "another-password".to_owned()));
    driftwatch.configure(&Settings::default().with(&source(&secured, &wrong)))?;
    let (status, refused) = said(&["doctor", "-c", &config])?;
    assert_eq!(status, Some(1));
    assert!(refused.contains("Authentication failed"), "{refused}");
    let mut unknown = secured.properties();
    unknown.retain(|(name, _)| !name.starts_with("ssl.keystore"));
    driftwatch.configure(&Settings::default().with(&source(&secured, &unknown)))?;
    let (status, without) = said(&["doctor", "-c", &config])?;
    assert_eq!(status, Some(1), "{without}");

    for text in [&printed, &examined, &refused, &without, &driftwatch.log()?] {
        assert!(!text.contains(secured.password()) && !text.contains("another-password"), "{text}");
        assert!(!text.contains("changeit"), "{text}");
    }
    Ok(())
}
