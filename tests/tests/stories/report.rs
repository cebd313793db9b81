//! The pages of a replay in a browser: complete in themselves, silent, and readable in both colour schemes.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use tests::browser::Browser;
use tests::driftwatch::run;

/// Budgets so wide that there is something to show.
const ENGINE: &str = "[engine]\nmode = \"enforce\"\n[engine.budget]\nfalse_alerts_per_1000_identity_days = 300.0\n";

fn done(name: &str, arguments: &[&str]) -> Result<()> {
    let output = run(name, arguments)?;
    ensure!(output.status.success(), "`{name}` failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[tokio::test]
async fn report_comparison_and_sweep_ask_nobody_and_follow_the_colour_scheme() -> Result<()> {
    let directory = tests::scratch::directory("report")?;
    let path = |name: &str| -> Result<String> {
        let path = directory.path().join(name);
        Ok(path.to_str().context("a temporary directory that is not UTF-8")?.to_owned())
    };
    let (set, config) = (path("set")?, path("config.toml")?);
    std::fs::write(&config, ENGINE)?;
    let shares = ["--attack", "takeover=0.02", "--attack", "use_after_task=0.02"];
    let size = ["generate", "--agents", "12", "--days", "12", "--test-days", "3", "--out", &set];
    done("driftwatch-datasets", &[&size[..], &shares].concat())?;
    let [learn, events, labels] = ["baseline", "test", "labels"].map(|part| format!("{set}/{part}.ndjson.gz"));
    let inputs = ["--learn", &learn, "--events", &events, "--labels", &labels];
    let (wide, usual, sweep, diff) = (path("wide")?, path("usual")?, path("sweep")?, path("diff.html")?);
    done("driftwatch-replay", &[&["run", "--config", &config, "--out", &wide][..], &inputs].concat())?;
    done("driftwatch-replay", &[&["run", "--out", &usual][..], &inputs].concat())?;
    done("driftwatch-replay", &["diff", &usual, &wide, "--html", &diff])?;
    done("driftwatch-replay", &[&["sweep", "--config", &config, "--out", &sweep][..], &inputs].concat())?;

    let browser = Browser::start().await?;
    for (page, title) in [
        (format!("{wide}/report.html"), "What driftwatch would have done"),
        (format!("{sweep}/report.html"), "Which settings to choose"),
        (diff, "What is different"),
    ] {
        let url = format!("file://{page}");
        let mut pictures = Vec::new();
        for dark in [false, true] {
            browser.open(&url).await?;
            let picture = directory.path().join(format!("{dark}.png"));
            browser.screenshot(&picture, 1250, 1600, dark).await?;
            pictures.push(std::fs::read(&picture)?);
            assert_eq!(browser.text("h1").await?, title);
            // What is wider than the window is scrolled inside of it.
            let fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
            assert_eq!(browser.evaluate(fits).await?, true, "`{title}` is wider than its window");
            let log = browser.log();
            assert!(log.errors().is_empty(), "{:?}", log.errors());
            let asked: Vec<&str> = log.requests().map(|request| request.url.as_str()).collect();
            assert_eq!(asked, [url.as_str()], "the page asks for nothing but itself");
        }
        assert_ne!(pictures[0], pictures[1], "`{title}` follows the colour scheme");
        assert!(std::fs::metadata(Path::new(&page))?.len() < 2 << 20);
    }
    Ok(())
}
