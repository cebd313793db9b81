//! The server: plain or TLS, closed in order.

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::watch;

use super::router_until;
use crate::app::App;
use crate::config::HttpConfig;
use crate::keys::TokenHash;

/// How long requests under way may take once the service closes.
const GRACE: Duration = Duration::from_secs(5);

/// Why nothing can be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket failed.
    #[error("cannot serve HTTP: {0}; check http.listen")]
    Socket(#[from] io::Error),
    /// A file of the certificate cannot be used.
    #[error("cannot use `{path}`: {reason}; http.tls_cert and http.tls_key name PEM files that belong together")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A token hash cannot be read.
    #[error("http.token_hashes entry {position} {reason}")]
    TokenHash {
        /// Its position, from 1.
        position: usize,
        /// Why.
        reason: String,
    },
}

/// Serves API, ingest and console on a listener until `shutdown` completes; then streams end, requests under way get
/// a few seconds to finish, and it returns.
///
/// # Errors
/// When the certificate or a token hash cannot be used, or the socket fails.
pub async fn serve(
    app: App,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    check_hashes(&app.config().http)?;
    let tls = tls(&app.config().http)?;
    listener.set_nonblocking(true)?;
    let (close, closing) = watch::channel(false);
    let service = router_until(app, closing).into_make_service();
    let handle = Handle::new();
    let closer = handle.clone();
    tokio::spawn(async move {
        shutdown.await;
        // Receivers that are gone have nothing left to end.
        let _ = close.send(true);
        closer.graceful_shutdown(Some(GRACE));
    });
    match tls {
        None => axum_server::from_tcp(listener)?.handle(handle).serve(service).await?,
        Some(tls) => axum_server::from_tcp_rustls(listener, tls)?.handle(handle).serve(service).await?,
    }
    Ok(())
}

/// Whether token hashes and certificate can be used.
///
/// # Errors
/// The first that cannot.
pub(crate) fn check_credentials(http: &HttpConfig) -> Result<(), ServeError> {
    check_hashes(http)?;
    tls(http).map(drop)
}

fn check_hashes(http: &HttpConfig) -> Result<(), ServeError> {
    for (i, hash) in http.token_hashes.iter().enumerate() {
        hash.parse::<TokenHash>().map_err(|e| ServeError::TokenHash { position: i + 1, reason: e.to_string() })?;
    }
    Ok(())
}

fn tls(http: &HttpConfig) -> Result<Option<RustlsConfig>, ServeError> {
    let (Some(cert), Some(key)) = (&http.tls_cert, &http.tls_key) else { return Ok(None) };
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| unusable(cert, &e))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|e| unusable(key, &e))?;
    // The provider is named here, so that serving does not depend on which one the process happens to have installed.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|e| unusable(cert, &e))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(RustlsConfig::from_config(Arc::new(config))))
}

fn unusable(path: &Path, reason: &dyn std::fmt::Display) -> ServeError {
    ServeError::Certificate { path: path.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::fixture::Fixture;

    async fn refused(settings: &str) -> String {
        let fixture = Fixture::with(settings);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        serve(fixture.app.clone(), listener, std::future::pending()).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn nothing_is_served_with_a_hash_or_a_certificate_that_cannot_be_read() {
        let message = refused("[http]\ntoken_hashes = ['sha256:12']\n").await;
        assert!(message.starts_with("http.token_hashes entry 1 ") && message.contains("driftwatch token"), "{message}");
        let message = refused("[http]\ntls_cert = '/nowhere/c.pem'\ntls_key = '/nowhere/k.pem'\n").await;
        assert!(message.contains("/nowhere/c.pem") && message.contains("http.tls_key"), "{message}");
    }

    #[tokio::test]
    async fn serving_ends_when_it_is_asked_to_although_a_stream_is_open() {
        let fixture = Fixture::new();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(serve(fixture.app.clone(), listener, async { drop(stopped.await) }));
        let mut stream = reqwest_to(&format!("http://{address}/v1/stream")).await;
        assert!(stream.chunk().await.unwrap().is_some(), "`ready` arrives");
        stop.send(()).unwrap();
        serving.await.unwrap().unwrap();
        while stream.chunk().await.ok().flatten().is_some() {}
    }

    async fn reqwest_to(url: &str) -> reqwest::Response {
        // Plain HTTP: the client needs a provider only to be built.
        drop(rustls::crypto::ring::default_provider().install_default());
        reqwest::Client::builder().build().unwrap().get(url).send().await.unwrap()
    }
}
