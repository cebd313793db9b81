//! What the operator states: budgets, spans and policy. Raw settings become checked ones once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::decision::Mode;
use crate::dimension::Dimension;
use crate::event::Action;

/// A span of time, written `30m`, `1h`, `90s`, `14d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// A span of whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// The span in nanoseconds, saturating at 292 years.
    pub fn as_nanos(self) -> i64 {
        i64::try_from(self.0.as_nanos()).unwrap_or(i64::MAX)
    }
}

impl std::str::FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit_seconds = match unit.trim() {
            "s" => 1,
            "m" | "min" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(format!("`{text}` is not a span of time; write e.g. `30m`, `1h`, `90s` or `14d`")),
        };
        let number: u64 = number.parse().map_err(|_| format!("`{text}` is not a span of time; start with a number"))?;
        number
            .checked_mul(unit_seconds)
            .map(Span::seconds)
            .ok_or_else(|| format!("`{text}` is longer than can be represented"))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match seconds {
            0 => f.write_str("0s"),
            s if s % 86_400 == 0 => write!(f, "{}d", s / 86_400),
            s if s % 3_600 == 0 => write!(f, "{}h", s / 3_600),
            s if s % 60 == 0 => write!(f, "{}m", s / 60),
            s => write!(f, "{s}s"),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// How many false alarms the operator accepts. The engine derives its cuts from these.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// False alerts per 1,000 identity-days. Default 5. Lower it when analysts cannot keep up.
    pub false_alerts_per_1000_identity_days: f64,
    /// False revocations per million identity-days. Default 20. The ledger is filled at this rate.
    pub false_revocations_per_million_identity_days: f64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { false_alerts_per_1000_identity_days: 5.0, false_revocations_per_million_identity_days: 20.0 }
    }
}

/// What stops us from revoking too much at once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BrakeConfig {
    /// Most identities revoked per window. Default 5.
    pub identities: u32,
    /// Most identities revoked per window, as a share of the identities active in it, where that is more. Default 0.01.
    pub share: f64,
    /// The window. Default `10m`.
    pub window: Span,
}

impl Default for BrakeConfig {
    fn default() -> Self {
        Self { identities: 5, share: 0.01, window: Span::seconds(600) }
    }
}

/// How far we go for some identities. The first rule that matches wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRule {
    /// Matches this tenant only; absent: every tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Matches identities that start with this; absent: every identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_prefix: Option<String>,
    /// Matches this task only; absent: every task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// `shadow`, `warn` or `enforce`.
    pub mode: Mode,
}

/// The settings of the engine, as they stand in the `[engine]` table of the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineConfig {
    /// Key of all fingerprints, 32 hex digits. Choose one per deployment, so that nobody can craft names that collide;
    /// changing it later forgets every baseline. Default: zeros, fit for replay and tests only.
    pub fingerprint_key: String,
    /// How many false alarms are accepted.
    pub budget: Budget,
    /// Silence that ends a session that names none, and idle time after which a named one is closed. Default `30m`.
    pub session_gap: Span,
    /// Quiet after which an episode is over and its alert closed. What deviates again before that is the same alert, updated.
    /// Default `24h`.
    pub episode_quiet: Span,
    /// How much older than the identity's newest event an event may be. Later ones end as `late`. Default `1h`.
    pub lateness: Span,
    /// An event older than this on arrival alerts, but does not revoke. Default `15m`.
    pub stale_after: Span,
    /// Sessions of history before learned surprise alone may revoke. Default 20.
    pub mature_sessions: u32,
    /// Half-life of what an identity has learned. Default `30d`.
    pub half_life: Span,
    /// What is judged. Default: everything. Leave out what your events do not tell truly, such as `schedule` and `rate`
    /// where times are made up.
    pub dimensions: BTreeSet<Dimension>,
    /// Mode where no rule matches: `shadow`, `warn` (default) or `enforce`.
    pub mode: Mode,
    /// Modes for some identities; the first rule that matches wins.
    pub policy: Vec<PolicyRule>,
    /// What stops us from revoking too much at once.
    pub brake: BrakeConfig,
    /// What kind of act each tool is (`server/tool` or `tool`), used where an event does not say. Default: none.
    pub tools: BTreeMap<String, Action>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            fingerprint_key: "0".repeat(32),
            budget: Budget::default(),
            session_gap: Span::seconds(30 * 60),
            episode_quiet: Span::seconds(86_400),
            lateness: Span::seconds(3_600),
            stale_after: Span::seconds(15 * 60),
            mature_sessions: 20,
            half_life: Span::seconds(30 * 86_400),
            dimensions: Dimension::ALL.into(),
            mode: Mode::Warn,
            policy: Vec::new(),
            brake: BrakeConfig::default(),
            tools: BTreeMap::new(),
        }
    }
}

