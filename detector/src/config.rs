//! The settings: what each changes, its unit, its default, and the checks that turn them into a [`Config`].

mod fleet;
mod redact;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use models::config::{CheckedConfig, EngineConfig, Span};
use models::engine::Trust;
use serde::{Deserialize, Serialize};

use crate::webhook::{Endpoint, EndpointConfig, EndpointError};

pub use fleet::Fleet;

/// Everything that the configuration file may say, unchecked.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Budgets, spans and policy of the engine.
    pub engine: EngineConfig,
    /// Where state is kept.
    pub store: StoreConfig,
    /// The listener of API, ingest and console.
    pub http: HttpConfig,
    /// Where events come from.
    pub source: SourceConfig,
    /// Several processes share one topic. Absent: one process, one database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fleet: Option<Fleet>,
    /// Brokers that are asked to revoke.
    pub webhook: Vec<EndpointConfig>,
}

/// The `[store]` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// The database file; created if absent. Default `driftwatch.db`. Put it on a disk that survives the machine.
    pub path: PathBuf,
    /// How long events taken from the inbox and quarantined input are kept, so that they can be recorded or replayed.
    /// Default `30d`. Shorten it when the disk is small; baselines, alerts and audit are not affected.
    pub keep: Span,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { path: "driftwatch.db".into(), keep: Span::seconds(30 * 86_400) }
    }
}

/// The `[http]` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Address and port. Default `127.0.0.1:8321`; port 0 takes a free one. Beyond loopback, TLS and tokens are required.
    pub listen: SocketAddr,
    /// Certificate chain, PEM. Default: none, plain HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate, PEM. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,
    /// Hashes of the tokens that may call the API, as `driftwatch token` prints them. Default: none, and then only
    /// loopback may be listened on.
    pub token_hashes: Vec<String>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8321)),
            tls_cert: None,
            tls_key: None,
            token_hashes: Vec::new(),
        }
    }
}

/// The `[source]` table: where events come from. `POST /v1/events` is always there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourceConfig {
    /// How long nothing may be taken from a partition in which events wait, before it counts as stalled in metrics, `/readyz`
    /// and console. Default `60s`. Raise it if single commits take that long.
    pub stalled_after: Span,
    /// Events accepted over HTTP.
    pub http: HttpSource,
    /// Kafka topics.
    pub kafka: Vec<KafkaSource>,
    /// NDJSON files, and stdin.
    pub file: Vec<FileSource>,
}

impl Default for SourceConfig {
    fn default() -> Self {
        Self { stalled_after: Span::seconds(60), http: HttpSource::default(), kafka: Vec::new(), file: Vec::new() }
    }
}

/// The `[source.http]` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpSource {
    /// `observe` (default): its events can raise alerts, never revoke. `revoke`: they may. Raise it once only senders
    /// that cannot be impersonated hold a token.
    pub trust: Trust,
    /// Largest request body, in bytes, after decompression. Default 8388608 (8 MiB); more is answered with 413.
    pub max_request_bytes: usize,
    /// Most events accepted but not yet scored. Default 200000; beyond it requests are answered with 503 and
    /// `Retry-After`. Raise it for longer bursts; it costs disk, not memory.
    pub max_backlog_events: u32,
}

impl Default for HttpSource {
    fn default() -> Self {
        Self { trust: Trust::Observe, max_request_bytes: 8 * 1024 * 1024, max_backlog_events: 200_000 }
    }
}

/// One `[[source.kafka]]` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaSource {
    /// Bootstrap servers, `host:port` joined by commas. Required.
    pub brokers: String,
    /// The consumer group. Default `driftwatch`. One store is one group: two processes with one group would share the
    /// partitions, each with half of every baseline.
    #[serde(default = "default_group")]
    pub group: String,
    /// The topic. Default `agent.actions`.
    #[serde(default = "default_topic")]
    pub topic: String,
    /// `observe` (default) or `revoke`; see `[source.http]`.
    #[serde(default)]
    pub trust: Trust,
    /// Properties passed to librdkafka as they are, e.g. `"security.protocol" = "SASL_SSL"`. Default: none. Those that the
    /// promise to lose and double nothing rests on are refused.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
}

fn default_group() -> String {
    "driftwatch".to_owned()
}

fn default_topic() -> String {
    "agent.actions".to_owned()
}

impl KafkaSource {
    /// Properties that the source sets itself: offsets live in the store, and only there.
    const RESERVED: [&'static str; 7] = [
        "auto.offset.reset",
        "bootstrap.servers",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.partition.eof",
        "group.id",
        "metadata.broker.list",
    ];
}

/// One `[[source.file]]` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSource {
    /// An NDJSON file, plain, gzip or zstd; `-` is stdin. Required. Read once to its end; after a restart reading goes on
    /// behind the last line that was taken (stdin, which cannot be read twice, starts anew).
    pub path: PathBuf,
    /// `observe` (default) or `revoke`; see `[source.http]`.
    #[serde(default)]
    pub trust: Trust,
}

