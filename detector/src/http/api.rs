//! The API: JSON under `/v1`, probes and metrics beside it.

mod alerts;
mod identities;
mod operations;
mod revocations;
mod stream;

use axum::Router;
use axum::routing::{get, post};

use super::Web;
use super::problem::Problem;
use super::records::{Cursor, DEFAULT_PAGE, MAX_PAGE};

pub(crate) use alerts::{AlertQuery, settle};
pub(crate) use operations::release_brake;
pub(crate) use revocations::{
    RevocationQuery, confirm as confirm_revocation, enable as enable_endpoint, resend as resend_revocation,
    undo as undo_revocation,
};

/// The routes.
pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/v1/alerts", get(alerts::list))
        .route("/v1/alerts/{id}", get(alerts::one))
        .route("/v1/alerts/{id}/verdict", post(alerts::verdict))
        .route("/v1/identities", get(identities::list))
        .route("/v1/identities/{id}", get(identities::one))
        .route("/v1/revocations", get(revocations::list))
        .route("/v1/revocations/{id}", get(revocations::one))
        .route("/v1/revocations/{id}/confirm", post(revocations::post_confirm))
        .route("/v1/revocations/{id}/undo", post(revocations::post_undo))
        .route("/v1/revocations/{id}/resend", post(revocations::post_resend))
        .route("/v1/endpoints", get(revocations::endpoints))
        .route("/v1/endpoints/{name}/enable", post(revocations::post_enable))
        .route("/v1/brake/release", post(operations::post_release))
        .route("/v1/engine", get(operations::engine))
        .route("/v1/stream", get(stream::open))
        .route("/metrics", get(operations::metrics))
        .route("/healthz", get(operations::healthz))
        .route("/readyz", get(operations::readyz))
        .route("/openapi.json", get(operations::openapi))
}

/// The page that a caller asks for.
pub(crate) fn paging(cursor: Option<&str>, limit: Option<u32>) -> Result<(Option<Cursor>, u32), Problem> {
    let cursor = match cursor.filter(|c| !c.is_empty()) {
        None => None,
        Some(text) => Some(
            Cursor::decode(text)
                .ok_or_else(|| Problem::invalid("`cursor` is not one that was given out; start without it"))?,
        ),
    };
    match limit.unwrap_or(DEFAULT_PAGE) {
        limit @ 1..=MAX_PAGE => Ok((cursor, limit)),
        other => Err(Problem::invalid(format!("`limit` is {other}; it must lie between 1 and {MAX_PAGE}"))),
    }
}
