//! Brokers that are asked to revoke.

use serde::{Deserialize, Serialize};

/// One `[[webhook]]` table.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointConfig {
    /// Its name in outbox, metrics and console.
    pub name: String,
}

/// A checked endpoint.
#[derive(Debug, Clone)]
pub struct Endpoint {
    name: String,
}

/// Why an endpoint cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("webhook: name must not be empty")]
pub struct EndpointError;

impl Endpoint {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Checks all endpoints of a configuration.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn check_all(configs: &[EndpointConfig]) -> Result<Vec<Endpoint>, EndpointError> {
        let check = |c: &EndpointConfig| {
            if c.name.is_empty() { Err(EndpointError) } else { Ok(Endpoint { name: c.name.clone() }) }
        };
        configs.iter().map(check).collect()
    }
}
