//! The settings as TOML without their secrets.

use toml::{Table, Value};

use super::Settings;

/// What stands in the place of a secret.
const HIDDEN: &str = "(hidden)";

/// Keys that are shown nowhere, in any table.
const SECRET_KEYS: [&str; 4] = ["fingerprint_key", "secret", "signing_key", "token_hashes"];

/// Properties of librdkafka that are no secret. Everything else that is passed through is hidden: a list of secrets
/// would miss the next one.
const PLAIN_PROPERTIES: [&str; 8] = [
    "client.id",
    "sasl.mechanism",
    "sasl.mechanisms",
    "security.protocol",
    "session.timeout.ms",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
];

pub(super) fn to_toml(settings: &Settings) -> Result<String, toml::ser::Error> {
    let mut table = Table::try_from(settings)?;
    hide(&mut table);
    toml::to_string(&table)
}

fn hide(table: &mut Table) {
    for (key, value) in table.iter_mut() {
        match value {
            Value::Table(properties) if key == "properties" => {
                for (_, value) in properties.iter_mut().filter(|(k, _)| !PLAIN_PROPERTIES.contains(&k.as_str())) {
                    *value = HIDDEN.into();
                }
            }
            Value::Table(inner) => hide(inner),
            Value::Array(items) if SECRET_KEYS.contains(&key.as_str()) => {
                for item in items {
                    *item = HIDDEN.into();
                }
            }
            Value::Array(items) => items.iter_mut().filter_map(Value::as_table_mut).for_each(hide),
            Value::String(text) if SECRET_KEYS.contains(&key.as_str()) => HIDDEN.clone_into(text),
            _ => {}
        }
    }
}
