//! The real `driftwatch` binary: a directory, a configuration, a process, and what it left on disk.

pub mod settings;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Output};

use anyhow::{Context as _, Result, ensure};
use reqwest::Client;
use rusqlite::{Connection, OpenFlags, Params, Row};
use serde_json::Value;
use tempfile::TempDir;

use crate::built::binary;
use crate::eventually::{Seen, eventually};
use crate::process::{Process, leashed};
use crate::scratch;
pub use settings::Settings;

/// A `driftwatch serve` with a store of its own. Dropping it kills the process.
#[derive(Debug)]
pub struct Driftwatch {
    directory: TempDir,
    port: u16,
    process: Option<Process>,
}

impl Driftwatch {
    /// Starts the service with these settings and an empty store, and waits until it is ready.
    pub async fn start(settings: &Settings) -> Result<Self> {
        let mut driftwatch = Self::prepare(settings)?;
        driftwatch.restart().await?;
        Ok(driftwatch)
    }

    /// Writes its configuration and starts nothing yet.
    pub fn prepare(settings: &Settings) -> Result<Self> {
        let directory = scratch::directory("service")?;
        let [port] = scratch::free_ports()?;
        let driftwatch = Self { directory, port, process: None };
        driftwatch.configure(settings)?;
        Ok(driftwatch)
    }

    /// Replaces the configuration; it is read at the next [`Driftwatch::restart`].
    pub fn configure(&self, settings: &Settings) -> Result<()> {
        Ok(std::fs::write(self.config(), settings.toml(self.port, &self.store()))?)
    }

    /// Starts the service again on the same store, and waits until it is ready.
    pub async fn restart(&mut self) -> Result<()> {
        self.launch()?;
        self.ready().await
    }

    /// Starts the service and does not wait: for a source that is not there yet.
    pub fn launch(&mut self) -> Result<()> {
        let mut command = leashed(binary("driftwatch")?)?;
        command.current_dir(self.directory.path()).arg("serve").arg("--config").arg(self.config());
        let log = self.directory.path().join("service.log");
        self.process = Some(Process::spawn("driftwatch", command, &log)?);
        Ok(())
    }

    /// Waits until `/readyz` says 200.
    pub async fn ready(&mut self) -> Result<()> {
        let (client, url) = (client()?, self.url("/readyz"));
        let process = self.process.as_mut().context("the service is not running")?;
        eventually("a ready service", async || {
            process.still_runs()?;
            Ok(match client.get(&url).send().await {
                Ok(answer) if answer.status().is_success() => Seen::Yes(()),
                Ok(answer) => Seen::NotYet(answer.text().await.unwrap_or_else(|e| e.to_string())),
                Err(e) => Seen::NotYet(format!("{e:?}")),
            })
        })
        .await
    }

    /// SIGTERM: it has the time it needs.
    pub async fn stop(&mut self) -> Result<ExitStatus> {
        self.process.take().context("the service is not running")?.terminate().await
    }

    /// `kill -9`, in the middle of whatever it is doing.
    pub async fn kill(&mut self) -> Result<ExitStatus> {
        self.process.take().context("the service is not running")?.kill().await
    }

    /// Address of a path of its API or console.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Where it takes events over HTTP.
    pub fn inlet(&self) -> String {
        self.url("/v1/events")
    }

    /// What it answers to `GET path`, as JSON.
    pub async fn fetch(&self, path: &str) -> Result<Value> {
        let answer = client()?.get(self.url(path)).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "`{path}` was answered with {status}: {text}");
        serde_json::from_str(&text).with_context(|| format!("`{path}` was not answered with JSON: {text}"))
    }

    /// Every sample of its metrics by name and labels.
    pub async fn metrics(&self) -> Result<BTreeMap<String, f64>> {
        let text = client()?.get(self.url("/metrics")).send().await?.text().await?;
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        samples
            .map(|line| {
                let (name, value) = line.rsplit_once(' ').context("a sample without a value")?;
                Ok((name.to_owned(), value.parse()?))
            })
            .collect()
    }

    /// Waits until it has committed what followed from so many events.
    pub async fn consumed(&self, events: usize) -> Result<()> {
        let enough = |consumed| usize::try_from(consumed).is_ok_and(|consumed| consumed >= events);
        self.until("SELECT value FROM counters WHERE name = 'consumed'", enough).await?;
        Ok(())
    }

    /// How many events ended so: `consumed`, `scored`, `duplicate`, `late`, `quarantined`.
    pub fn counted(&self, outcome: &str) -> Result<usize> {
        Ok(self.number("SELECT value FROM counters WHERE name = ?1", [outcome])?.try_into()?)
    }

    /// The alerts for drifting behaviour, oldest first.
    pub fn alerts(&self) -> Result<Vec<Value>> {
        let sql = "SELECT body FROM alerts WHERE kind = 'scope_drift' ORDER BY opened, id";
        let bodies = self.rows(sql, [], |row| row.get::<_, String>(0))?;
        bodies.iter().map(|body| Ok(serde_json::from_str(body)?)).collect()
    }

    /// Its database file.
    pub fn store(&self) -> PathBuf {
        self.directory.path().join("driftwatch.db")
    }

    /// Its configuration file.
    pub fn config(&self) -> PathBuf {
        self.directory.path().join("driftwatch.toml")
    }

    /// Everything that it has logged, over restarts.
    pub fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.directory.path().join("service.log"))?)
    }

    /// Rows of its database, read beside the running service.
    pub fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let store = Connection::open_with_flags(self.store(), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        store.busy_timeout(crate::eventually::PATIENCE)?;
        let mut statement = store.prepare(sql)?;
        let rows = statement.query_map(params, row)?.collect::<rusqlite::Result<_>>();
        rows.with_context(|| format!("cannot read the rows of `{sql}`"))
    }

    /// One number of its database: a count or a counter; 0 if there is no row.
    pub fn number(&self, sql: &str, params: impl Params) -> Result<i64> {
        Ok(self.rows(sql, params, |row| row.get(0))?.first().copied().unwrap_or(0))
    }

    /// Waits until [`Driftwatch::number`] satisfies `enough`.
    pub async fn until(&self, sql: &str, enough: impl Fn(i64) -> bool) -> Result<i64> {
        eventually(sql, async || {
            let number = self.number(sql, [])?;
            Ok(if enough(number) { Seen::Yes(number) } else { Seen::NotYet(number.to_string()) })
        })
        .await
    }
}

/// An HTTP client that follows no redirects and gives up in time.
pub fn client() -> Result<Client> {
    // The second installation of the process is an error, and means that it is there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let redirect = reqwest::redirect::Policy::none();
    Ok(Client::builder().redirect(redirect).timeout(crate::eventually::PATIENCE).no_proxy().build()?)
}

/// Sends events, one a line, to the address of [`Driftwatch::inlet`], and takes no answer but that they are durable. An error
/// leaves open whether they are.
pub async fn send(client: &Client, inlet: &str, events: String) -> Result<()> {
    let request = client.post(inlet).header("content-type", "application/x-ndjson").body(events);
    let answer = request.send().await?;
    ensure!(answer.status() == 202, "events were answered with {}", answer.status());
    Ok(())
}

/// Runs a binary of this workspace to its end.
pub fn run(name: &str, arguments: &[&str]) -> Result<Output> {
    Command::new(binary(name)?).args(arguments).output().with_context(|| format!("`{name}` could not be run"))
}
