//! The HTTP side: API, ingest and console behind one gate, and the server that runs them.

mod api;
mod assets;
mod auth;
mod headers;
pub(crate) mod problem;
pub(crate) mod records;
mod serve;
pub(crate) mod stream;
pub(crate) mod url;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use tokio::sync::watch;

use crate::app::App;
use crate::{console, source};

pub(crate) use api::{
    AlertQuery, RevocationQuery, confirm_revocation, enable_endpoint, paging, release_brake, resend_revocation, settle,
    undo_revocation,
};
pub(crate) use assets::path as asset;
pub(crate) use auth::{Actor, Gate};
pub(crate) use serve::check_credentials;
pub use serve::{ServeError, serve};

/// Most bytes of a request body, ingest excepted: a verdict with a long note.
const MAX_BODY: usize = 64 * 1024;

/// What the routes of this module and of the console share.
#[derive(Debug, Clone)]
pub(crate) struct Web {
    /// The running service.
    pub(crate) app: App,
    /// Tokens and sessions.
    pub(crate) gate: Arc<Gate>,
    /// Room for streams.
    pub(crate) streams: stream::Streams,
}

impl FromRef<Web> for App {
    fn from_ref(web: &Web) -> App {
        web.app.clone()
    }
}

/// Everything that is served. Streams of this router end when their client goes away; [`serve`] also ends them when the
/// service closes.
pub fn router(app: App) -> Router {
    // Nobody will ever close it.
    let (_, closing) = watch::channel(false);
    router_until(app, closing)
}

pub(crate) fn router_until(app: App, closing: watch::Receiver<bool>) -> Router {
    let http = &app.config().http;
    let gate = Gate::new(&http.token_hashes, http.tls_cert.is_some());
    let web = Web { app: app.clone(), gate: Arc::clone(&gate), streams: stream::Streams::new(closing) };
    let own = Router::new()
        .merge(api::routes())
        .merge(console::routes())
        .route("/assets/{hash}/{name}", get(assets::serve))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(web);
    Router::new()
        .merge(own)
        .merge(source::http::routes().with_state(app))
        .fallback(|| async { problem::Problem::no_route() })
        .method_not_allowed_fallback(|| async { problem::Problem::no_method() })
        .layer(from_fn_with_state(gate, auth::guard))
        .layer(from_fn(headers::secure))
}
