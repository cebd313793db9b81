//! What a few agents did in a week, with attacks among it, as `driftwatch-datasets generate` makes it: the same on every run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::driftwatch::run;
use crate::kafka::Message;
use crate::scratch;

/// The `[engine]` table that goes with it: a few hundred sessions allow only generous promises, and its days lie in the past.
pub const ENGINE: &str = "[engine]
mode = 'enforce'
episode_quiet = '30m'
stale_after = '36500d'
budget = { false_alerts_per_1000_identity_days = 200, false_revocations_per_million_identity_days = 100000 }
";

/// Events of one request of an HTTP sender, and the span of time in them, in seconds: it sends what it has every few minutes.
const POST: (usize, i64) = (25, 15 * 60);

/// One action of an agent.
#[derive(Debug, Clone)]
pub struct Action {
    /// Its id.
    pub id: String,
    /// Who acted.
    pub identity: String,
    /// In which run.
    pub session: String,
    /// The event as a line, without line feed.
    pub line: String,
    event: Value,
}

impl Action {
    /// The event as JSON.
    pub fn event(&self) -> &Value {
        &self.event
    }

    /// A Kafka message: the identity is the key.
    pub fn bare(&self) -> Message {
        (self.identity.as_str(), self.line.as_str()).into()
    }

    /// The same as a `CloudEvent` in structured mode.
    pub fn structured(&self) -> Message {
        let mut envelope = json!({
            "specversion": "1.0", "id": self.id, "source": "/agents", "type": "com.example.action",
            "subject": self.identity, "time": self.event["time"], "datacontenttype": "application/json",
        });
        envelope["data"] = self.event.clone();
        let headers = vec![("content-type".to_owned(), "application/cloudevents+json; charset=utf-8".to_owned())];
        Message { value: envelope.to_string().into_bytes(), headers, ..self.bare() }
    }

    /// The same as a `CloudEvent` in binary mode: what stands in the headers is left out of the event.
    pub fn binary(&self) -> Message {
        let mut data = self.event.clone();
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        for (attribute, field) in [("id", "id"), ("time", "time"), ("subject", "identity")] {
            let value = data.as_object_mut().and_then(|data| data.remove(field));
            headers
                .push((format!("ce_{attribute}"), value.as_ref().and_then(Value::as_str).unwrap_or_default().into()));
        }
        for (attribute, value) in [("specversion", "1.0"), ("source", "/agents"), ("type", "com.example.action")] {
            headers.push((format!("ce_{attribute}"), value.to_owned()));
        }
        Message { value: data.to_string().into_bytes(), headers, ..self.bare() }
    }

    /// When it happened.
    pub fn time(&self) -> Result<jiff::Timestamp> {
        Ok(text(&self.event, "time")?.parse()?)
    }

    fn seconds(&self) -> Result<i64> {
        // `2026-03-02T00:16:24.304Z`: all of them are of one month.
        let time = self.event["time"].as_str().context("an event without time")?;
        let part = |range: std::ops::Range<usize>| -> Result<i64> {
            Ok(time.get(range).context("a time that is none")?.parse()?)
        };
        Ok(((part(8..10)? * 24 + part(11..13)?) * 60 + part(14..16)?) * 60 + part(17..19)?)
    }
}

/// All actions in order of time.
#[derive(Debug)]
pub struct Trace {
    actions: Vec<Action>,
    /// How many of them are history without attacks.
    calm: usize,
    attacked: BTreeSet<String>,
}

impl Trace {
    /// Five days of ten agents, and a sixth on which data is carried off.
    pub fn generate() -> Result<Self> {
        Self::of("--seed 7 --agents 10 --days 5 --test-days 1 --sessions-per-day 20 --attack exfiltration=0.03")
    }

    /// What `driftwatch-datasets generate` makes with these options, blanks between them.
    pub fn of(options: &str) -> Result<Self> {
        let directory = scratch::directory("trace")?;
        let out = directory.path().to_str().context("a temporary directory that is not UTF-8")?;
        let mut arguments = vec!["generate", "--pack", "none", "--out", out];
        arguments.extend(options.split(' '));
        let generated = run("driftwatch-datasets", &arguments)?;
        ensure!(generated.status.success(), "no trace: {}", String::from_utf8_lossy(&generated.stderr));
        let mut actions = read(&directory.path().join("baseline.ndjson"), action)?;
        let calm = actions.len();
        actions.extend(read(&directory.path().join("test.ndjson"), action)?);
        let labels = read(&directory.path().join("labels.ndjson"), Ok)?;
        let attacked = labels.iter().filter(|label| label["scenario"].is_string());
        let attacked = attacked.map(|label| text(label, "session")).collect::<Result<_>>()?;
        Ok(Self { actions, calm, attacked })
    }

    /// Everything.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// The days without attacks, and the day with them.
    pub fn days(&self) -> (&[Action], &[Action]) {
        self.actions.split_at(self.calm)
    }

    /// Whether somebody else was in control of this run.
    pub fn attacked(&self, session: &str) -> bool {
        self.attacked.contains(session)
    }

    /// Writes all of it to a file, NDJSON.
    pub fn write(&self, path: &Path) -> Result<()> {
        Ok(std::fs::write(path, lines(&self.actions))?)
    }
}

/// NDJSON.
pub fn lines(actions: &[Action]) -> String {
    actions.iter().flat_map(|action| [action.line.as_str(), "\n"]).collect()
}

/// The actions as they stand in the requests of a sender.
pub fn posts(actions: &[Action]) -> Result<Vec<&[Action]>> {
    let mut posts = Vec::new();
    let mut left = actions;
    while let Some(first) = left.first() {
        let begun = first.seconds()?;
        let mut count = 1;
        while count < POST.0 && left.get(count).map(Action::seconds).transpose()?.is_some_and(|at| at - begun <= POST.1)
        {
            count += 1;
        }
        let (post, rest) = left.split_at(count);
        posts.push(post);
        left = rest;
    }
    Ok(posts)
}

/// The alerts for drifting behaviour that `driftwatch score` has for these events, in no service and undisturbed: the evidence at opening by alert id.
pub fn scored_alerts(rows: &str) -> Result<BTreeMap<String, u64>> {
    let mut alerts = BTreeMap::new();
    for row in rows.lines() {
        let row: Value = serde_json::from_str(row)?;
        if let Some(alert) = row["alert"].as_str() {
            let evidence = row["evidence"].as_f64().context("a row without evidence")?;
            alerts.entry(alert.to_owned()).or_insert(evidence.to_bits());
        }
    }
    Ok(alerts)
}

fn read<T>(path: &Path, each: impl Fn(Value) -> Result<T>) -> Result<Vec<T>> {
    let lines = std::fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    lines.lines().map(|line| each(serde_json::from_str(line)?)).collect()
}

fn action(mut event: Value) -> Result<Action> {
    // They expired in the spring of 2026, and nobody asks to revoke what is dead.
    if let Some(credential) = event["credential"].as_object_mut() {
        credential.remove("expires_at");
    }
    let field = |name| text(&event, name);
    let (id, identity, session) = (field("id")?, field("identity")?, field("session")?);
    Ok(Action { id, identity, session, line: event.to_string(), event })
}

fn text(object: &Value, name: &str) -> Result<String> {
    Ok(object[name].as_str().with_context(|| format!("`{name}` is missing in {object}"))?.to_owned())
}
