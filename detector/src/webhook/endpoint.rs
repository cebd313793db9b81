//! Where revocations are sent: a `[[webhook]]` table of the configuration and its checked form.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use models::config::Span;
use reqwest::Url;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::guard::AddressGuard;
use super::key::{Secret, SigningKey};
use super::sign::Signer;

/// Longest name of an endpoint: it is shown, stored and counted by.
const MAX_NAME_BYTES: usize = 64;
/// Largest key file read.
const MAX_KEY_FILE_BYTES: u64 = 64 * 1024;

/// One `[[webhook]]` of the configuration: who is told about revocations.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointConfig {
    /// Name in the console, in metrics and in the outbox: lower-case letters, digits, `-` and `_`. Renaming an endpoint
    /// abandons what is still waiting for it.
    pub name: String,
    /// Where to POST. `https`; plain `http` reaches only the networks in `allow_private`.
    pub url: String,
    /// Shared secret (`whsec_…`), or a list of them while keys are rotated. Prefer `secret_file`.
    #[serde(default, skip_serializing_if = "KeyTexts::is_empty")]
    pub secret: KeyTexts,
    /// File with shared secrets, one a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// ed25519 secret key (`whsk_…`), or a list of them while keys are rotated. Prefer `signing_key_file`.
    #[serde(default, skip_serializing_if = "KeyTexts::is_empty")]
    pub signing_key: KeyTexts,
    /// File with ed25519 secret keys, one a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_key_file: Option<PathBuf>,
    /// Private networks this endpoint may be reached in, e.g. `["10.1.0.0/16"]`. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_private: Vec<String>,
    /// How long one attempt may take, `1s` to `30s`. Default `15s`.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
    /// How long to retry for a credential whose expiry is not known; otherwise until it expires. Default `3d`.
    #[serde(default = "default_max_age")]
    pub max_age: Span,
}

const fn default_timeout() -> Span {
    Span::seconds(15)
}

const fn default_max_age() -> Span {
    Span::seconds(3 * 86_400)
}

/// A key as it stands in the configuration. Shown and written as `<redacted>`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct KeyText(String);

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

impl Serialize for KeyText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("<redacted>")
    }
}

/// One key or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct KeyTexts(Vec<KeyText>);

impl KeyTexts {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for KeyTexts {
    fn from(text: String) -> Self {
        Self(vec![KeyText(text)])
    }
}

impl<'de> Deserialize<'de> for KeyTexts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;

        impl<'de> de::Visitor<'de> for OneOrMany {
            type Value = KeyTexts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key or a list of keys")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<KeyTexts, E> {
                Ok(KeyTexts::from(text.to_owned()))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<KeyTexts, A::Error> {
                let mut keys = Vec::new();
                while let Some(key) = items.next_element()? {
                    keys.push(key);
                }
                Ok(KeyTexts(keys))
            }
        }

        deserializer.deserialize_any(OneOrMany)
    }
}

/// Why an endpoint cannot be used: one sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("webhook `{name}`: {field} {problem}")]
pub struct EndpointError {
    /// Which endpoint, as far as it is printable.
    pub name: String,
    /// The setting, as it is called in the configuration.
    pub field: &'static str,
    /// What is wrong and what to write instead.
    pub problem: String,
}

/// A checked endpoint.
#[derive(Debug, Clone)]
pub struct Endpoint {
    name: Box<str>,
    url: Url,
    signer: Signer,
    guard: AddressGuard,
    timeout: Duration,
    max_age: Duration,
}

impl Endpoint {
    /// Its name in outbox, metrics and console.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where to POST.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Its keys.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// The addresses it may be reached at.
    pub fn guard(&self) -> &AddressGuard {
        &self.guard
    }

    /// How long one attempt may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    #[cfg(test)]
    pub(crate) fn with_guard(mut self, guard: AddressGuard) -> Self {
        self.guard = guard;
        self
    }

    /// How long to retry where no expiry is known.
    pub fn max_age(&self) -> Duration {
        self.max_age
    }