impl FileSource {
    /// Whether it is stdin.
    pub fn is_stdin(&self) -> bool {
        self.path == Path::new("-")
    }
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the file cannot be read ({reason}); check the path and its permissions")]
    Read {
        /// Why.
        reason: std::io::Error,
    },
    /// Not TOML, an unknown setting or a value of the wrong type.
    #[error("line {line}: {problem}")]
    Syntax {
        /// Line of the file, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// An engine setting is out of range.
    #[error(transparent)]
    Engine(#[from] models::config::ConfigError),
    /// A webhook cannot be used.
    #[error(transparent)]
    Webhook(#[from] EndpointError),
    /// Another setting is out of range, or does not go with the rest.
    #[error("{field}: {problem}")]
    Invalid {
        /// The setting, as its path in the file.
        field: String,
        /// What is wrong and what to write instead.
        problem: String,
    },
}

/// Settings that have been checked; a service can be built only from these.
#[derive(Debug, Clone)]
pub struct Config {
    /// Of the engine.
    pub engine: CheckedConfig,
    /// Of the store.
    pub store: StoreConfig,
    /// Of the listener.
    pub http: HttpConfig,
    /// Of the sources.
    pub source: SourceConfig,
    /// Of the fleet, if this process is one of several.
    pub fleet: Option<Fleet>,
    /// The brokers.
    pub webhooks: Vec<Endpoint>,
    settings: Settings,
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// The first setting that cannot be used, in one sentence.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|reason| ConfigError::Read { reason })?;
        Self::parse(&text)
    }

    /// Checks the text of a configuration file.
    ///
    /// # Errors
    /// The first setting that cannot be used, in one sentence.
    ///
    /// ```
    /// let config = detector::config::Config::parse("[store]\nkeep = '7d'")?;
    /// assert_eq!(config.http.listen.port(), 8321);
    /// # Ok::<(), detector::config::ConfigError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        toml::from_str::<Settings>(text).map_err(|e| syntax(text, &e))?.check()
    }

    /// Whether fingerprints are made with the key that everybody knows.
    pub fn has_default_fingerprint_key(&self) -> bool {
        self.engine.settings().fingerprint_key.bytes().all(|b| b == b'0')
    }

    /// The effective settings as TOML, defaults filled in and secrets replaced.
    ///
    /// # Errors
    /// When a setting cannot be written as TOML (a number beyond 63 bits).
    pub fn to_redacted_toml(&self) -> Result<String, toml::ser::Error> {
        redact::to_toml(&self.settings)
    }
}

fn syntax(text: &str, error: &toml::de::Error) -> ConfigError {
    let start = error.span().map_or(0, |span| span.start);
    let line = text.bytes().take(start).filter(|b| *b == b'\n').count() + 1;
    // The first line of the message is the sentence; what follows are candidates.
    ConfigError::Syntax { line, problem: error.message().replace('\n', " ") }
}

fn invalid(field: impl Into<String>, problem: impl Into<String>) -> ConfigError {
    ConfigError::Invalid { field: field.into(), problem: problem.into() }
}

impl Settings {
    /// Checks every setting.
    ///
    /// # Errors
    /// The first setting that cannot be used, in one sentence.
    pub fn check(self) -> Result<Config, ConfigError> {
        let settings = self.clone();
        check_http(&self.http)?;
        check_sources(&self.source)?;
        if let Some(fleet) = &self.fleet {
            fleet::check(fleet, &self.source)?;
        }
        if self.store.keep.0.is_zero() {
            return Err(invalid("store.keep", "must be longer than 0s"));
        }
        let Self { engine, store, http, source, fleet, webhook } = self;
        let webhooks = Endpoint::check_all(&webhook)?;
        let engine = engine.check()?;
        Ok(Config { engine, store, http, source, fleet, webhooks, settings })
    }
}

fn check_http(http: &HttpConfig) -> Result<(), ConfigError> {
    if http.tls_cert.is_some() != http.tls_key.is_some() {
        return Err(invalid("http.tls_cert", "goes together with http.tls_key; set both or none"));
    }
    if http.listen.ip().is_loopback() {
        return Ok(());
    }
    let beyond = format!("`{}` is reachable from other machines", http.listen);
    if http.tls_cert.is_none() {
        return Err(invalid("http.listen", format!("{beyond}; set http.tls_cert and http.tls_key, or use 127.0.0.1")));
    }
    if http.token_hashes.is_empty() {
        return Err(invalid("http.listen", format!("{beyond}; set http.token_hashes, or use 127.0.0.1")));
    }
    Ok(())
}

fn check_sources(source: &SourceConfig) -> Result<(), ConfigError> {
    if source.stalled_after.0.is_zero() {
        return Err(invalid("source.stalled_after", "must be longer than 0s"));
    }
    if source.http.max_request_bytes < models::event::MAX_EVENT_BYTES {
        let least = models::event::MAX_EVENT_BYTES;
        return Err(invalid("source.http.max_request_bytes", format!("must be at least {least}, the largest event")));
    }
    if source.http.max_backlog_events == 0 {
        return Err(invalid("source.http.max_backlog_events", "must be at least 1"));
    }
    let mut names = std::collections::BTreeSet::new();
    for (i, kafka) in source.kafka.iter().enumerate() {
        let at = |field: &str| format!("source.kafka {}: {field}", i + 1);
        for (field, value) in [("brokers", &kafka.brokers), ("group", &kafka.group), ("topic", &kafka.topic)] {
            if value.trim().is_empty() {
                return Err(invalid(at(field), "must not be empty"));
            }
        }
        if let Some(reserved) = kafka.properties.keys().find(|k| KafkaSource::RESERVED.contains(&k.as_str())) {
            return Err(invalid(at("properties"), format!("`{reserved}` is set by driftwatch itself; remove it")));
        }
        // Positions are stored by topic: the same topic of a second cluster would read the first one's.
        if !names.insert(kafka.topic.clone()) {
            return Err(invalid(at("topic"), format!("`{}` is the topic of an earlier source", kafka.topic)));
        }
    }
    for (i, file) in source.file.iter().enumerate() {
        if !names.insert(format!("file:{}", file.path.display())) {
            return Err(invalid(format!("source.file {}: path", i + 1), "is the path of an earlier source"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
