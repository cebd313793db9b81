//! Whether everything that a configuration asks for is there: each check looks at the real thing, and changes nothing.

mod broker;
mod keying;
mod machine;
mod receiver;
mod sample;

use std::path::Path;

use serde::Serialize;

use crate::app;
use crate::config::Config;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It runs, and something is likely to hurt later.
    Warning,
    /// It does not run, or loses something.
    Error,
}

impl Level {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, e.g. `store` or `broker`.
    pub check: &'static str,
    /// How it ended.
    pub level: Level,
    /// What was found.
    pub found: String,
    /// What to do, where something is to be done.
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    pub to_do: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, found: found.into(), to_do: None }
    }

    fn warning(check: &'static str, found: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { check, level: Level::Warning, found: found.into(), to_do: Some(to_do.into()) }
    }

    fn error(check: &'static str, found: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { check, level: Level::Error, found: found.into(), to_do: Some(to_do.into()) }
    }

    /// An error whose one sentence says both: what was found, and behind it what to do.
    fn failed(check: &'static str, error: &dyn std::fmt::Display) -> Self {
        let sentence = error.to_string();
        match sentence.rsplit_once("; ") {
            Some((found, to_do)) => Self::error(check, found, to_do),
            None => Self { check, level: Level::Error, found: sentence, to_do: None },
        }
    }
}

/// Looks at everything that the configuration in `file` asks for, or the defaults without one. Takes as long as brokers and
/// receivers take to answer, which is bounded for each.
pub async fn examine(file: Option<&Path>) -> Vec<Finding> {
    let shown = file.map_or_else(|| "the defaults".to_owned(), |path| format!("`{}`", path.display()));
    let config = match file.map_or_else(|| Config::parse(""), Config::load) {
        Ok(config) => config,
        Err(error) => {
            let to_do = "correct it; `driftwatch check-config` prints what a file comes to";
            return vec![Finding::error("configuration", format!("{shown}: {error}"), to_do)];
        }
    };
    let mut findings = vec![Finding::ok("configuration", format!("{shown} can be used"))];
    findings.extend(machine::check(&config));
    let now = app::now();
    for source in &config.source.kafka {
        findings.extend(broker::check(source, config.fleet.as_ref(), now).await);
    }
    for endpoint in &config.webhooks {
        findings.push(receiver::check(endpoint).await);
    }
    findings
}
