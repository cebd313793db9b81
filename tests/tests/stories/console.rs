//! The console in a browser: an alert arrives while somebody watches, and tells why.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;
use tests::browser::Browser;
use tests::built::binary;
use tests::driftwatch::{Driftwatch, Settings, client, send};
use tests::eventually::{Seen, within};
use tests::process::{Process, leashed};
use tests::trace::{ENGINE, Trace, lines};

/// Nothing to complain about, and nobody else was asked.
fn assert_quiet(browser: &Browser, origin: &str) {
    let log = browser.log();
    assert!(log.errors().is_empty(), "{:?}", log.errors());
    assert!(log.failed().is_empty(), "{:?}", log.failed());
    assert!(log.foreign(origin).is_empty(), "{:?}", log.foreign(origin));
    assert!(log.requests().count() > 1, "the page has parts, and all of them were seen");
}

#[tokio::test]
async fn an_alert_arrives_in_an_open_page_and_its_own_page_says_why() -> Result<()> {
    let trace = Trace::generate()?;
    let driftwatch = Driftwatch::start(&Settings::default().with(ENGINE)).await?;
    let (client, inlet, origin) = (client()?, driftwatch.inlet(), driftwatch.url(""));
    let (calm, attacks) = trace.days();
    for part in calm.chunks(4_000) {
        send(&client, &inlet, lines(part)).await?;
    }
    driftwatch.consumed(calm.len()).await?;
    let known = driftwatch.number("SELECT count(*) FROM alerts", [])?;

    let browser = Browser::start().await?;
    browser.open(&driftwatch.url("/")).await?;
    browser.wait_for_text("#live", "Live").await?;
    browser.evaluate("window.theSamePage = true").await?;
    send(&client, &inlet, lines(attacks)).await?;
    driftwatch.consumed(trace.actions().len()).await?;
    assert!(driftwatch.number("SELECT count(*) FROM alerts", [])? > known);
    let alerts = driftwatch.alerts()?;
    let attack = alerts.iter().find(|alert| alert["session"].as_str().is_some_and(|session| trace.attacked(session)));
    let attack = attack.context("no attack was found")?;
    let id = attack["id"].as_str().context("an alert without an id")?;
    browser.wait_for(&format!("#rows #{id}")).await?;
    let summary = attack["summary"].as_str().context("an alert without a summary")?;
    let beginning: String = unmarked(summary).chars().take(60).collect();
    browser.wait_for_text(&format!("#rows #{id} .what"), &beginning).await?;
    assert_eq!(browser.evaluate("window.theSamePage").await?, json!(true), "it arrived without a reload");
    assert_quiet(&browser, &origin);

    browser.click(&format!("#rows #{id} .what")).await?;
    browser.wait_for(".alert-page table.why").await?;
    assert_eq!(browser.evaluate("location.pathname").await?, json!(format!("/alerts/{id}")));
    let rows = browser.evaluate("document.querySelectorAll('table.why tbody tr').length").await?;
    let contributions = attack["contributions"].as_array().context("an alert without contributions")?;
    assert_eq!(rows, json!(contributions.len()));
    for (selector, field) in [("td.actual", "actual"), ("td.typical", "typical"), (".dim", "dimension")] {
        let expected = contributions[0][field].as_str().context("a contribution without words")?;
        assert_eq!(browser.text(&format!("table.why .top {selector}")).await?, unmarked(expected), "{field}");
    }
    assert_quiet(&browser, &origin);

    let pictures = tests::scratch::directory("console")?;
    let picture = |name: &str| pictures.path().join(name).with_extension("png");
    for (path, name) in [(format!("/alerts/{id}"), "alert"), ("/?state=all".to_owned(), "list")] {
        for dark in [false, true] {
            browser.open(&driftwatch.url(&path)).await?;
            browser.screenshot(&picture(&format!("{name}-{dark}")), 1400, 900, dark).await?;
            assert_quiet(&browser, &origin);
        }
        let [light, dark] = [false, true].map(|dark| std::fs::read(picture(&format!("{name}-{dark}"))));
        assert_ne!(light?, dark?, "the console follows the colour scheme");
    }
    Ok(())
}

/// The page shows what stands between backticks in another type instead.
fn unmarked(text: &str) -> String {
    text.replace('`', "")
}

/// The port comes with the address in its story, and the story goes on until it is told to stop.
async fn told(process: &mut Process, what: &str) -> Result<String> {
    within(Duration::from_mins(8), what, async || {
        process.still_runs()?;
        let story = process.log()?;
        Ok(if story.contains(what) { Seen::Yes(story) } else { Seen::NotYet(story) })
    })
    .await
}

#[tokio::test]
#[ignore = "draws the picture of the documentation: DRIFTWATCH_SCREENSHOT=docs/console.png cargo test -p tests picture -- --ignored"]
async fn picture_of_an_alert_about_the_hijacked_agent_of_the_demo() -> Result<()> {
    let picture = std::env::var_os("DRIFTWATCH_SCREENSHOT").context("DRIFTWATCH_SCREENSHOT names the file to write")?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("this crate is in a workspace")?;
    let directory = tests::scratch::directory("picture")?;
    let mut command = leashed(binary("driftwatch")?)?;
    command.args(["demo", "--headless", "--for", "10m", "--port", "0", "--dir"]).arg(directory.path());
    let mut demo = Process::spawn("driftwatch demo", command, &directory.path().with_extension("log"))?;
    let story = told(&mut demo, "broker confirms").await?;
    let origin = story.split_whitespace().find_map(|word| word.strip_prefix("http://127.0.0.1:"));
    let port: String = origin.context("no address")?.chars().take_while(char::is_ascii_digit).collect();
    let origin = format!("http://127.0.0.1:{port}");
    let revoked = client()?.get(format!("{origin}/v1/alerts?decision=revoke")).send().await?.text().await?;
    let revoked: serde_json::Value = serde_json::from_str(&revoked)?;
    let id = revoked["alerts"][0]["id"].as_str().context("nothing was revoked")?;
    let browser = Browser::start().await?;
    browser.open(&format!("{origin}/alerts/{id}")).await?;
    browser.wait_for_text("#live", "Live").await?;
    browser.screenshot(&root.join(picture), 1400, 900, false).await?;
    assert_quiet(&browser, &origin);
    Ok(())
}
