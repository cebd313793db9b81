//! The configuration that a story gives to its service.

use std::path::Path;

use crate::kafka::Kafka;
use crate::receiver::Receiver;

/// Sources, webhooks and engine settings. Listener and store come from the service that it is for.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    tables: String,
}

impl Settings {
    /// Tables as they stand in a configuration file.
    #[must_use]
    pub fn with(mut self, toml: &str) -> Self {
        self.tables.push_str(toml);
        self.tables.push('\n');
        self
    }

    /// Reads a topic; `trust` is `observe` or `revoke`.
    #[must_use]
    pub fn kafka(self, kafka: &Kafka, topic: &str, group: &str, trust: &str) -> Self {
        let brokers = kafka.brokers();
        self.with(&format!(
            "[[source.kafka]]\nbrokers = '{brokers}'\ntopic = '{topic}'\ngroup = '{group}'\ntrust = '{trust}'"
        ))
    }

    /// Asks this receiver to revoke; `keys` are lines such as `secret = 'whsec_…'` and `signing_key = 'whsk_…'`.
    #[must_use]
    pub fn webhook(self, name: &str, receiver: &Receiver, keys: &str) -> Self {
        let url = receiver.url();
        self.with(&format!("[[webhook]]\nname = '{name}'\nurl = '{url}'\nallow_private = ['127.0.0.0/8']\n{keys}"))
    }

    /// The whole file.
    pub(super) fn toml(&self, port: u16, store: &Path) -> String {
        let (store, tables) = (store.display(), &self.tables);
        format!("[http]\nlisten = '127.0.0.1:{port}'\n\n[store]\npath = '{store}'\n\n{tables}")
    }
}
