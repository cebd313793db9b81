//! The listener: one address, with TLS if a certificate is configured.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use tokio::task::JoinHandle;

use super::StartError;
use crate::app::App;

/// A listener that takes connections.
#[derive(Debug)]
pub(super) struct Listener {
    address: SocketAddr,
    handle: Handle<SocketAddr>,
    task: JoinHandle<()>,
}

impl Listener {
    pub(super) async fn start(app: App) -> Result<Self, StartError> {
        let http = &app.config().http;
        let failed = |source| StartError::Listen { address: http.listen, source };
        let tls = match (&http.tls_cert, &http.tls_key) {
            (Some(cert), Some(key)) => Some(RustlsConfig::from_pem_file(cert, key).await.map_err(StartError::Tls)?),
            _ => None,
        };
        let socket = TcpListener::bind(http.listen).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let handle = Handle::new();
        let service = crate::http::router(app.clone()).into_make_service();
        let task = match tls {
            Some(tls) => {
                let server = axum_server::from_tcp_rustls(socket, tls).map_err(failed)?.handle(handle.clone());
                tokio::spawn(ended(server.serve(service)))
            }
            None => {
                let server = axum_server::from_tcp(socket).map_err(failed)?.handle(handle.clone());
                tokio::spawn(ended(server.serve(service)))
            }
        };
        Ok(Self { address, handle, task })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connection, and gives those that are open some time.
    pub(super) async fn stop(self, grace: Duration) {
        self.handle.graceful_shutdown(Some(grace));
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the listener failed");
        }
    }
}

async fn ended(serving: impl Future<Output = std::io::Result<()>>) {
    if let Err(error) = serving.await {
        tracing::error!(%error, "the listener ended");
    }
}