    /// Checks all endpoints of a configuration, and that their names differ.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn check_all(configs: &[EndpointConfig]) -> Result<Vec<Endpoint>, EndpointError> {
        let mut endpoints: Vec<Endpoint> = Vec::with_capacity(configs.len());
        for config in configs {
            let endpoint = config.check()?;
            if endpoints.iter().any(|earlier| earlier.name == endpoint.name) {
                return Err(config.error("name", "is used twice; give every webhook its own name"));
            }
            endpoints.push(endpoint);
        }
        Ok(endpoints)
    }
}

impl EndpointConfig {
    /// Checks every setting and reads the key files.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn check(&self) -> Result<Endpoint, EndpointError> {
        let plain_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
        if !(1..=MAX_NAME_BYTES).contains(&self.name.len()) || !self.name.bytes().all(plain_name) {
            return Err(self.error("name", "must be 1 to 64 lower-case letters, digits, `-` or `_`"));
        }
        let url = self.checked_url()?;
        let guard = AddressGuard::new(&self.allow_private, url.scheme() == "http")
            .map_err(|error| self.error("allow_private", &error.to_string()))?;
        if let Some(address) = literal_address(&url) {
            guard.check(address).map_err(|error| self.error("url", &format!("leads nowhere: {error}")))?;
        }
        if !(1..=30).contains(&self.timeout.0.as_secs()) {
            return Err(self.error("timeout", "must be from `1s` to `30s`"));
        }
        if !(60..=30 * 86_400).contains(&self.max_age.0.as_secs()) {
            return Err(self.error("max_age", "must be from `1m` to `30d`"));
        }
        let secrets = self.keys::<Secret>("secret", &self.secret, self.secret_file.as_deref())?;
        let keys = self.keys::<SigningKey>("signing_key", &self.signing_key, self.signing_key_file.as_deref())?;
        let signer = Signer::new(secrets, keys).ok_or_else(|| {
            self.error(
                "secret",
                "is missing; `driftwatch keys webhook` prints a `secret` and a `signing_key`, give one or both",
            )
        })?;
        Ok(Endpoint {
            name: self.name.as_str().into(),
            url,
            signer,
            guard,
            timeout: self.timeout.0,
            max_age: self.max_age.0,
        })
    }

    fn checked_url(&self) -> Result<Url, EndpointError> {
        let url: Url = self
            .url
            .parse()
            .map_err(|_| self.error("url", "is not a URL such as `https://broker.example.com/driftwatch`"))?;
        match url.scheme() {
            "https" => {}
            "http" if !self.allow_private.is_empty() => {}
            "http" => {
                let problem = "must be https; plain http is for receivers in a network listed in `allow_private`";
                return Err(self.error("url", problem));
            }
            _ => return Err(self.error("url", "must start with `https://`")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(self.error("url", "must not hold a user or password; receivers check the signature"));
        }
        Ok(url)
    }

    fn keys<K>(&self, field: &'static str, texts: &KeyTexts, file: Option<&Path>) -> Result<Vec<K>, EndpointError>
    where
        K: FromStr,
        K::Err: fmt::Display,
    {
        let from_file = file.map(|path| read_keys(path).map_err(|problem| self.error(field, &problem))).transpose()?;
        let from_file = from_file.as_deref().unwrap_or_default();
        let lines = from_file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        texts
            .0
            .iter()
            .map(|text| text.0.as_str())
            .chain(lines)
            .map(|text| text.parse().map_err(|error: K::Err| self.error(field, &error.to_string())))
            .collect()
    }

    fn error(&self, field: &'static str, problem: &str) -> EndpointError {
        let name = self.name.chars().take(MAX_NAME_BYTES).flat_map(char::escape_default).collect();
        EndpointError { name, field, problem: problem.to_owned() }
    }
}

/// The address in a URL that names no host. No resolver sees it, so it is checked by itself.
pub(super) fn literal_address(url: &Url) -> Option<std::net::IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn read_keys(path: &Path) -> Result<String, String> {
    let problem =
        |error: std::io::Error| format!("`{}` cannot be read ({error}); check path and permissions", path.display());
    if std::fs::metadata(path).map_err(problem)?.len() > MAX_KEY_FILE_BYTES {
        return Err(format!("`{}` is too large for a key file; it holds one key a line", path.display()));
    }
    let text = std::fs::read_to_string(path).map_err(problem)?;
    if text.trim().is_empty() {
        return Err(format!("`{}` holds no key; write one a line", path.display()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    fn parse(toml: &str) -> EndpointConfig {
        toml::from_str(toml).unwrap()
    }

    fn valid() -> EndpointConfig {
        parse(&format!("name = 'broker'\nurl = 'https://broker.example.com/hook'\nsecret = '{SECRET}'"))
    }

    fn problem(change: impl FnOnce(&mut EndpointConfig)) -> String {
        let mut config = valid();
        change(&mut config);
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn smallest_endpoint_gets_the_documented_defaults() {
        let endpoint = valid().check().unwrap();
        assert_eq!(endpoint.timeout(), Duration::from_secs(15));
        assert_eq!(endpoint.max_age(), Duration::from_hours(72));
    }

    #[test]
    fn unknown_setting_is_refused() {
        let unknown = format!("name = 'b'\nurl = 'https://b.example/'\nsecret = '{SECRET}'\nretries = 3");
        assert!(toml::from_str::<EndpointConfig>(&unknown).is_err());
    }

    #[test]
    fn every_refusal_names_endpoint_and_setting() {
        for (field, refusal) in [
            ("name", problem(|config| config.name = "Broker 1".to_owned())),
            ("url", problem(|config| config.url = "http://broker.example.com/".to_owned())),
            ("url", problem(|config| config.url = "ftp://broker.example.com/".to_owned())),
            ("url", problem(|config| config.url = "broker".to_owned())),
            ("url", problem(|config| config.url = "https://user:pw@broker.example.com/".to_owned())),
            ("url", problem(|config| config.url = "https://169.254.169.254/".to_owned())),
            ("url", problem(|config| config.url = "https://[::1]/".to_owned())),
            ("url", problem(|config| config.url = "https://2130706433/".to_owned())),
            ("allow_private", problem(|config| config.allow_private = vec!["0.0.0.0/0".to_owned()])),
            ("timeout", problem(|config| config.timeout = Span::seconds(31))),
            ("max_age", problem(|config| config.max_age = Span::seconds(1))),
            ("secret", problem(|config| config.secret = KeyTexts::default())),
            ("secret", problem(|config| config.secret = KeyTexts::from("whsec_AAAA".to_owned()))),
            ("signing_key", problem(|config| config.signing_key_file = Some("no/such/file".into()))),
        ] {
            assert!(
                refusal.starts_with("webhook `") && refusal.contains(&format!("`: {field} ")),
                "{field}: {refusal}"
            );
        }
    }

    #[test]
    fn plain_http_is_for_listed_private_networks() {
        let mut config = valid();
        config.allow_private = vec!["127.0.0.0/8".to_owned()];
        config.url = "http://127.0.0.1:9000/hook".to_owned();
        assert!(config.check().is_ok());
        config.url = "http://1.1.1.1/hook".to_owned();
        assert!(config.check().is_err());
    }

    #[test]
    fn keys_come_from_value_list_and_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "# being rotated out\n{SECRET}\n").unwrap();
        let mut config = parse(&format!(
            "name = 'b'\nurl = 'https://b.example/'\nsecret = ['{SECRET}', 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz']"
        ));
        config.secret_file = Some(file.path().to_owned());
        let signed = config.check().unwrap().signer().sign(&crate::webhook::MessageId::new("a").unwrap(), 1, b"{}");
        assert_eq!(signed.split(' ').count(), 3);
    }

    #[test]
    fn keys_are_never_shown() {
        let config = valid();
        let shown = format!("{config:?} {} {:?}", serde_json::to_string(&config).unwrap(), config.check());
        assert!(!shown.contains("C2FVsBQI"), "{shown}");
    }

    #[test]
    fn one_name_for_two_endpoints_is_refused() {
        assert_eq!(Endpoint::check_all(&[valid(), valid()]).unwrap_err().field, "name");
    }
}
