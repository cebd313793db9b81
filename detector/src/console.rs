//! The console: pages for the people who watch, over the same records as the API.
//!
//! Every page is whole without scripts; scripts only keep it current. Texts of events reach a template as
//! `text::Shown` or through `text::plain`, never bare.

pub(crate) mod alert;
pub(crate) mod alerts;
pub(crate) mod chrome;
mod format;
mod health;
mod identities;
mod identity;
mod live;
mod login;
mod page;
pub(crate) mod revocations;
mod row;
mod tags;
pub(crate) mod text;
pub(crate) mod timeline;

#[cfg(test)]
mod tests;

use axum::Router;
use axum::routing::{get, post};

use crate::http::Web;

/// The routes.
pub(crate) fn routes() -> Router<Web> {
    Router::new()
        .route("/", get(alerts::show))
        .route("/live", get(live::open))
        .route("/alerts/{id}", get(alert::show))
        .route("/alerts/{id}/verdict", post(alert::settle))
        .route("/identities", get(identities::show))
        .route("/identity", get(identity::show))
        .route("/revocations", get(revocations::show))
        .route("/revocations/{id}/confirm", post(revocations::confirm))
        .route("/revocations/{id}/undo", post(revocations::undo))
        .route("/revocations/{id}/resend", post(revocations::resend))
        .route("/endpoints/{name}/enable", post(revocations::enable))
        .route("/health", get(health::show))
        .route("/brake/release", post(health::release))
        .route("/login", get(login::show).post(login::enter))
        .route("/logout", post(login::leave))
}
