//! The `[engine]` table of a configuration file; the service's other tables are not ours to read.

use std::path::Path;

use models::config::{CheckedConfig, ConfigError, EngineConfig};
use serde::Deserialize;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFileError {
    /// The file cannot be read.
    #[error("cannot read the configuration `{path}`: {source}; check the path")]
    Read {
        /// The file.
        path: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Not TOML, or a setting of the wrong kind.
    #[error("the configuration `{path}` is not valid: {problem}")]
    Syntax {
        /// The file.
        path: String,
        /// Where and what, on one line.
        problem: String,
    },
    /// A setting out of its range.
    #[error("the configuration `{path}` is not valid: {source}")]
    Setting {
        /// The file.
        path: String,
        /// Which setting.
        source: ConfigError,
    },
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    engine: EngineConfig,
}

/// Reads and checks the `[engine]` table of a file; a file without one gives the defaults.
///
/// # Errors
/// When the file cannot be read, or one of its engine settings is unknown, of the wrong kind or out of range.
pub fn load(path: &Path) -> Result<CheckedConfig, ConfigFileError> {
    let named = path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(source) => return Err(ConfigFileError::Read { path: named, source }),
    };
    let file: File = match toml::from_str(&text) {
        Ok(file) => file,
        Err(error) => return Err(ConfigFileError::Syntax { path: named, problem: on_one_line(&text, &error) }),
    };
    file.engine.check().map_err(|source| ConfigFileError::Setting { path: named, source })
}

/// The parser's message without its picture of the source, which takes several lines.
fn on_one_line(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', " ");
    let before = error.span().and_then(|span| text.get(..span.start));
    before.map_or_else(|| message.clone(), |before| format!("line {}: {message}", before.matches('\n').count() + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(text: &str) -> Result<CheckedConfig, ConfigFileError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        load(file.path())
    }

    #[test]
    fn other_tables_are_ignored_and_the_engine_table_is_used() {
        let config = loaded("[http]\nlisten = \"127.0.0.1:1\"\n[engine]\nmature_sessions = 7\n").unwrap();
        assert_eq!(config.settings().mature_sessions, 7);
        assert_eq!(loaded("").unwrap().version(), CheckedConfig::default().version());
    }

    #[test]
    fn a_misspelt_or_impossible_setting_is_named_in_one_line() {
        let error = loaded("[engine]\nmature_session = 7\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("mature_session") && !error.contains('\n'), "{error}");
        let error = loaded("[engine.budget]\nfalse_alerts_per_1000_identity_days = 0.0\n").unwrap_err().to_string();
        assert!(error.contains("false_alerts_per_1000_identity_days"), "{error}");
    }
}
