//! The configuration of the demo's service: strict enough to be worth watching, and told to the people who watch.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use models::config::{Budget, CheckedConfig, EngineConfig, Span};
use models::decision::Mode;
use models::engine::Trust;

use super::home::{Cast, Home};
use crate::config::{Config, ConfigError, HttpConfig, HttpSource, Settings, SourceConfig, StoreConfig};
use crate::keys::WebhookKeys;
use crate::webhook::{EndpointConfig, KeyTexts};

/// Ports to try where none is wanted.
pub(super) const PORTS: RangeInclusive<u16> = 8321..=8340;
/// Who issues the agents' credentials.
pub(super) const ISSUER: &str = "https://sts.acme.example";

/// False alerts that are accepted per 1,000 identity-days; the default of the service.
pub(super) const FALSE_ALERTS: f64 = 5.0;
/// False revocations that are accepted per million identity-days: what 22,000 ranked sessions can promise without
/// extrapolation, where an identity has about 11 a day. The default of the service is 20; it needs a longer history.
pub(super) const FALSE_REVOCATIONS: f64 = 1_000.0;

fn engine_settings(cast: Cast) -> EngineConfig {
    EngineConfig {
        // Out of the seed, so that a seed gives the same ids each time. Real ones come from `driftwatch keys fingerprint`.
        fingerprint_key: format!("{:016x}{:016x}", !cast.seed, cast.seed),
        budget: Budget {
            false_alerts_per_1000_identity_days: FALSE_ALERTS,
            false_revocations_per_million_identity_days: FALSE_REVOCATIONS,
        },
        mode: Mode::Enforce,
        ..EngineConfig::default()
    }
}

/// The engine's part, for learning the history.
pub(super) fn engine(cast: Cast) -> Result<CheckedConfig, ConfigError> {
    Ok(engine_settings(cast).check()?)
}

/// The whole: loopback only, events over HTTP that may revoke, one broker.
pub(super) fn service(home: &Home, port: u16, keys: &WebhookKeys, webhook: &str) -> Result<Config, ConfigError> {
    let broker = EndpointConfig {
        name: "broker".to_owned(),
        url: webhook.to_owned(),
        secret: KeyTexts::default(),
        secret_file: None,
        signing_key: keys.signing_key.clone().into(),
        signing_key_file: None,
        allow_private: vec!["127.0.0.0/8".to_owned()],
        timeout: Span::seconds(5),
        max_age: Span::seconds(3_600),
    };
    Settings {
        engine: engine_settings(home.cast()),
        store: StoreConfig { path: home.store_path(), ..StoreConfig::default() },
        http: HttpConfig { listen: SocketAddr::from(([127, 0, 0, 1], port)), ..HttpConfig::default() },
        source: SourceConfig {
            http: HttpSource { trust: Trust::Revoke, ..HttpSource::default() },
            ..SourceConfig::default()
        },
        fleet: None,
        webhook: vec![broker],
    }
    .check()
}
