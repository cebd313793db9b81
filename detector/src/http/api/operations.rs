//! Probes, metrics, the state of the engine and the brake.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use models::view::EngineView;
use serde_json::json;

use crate::app::App;
use crate::http::Actor;
use crate::http::problem::Problem;

const OPENAPI: &str = include_str!("../openapi.json");

pub(super) async fn engine(State(app): State<App>) -> Result<Json<EngineView>, Problem> {
    Ok(Json(app.engine().view().await?))
}

pub(super) async fn post_release(
    State(app): State<App>,
    Extension(actor): Extension<Actor>,
) -> Result<Json<EngineView>, Problem> {
    release_brake(&app, &actor).await?;
    Ok(Json(app.engine().view().await?))
}

/// Closes the brake again, for the API and the console. One that is closed stays closed.
///
/// # Errors
/// When it cannot be made durable.
pub(crate) async fn release_brake(app: &App, actor: &Actor) -> Result<(), Problem> {
    Ok(app.engine().release_brake(actor.name.clone()).await?)
}

pub(super) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics())
}

/// The process answers.
pub(super) async fn healthz() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

/// Whether events are taken; which source is behind is for those who may know.
pub(super) async fn readyz(State(app): State<App>, actor: Option<Extension<Actor>>) -> Response {
    let readiness = app.readiness();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = if actor.is_some() { json!(readiness) } else { json!({ "ready": readiness.ready }) };
    (status, Json(body)).into_response()
}

pub(super) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}
