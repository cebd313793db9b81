//! A second listener that wants TLS with a client's certificate, and a password over it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::process::installed;

/// The user that the broker knows.
const USER: &str = "driftwatch";
/// The password of key stores; it guards nothing.
const STORE: &str = "changeit";

/// Certificates of one story, and who may log in.
#[derive(Debug)]
pub struct Secured {
    directory: PathBuf,
    port: u16,
    password: String,
}

impl Secured {
    /// Makes certificates of broker and client, each trusted by the other, in this directory.
    pub(super) fn prepare(directory: &Path, port: u16) -> Result<Self> {
        let secured = Self { directory: directory.to_owned(), port, password: format!("password-{port}-of-a-story") };
        for (name, alternative) in [("broker", "san=ip:127.0.0.1"), ("client", "san=dns:driftwatch")] {
            let subject = format!("CN={name}");
            let store = secured.path(&format!("{name}.p12"));
            let certificate = secured.path(&format!("{name}.pem"));
            let of_store = ["-alias", name, "-keystore", &store, "-storetype", "PKCS12", "-storepass", STORE];
            let key = ["-genkeypair", "-keyalg", "EC", "-validity", "2", "-dname", &subject, "-ext", alternative];
            keytool(&[&key[..], &of_store].concat())?;
            keytool(&[&["-exportcert", "-rfc", "-file", &certificate][..], &of_store].concat())?;
        }
        let [trusted, client] = ["trusted.p12", "client.pem"].map(|file| secured.path(file));
        keytool(&[
            "-importcert",
            "-noprompt",
            "-alias",
            "client",
            "-file",
            &client,
            "-keystore",
            &trusted,
            "-storetype",
            "PKCS12",
            "-storepass",
            STORE,
        ])?;
        Ok(secured)
    }

    fn path(&self, file: &str) -> String {
        self.directory.join(file).display().to_string()
    }

    /// The bootstrap server, `host:port`.
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The password, which must be seen nowhere.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// What a client must set, as `docs/operations.md` has it.
    pub fn properties(&self) -> Vec<(&'static str, String)> {
        vec![
            ("security.protocol", "SASL_SSL".to_owned()),
            ("ssl.ca.location", self.path("broker.pem")),
            ("ssl.keystore.location", self.path("client.p12")),
            ("ssl.keystore.password", STORE.to_owned()),
            ("sasl.mechanisms", "SCRAM-SHA-512".to_owned()),
            ("sasl.username", USER.to_owned()),
            ("sasl.password", self.password.clone()),
        ]
    }

    /// The argument of the tool that formats the broker's directory.
    pub(super) fn user(&self) -> String {
        format!("SCRAM-SHA-512=[name={USER},password={}]", self.password)
    }

    /// The listener, as it stands in `listeners`.
    pub(super) fn listener(&self) -> String {
        format!("SASL_SSL://{}", self.brokers())
    }

    /// Further lines of the broker's properties.
    pub(super) fn lines(&self) -> String {
        let [key, trusted] = ["broker.p12", "trusted.p12"].map(|file| self.path(file));
        format!(
            "sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PKCS12
ssl.keystore.location={key}
ssl.keystore.password={STORE}
ssl.key.password={STORE}
ssl.truststore.type=PKCS12
ssl.truststore.location={trusted}
ssl.truststore.password={STORE}
listener.name.sasl_ssl.ssl.client.auth=required
"
        )
    }
}

fn keytool(arguments: &[&str]) -> Result<()> {
    installed("keytool")?;
    let output = Command::new("keytool").args(arguments).output().context("`keytool` could not be run")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "`keytool {}` failed: {said}", arguments.join(" "));
    Ok(())
}
