//! The whole router.

use std::net::TcpListener;

use axum::Router;

use crate::app::App;

/// Why nothing can be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve HTTP: {0}; check http.listen")]
pub struct ServeError(#[from] std::io::Error);

/// Everything that is served.
pub fn router(app: App) -> Router {
    crate::source::http::routes().with_state(app)
}

/// Serves until `shutdown` completes.
///
/// # Errors
/// When the socket fails.
pub async fn serve(
    app: App,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    listener.set_nonblocking(true)?;
    let handle = axum_server::Handle::new();
    let closer = handle.clone();
    tokio::spawn(async move {
        shutdown.await;
        closer.graceful_shutdown(Some(std::time::Duration::from_secs(5)));
    });
    Ok(axum_server::from_tcp(listener)?.handle(handle).serve(router(app).into_make_service()).await?)
}
