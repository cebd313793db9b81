//! A rendered page, and the page that says what went wrong.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use super::chrome::Chrome;
use crate::http::problem::Problem;

/// Renders a page.
///
/// # Errors
/// When the template cannot be written, which would be a fault of ours.
pub(super) fn render(template: &impl Template) -> Result<Response, PageError> {
    match template.render() {
        Ok(html) => Ok(Html(html).into_response()),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            Err(PageError(Problem::busy("the page could not be rendered; the reason is in the log of the service")))
        }
    }
}

/// A problem, shown to a person.
#[derive(Debug)]
pub(super) struct PageError(pub(super) Problem);

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    chrome: Chrome,
    heading: &'a str,
    detail: &'a str,
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let status: StatusCode = self.0.status();
        let page = ErrorPage { chrome: Chrome::bare(), heading: self.0.title(), detail: self.0.detail() };
        match page.render() {
            Ok(html) => (status, Html(html)).into_response(),
            Err(_) => self.0.into_response(),
        }
    }
}

impl<E: Into<Problem>> From<E> for PageError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}
