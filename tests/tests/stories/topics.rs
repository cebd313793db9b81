//! The topics of a fleet on a real broker: created once, compared ever after, never changed.

use anyhow::{Context as _, Result};
use serde_json::Value;
use tests::driftwatch::run;
use tests::kafka::Kafka;

/// Exit status, and one object a topic.
fn create(config: &std::path::Path, more: &[&str]) -> Result<(Option<i32>, Vec<Value>)> {
    let config = config.to_str().context("a path in UTF-8")?;
    let output = run("driftwatch", &[&["topics", "create", "--json", "-c", config], more].concat())?;
    let lines = String::from_utf8(output.stdout)?;
    let lines = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    Ok((output.status.code(), lines))
}

fn states(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["state"].as_str()).collect()
}

#[tokio::test]
async fn topics_are_created_once_and_what_differs_is_told_with_the_command_that_mends_it() -> Result<()> {
    let kafka = Kafka::start().await?;
    let directory = tests::scratch::directory("topics")?;
    let config = directory.path().join("driftwatch.toml");
    let brokers = kafka.brokers();
    let text =
        format!("[fleet]\nname = 'dw'\nreplication = 1\n[[source.kafka]]\nbrokers = '{brokers}'\ntopic = 'actions'\n");
    std::fs::write(&config, text)?;

    let (status, lines) = create(&config, &[])?;
    assert_eq!(
        (status, lines.len()),
        (Some(2), 0),
        "the topic of the events is absent, and nobody said how large it is"
    );
    let (status, lines) = create(&config, &["--partitions", "6", "--dry-run"])?;
    assert_eq!((status, states(&lines)), (Some(0), vec!["would_be_created"; 7]));
    // One is there already, and not as it must be.
    kafka.create_topic("dw.changelog", 2).await?;
    let (status, lines) = create(&config, &["--partitions", "6"])?;
    assert_eq!(status, Some(1));
    assert_eq!(states(&lines), ["created", "differs", "created", "created", "created", "created", "created"]);
    let differences = lines[1]["differences"].as_array().context("a list")?;
    let differing: Vec<_> = differences.iter().filter_map(|difference| difference["setting"].as_str()).collect();
    let all = ["partitions", "cleanup.policy", "min.compaction.lag.ms", "segment.bytes", "max.message.bytes"];
    assert_eq!(differing, all);
    assert_eq!(
        (&differences[4]["value"], &differences[4]["should_be"]),
        (&"1048588".into(), &"at least 8388608".into())
    );

    // Kafka took every setting as it was meant: what was created is right, and partitions follow the events.
    let (status, lines) = create(&config, &[])?;
    assert_eq!(status, Some(1));
    assert_eq!(states(&lines), ["differs", "right", "right", "right", "right", "right"]);
    // Doctor sees the same, before a process is started.
    let path = config.to_str().context("a path in UTF-8")?;
    let examined = run("driftwatch", &["doctor", "--json", "-c", path])?;
    let findings: Vec<Value> =
        String::from_utf8(examined.stdout)?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let topics = findings.iter().filter(|finding| finding["check"] == "fleet topic");
    let (right, wrong): (Vec<_>, Vec<_>) = topics.partition(|finding| finding["level"] == "ok");
    assert_eq!((right.len(), wrong.len()), (5, all.len()), "{findings:#?}");
    assert!(wrong.iter().all(|finding| finding["found"].as_str().is_some_and(|found| found.contains("dw.changelog"))));
    assert_eq!(examined.status.code(), Some(1));
    for (topic, partitions) in [("actions", 6), ("dw.changelog", 2), ("dw.alerts", 6), ("dw.fleet", 1)] {
        assert_eq!(kafka.ends(topic)?.len(), partitions, "{topic}");
    }
    Ok(())
}
