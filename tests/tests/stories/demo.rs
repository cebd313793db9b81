//! The demo as a user runs it: one command, a hijack, a dead credential, and a summary that says so.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tests::built::binary;
use tests::eventually::{Seen, within};
use tests::process::{Process, leashed};
use tests::scratch;

/// A loaded machine learns the history slowly.
const PATIENCE: Duration = Duration::from_mins(4);

/// Runs the demo until the hijacked agent has found its credential dead, stops it as a user does, and reads its summary.
async fn until_the_agent_stops(directory: &Path, run: u32) -> Result<(Value, String)> {
    let mut command = leashed(binary("driftwatch")?)?;
    command.args(["demo", "--headless", "--json", "--for", "10m", "--port", "0", "--dir"]);
    command.arg(directory);
    let log = directory.with_file_name(format!("demo-{run}.log"));
    let mut process = Process::spawn("driftwatch demo", command, &log)?;
    within(PATIENCE, "the hijacked agent stops", async || {
        process.still_runs()?;
        let story = process.log()?;
        let whole = ["finds its credential", "broker confirms"].iter().all(|part| story.contains(part));
        Ok(if whole { Seen::Yes(()) } else { Seen::NotYet(story) })
    })
    .await?;
    let status = process.terminate().await?;
    let told = process.log()?;
    assert!(status.success(), "{status}: {told}");
    let json = told.rfind("\n{").and_then(|at| told.get(at..)).context("no summary")?;
    Ok((serde_json::from_str(json)?, told))
}

#[tokio::test]
async fn demo_kills_the_hijacked_credential_and_no_other_one_also_when_it_goes_on_later() -> Result<()> {
    let scratch = scratch::directory("demo")?;
    let directory = scratch.path().join("state");
    std::fs::create_dir(&directory)?;
    for run in 1..=2 {
        let (summary, told) = until_the_agent_stops(&directory, run).await?;
        assert_eq!(summary["failure"], Value::Null, "{told}");
        assert_eq!(summary["revocations"]["confirmed"], summary["revocations"]["requested"], "{told}");
        assert_eq!(summary["benign_agents_revoked"], 0, "{told}");
        let number = |name: &str| summary["events"][name].as_u64().context("a count is missing");
        assert!(number("scored")? > 0);
        // The second run plays sessions of its own: nothing that it sends has been seen before.
        assert_eq!(number("consumed")?, number("scored")?, "{told}");
        assert_eq!(told.contains("known from an earlier run"), run == 2, "{told}");
    }
    Ok(())
}
