//! The broker's callback: it tells driftwatch that a revocation is done.

use std::time::Duration;

use reqwest::{Client, Url, redirect};

use crate::outbox::Confirmation;
use crate::webhook::install_crypto;

/// Tries, with pauses of 0.2 s, 0.4 s, … between them. The demo's driftwatch is on the same machine.
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Where driftwatch takes confirmations.
#[derive(Clone)]
pub struct ConfirmTo {
    client: Client,
    base: Url,
    token: Option<String>,
}

/// Not a URL that confirmations can be sent to.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` cannot take confirmations; write the URL of driftwatch, e.g. `http://127.0.0.1:8321/`")]
pub struct ConfirmUrlError(String);

impl ConfirmTo {
    /// The driftwatch at `base`, with an API token if it wants one.
    ///
    /// # Errors
    /// When `base` is not an HTTP URL.
    pub fn new(base: &str, token: Option<String>) -> Result<Self, ConfirmUrlError> {
        install_crypto();
        let refused = || ConfirmUrlError(base.chars().take(200).collect());
        let url: Url = base.parse().map_err(|_| refused())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused());
        }
        let client = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(Duration::from_secs(10))
            .build()
            .map_err(|_| refused())?;
        Ok(Self { client, base: url, token })
    }

    /// Reports that `revocation` is done, or why that could not be told.
    pub(super) async fn send(&self, revocation: &str) -> Result<(), String> {
        let url =
            self.base.join(&format!("/v1/revocations/{revocation}/confirm")).map_err(|error| error.to_string())?;
        let mut pause = FIRST_PAUSE;
        let mut problem = String::new();
        for left in (0..TRIES).rev() {
            let mut request = self.client.post(url.clone()).json(&Confirmation::Revoked);
            if let Some(token) = &self.token {
                request = request.bearer_auth(token);
            }
            match request.send().await {
                Ok(response) if response.status().is_success() => return Ok(()),
                Ok(response) => problem = response.status().to_string(),
                Err(error) => problem = error.without_url().to_string(),
            }
            if left > 0 {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
        Err(problem)
    }
}

impl std::fmt::Debug for ConfirmTo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfirmTo").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}