/// Why a setting is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("engine.{field}: {problem}")]
pub struct ConfigError {
    /// The setting, as its path inside `[engine]`.
    pub field: &'static str,
    /// What is wrong and what to write instead.
    pub problem: String,
}

/// Settings that have been checked; an engine can be built only from these.
#[derive(Debug, Clone)]
pub struct CheckedConfig {
    config: EngineConfig,
    key: [u8; 16],
    /// One bit a dimension.
    judged: u32,
    version: Box<str>,
}

impl EngineConfig {
    /// These settings without what only decides about responses: mode, policy, brake, and how old an event may be to
    /// revoke. Two settings that are the same without it score, alarm and learn the same.
    #[must_use]
    pub fn without_policy(&self) -> Self {
        let defaults = Self::default();
        Self {
            mode: Mode::Shadow,
            policy: Vec::new(),
            brake: defaults.brake,
            stale_after: defaults.stale_after,
            ..self.clone()
        }
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// The first setting out of its range, with what to write instead.
    pub fn check(self) -> Result<CheckedConfig, ConfigError> {
        let error = |field, problem: &str| Err(ConfigError { field, problem: problem.to_owned() });
        let Some(key) = parse_key(&self.fingerprint_key) else {
            return error("fingerprint_key", "must be 32 hex digits; `driftwatch keys fingerprint` prints a new one");
        };
        let positive = |x: f64| x.is_finite() && x > 0.0;
        if !positive(self.budget.false_alerts_per_1000_identity_days) {
            return error("budget.false_alerts_per_1000_identity_days", "must be a number above 0");
        }
        if !positive(self.budget.false_revocations_per_million_identity_days) {
            return error("budget.false_revocations_per_million_identity_days", "must be a number above 0");
        }
        if !(0.0..=1.0).contains(&self.brake.share) {
            return error("brake.share", "must lie between 0 and 1");
        }
        for (field, span) in [
            ("session_gap", self.session_gap),
            ("episode_quiet", self.episode_quiet),
            ("half_life", self.half_life),
            ("brake.window", self.brake.window),
            ("stale_after", self.stale_after),
        ] {
            if span.0.is_zero() {
                return error(field, "must be longer than 0s");
            }
        }
        if self.dimensions.is_empty() {
            return error("dimensions", "must name at least one dimension; leave the line out for all of them");
        }
        let version = version_of(&self);
        let judged = self.dimensions.iter().fold(0, |bits, d| bits | 1 << *d as u32);
        Ok(CheckedConfig { config: self, key, judged, version })
    }
}

impl CheckedConfig {
    /// The settings.
    pub fn settings(&self) -> &EngineConfig {
        &self.config
    }

    /// Whether a dimension is judged.
    pub(crate) fn judges(&self, dimension: Dimension) -> bool {
        self.judged & (1 << dimension as u32) != 0
    }

    /// Key of all fingerprints.
    pub(crate) fn key(&self) -> &[u8; 16] {
        &self.key
    }

    /// Digest of the settings (12 hex digits), written on every alert. The fingerprint key enters it only hashed.
    pub fn version(&self) -> &str {
        &self.version
    }
}

impl Default for CheckedConfig {
    fn default() -> Self {
        let config = EngineConfig::default();
        let version = version_of(&config);
        Self { config, key: [0; 16], judged: u32::MAX, version }
    }
}

fn parse_key(text: &str) -> Option<[u8; 16]> {
    if text.len() != 32 || !text.is_ascii() {
        return None;
    }
    let mut key = [0; 16];
    for (byte, i) in key.iter_mut().zip((0..32).step_by(2)) {
        *byte = u8::from_str_radix(text.get(i..i + 2)?, 16).ok()?;
    }
    Some(key)
}

fn version_of(config: &EngineConfig) -> Box<str> {
    use std::hash::Hasher;
    // Serializing a struct of plain fields cannot fail; an empty digest would be visible at once.
    let text = serde_json::to_string(config).unwrap_or_default();
    let mut hasher = siphasher::sip::SipHasher13::new_with_keys(0, 0);
    hasher.write(text.as_bytes());
    format!("{:012x}", hasher.finish() & 0xffff_ffff_ffff).into()
}
