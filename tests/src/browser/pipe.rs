//! The `DevTools` protocol on file descriptors 3 and 4 of Chromium: JSON messages, each ended by a zero byte.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::page_log::PageLog;
use crate::eventually::PATIENCE;
use crate::process::{installed, leashed};

/// Moves the pipes from where `std` can put them to where Chromium looks for them.
const LAUNCH: &str = r#"exec chromium "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

/// Nothing that calls home, asks, or needs a screen; each page is one that the story itself serves.
const FLAGS: [&str; 15] = [
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-proxy-server",
    "--hide-scrollbars",
];

#[derive(Debug)]
struct Calls {
    last: u64,
    waiting: BTreeMap<u64, oneshot::Sender<Value>>,
    log: PageLog,
}

/// A running Chromium; dropping it ends it.
#[derive(Debug)]
pub(super) struct Pipe {
    chromium: Child,
    commands: Mutex<ChildStdin>,
    calls: Arc<Mutex<Calls>>,
}

impl Pipe {
    /// Starts Chromium on this profile directory.
    pub(super) fn open(profile: &Path) -> Result<Self> {
        installed("chromium")?;
        let errors = std::fs::File::create(profile.join("chromium.log"))?;
        let mut chromium = leashed("sh")?
            .args(["-c", LAUNCH, "sh"])
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .context("Chromium could not be started")?;
        let commands = chromium.stdin.take().context("Chromium has no pipe to write to")?;
        let answers = chromium.stdout.take().context("Chromium has no pipe to read from")?;
        let calls = Arc::new(Mutex::new(Calls { last: 0, waiting: BTreeMap::new(), log: PageLog::default() }));
        let reader = Arc::clone(&calls);
        std::thread::spawn(move || read(answers, &reader));
        Ok(Self { chromium, commands: Mutex::new(commands), calls })
    }

    /// Calls a method and waits for its result.
    pub(super) async fn call(&self, session: Option<&str>, method: &str, parameters: Value) -> Result<Value> {
        let (answered, answer) = oneshot::channel();
        let id = {
            let mut calls = lock(&self.calls);
            calls.last += 1;
            let id = calls.last;
            calls.waiting.insert(id, answered);
            id
        };
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&message)?;
        bytes.push(0);
        lock(&self.commands).write_all(&bytes).context("Chromium has gone away")?;
        let mut answer = tokio::time::timeout(PATIENCE, answer)
            .await
            .map_err(|_| anyhow!("Chromium did not answer `{method}` within {PATIENCE:?}"))?
            .with_context(|| format!("Chromium went away during `{method}`"))?;
        if let Some(error) = answer.get("error") {
            bail!("Chromium refused `{method}`: {error}");
        }
        Ok(answer["result"].take())
    }

    pub(super) fn log(&self) -> PageLog {
        lock(&self.calls).log.clone()
    }

    pub(super) fn forget(&self) {
        lock(&self.calls).log = PageLog::default();
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // It fails only when Chromium has ended already.
        let _ = self.chromium.kill();
        let _ = self.chromium.wait();
    }
}

/// Reads until Chromium ends; then nobody waits any longer.
fn read(answers: ChildStdout, calls: &Mutex<Calls>) {
    for message in BufReader::new(answers).split(0).map_while(Result::ok) {
        let Ok(message) = serde_json::from_slice::<Value>(&message) else { continue };
        let mut calls = lock(calls);
        if let Some(id) = message["id"].as_u64() {
            if let Some(waiting) = calls.waiting.remove(&id) {
                // Nobody there any more: the call was given up.
                let _ = waiting.send(message);
            }
        } else if let Some(method) = message["method"].as_str() {
            calls.log.note(method, &message["params"]);
        }
    }
    lock(calls).waiting.clear();
}

/// No holder of these locks can panic halfway through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
