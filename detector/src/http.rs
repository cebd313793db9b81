//! The whole router.

use axum::Router;

use crate::app::App;

/// Everything that is served.
pub fn router(app: App) -> Router {
    crate::source::http::routes().with_state(app)
}
