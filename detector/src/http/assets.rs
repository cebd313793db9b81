//! The files that pages load: compiled in, named by their hash, so that browsers keep them for good.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::problem::Problem;

struct Asset {
    name: &'static str,
    media: &'static str,
    body: &'static [u8],
    hash: String,
}

macro_rules! asset {
    ($name:literal, $media:literal, $path:literal) => {
        Asset::new($name, $media, include_bytes!(concat!("../../assets/", $path)))
    };
}

static ASSETS: LazyLock<[Asset; 7]> = LazyLock::new(|| {
    [
        asset!("console.css", "text/css; charset=utf-8", "console.css"),
        asset!("console.js", "text/javascript; charset=utf-8", "console.js"),
        asset!("icon.svg", "image/svg+xml", "icon.svg"),
        asset!("htmx.js", "text/javascript; charset=utf-8", "vendor/htmx.min.js"),
        asset!("htmx-sse.js", "text/javascript; charset=utf-8", "vendor/htmx-ext-sse.min.js"),
        asset!("uplot.js", "text/javascript; charset=utf-8", "vendor/uPlot.iife.min.js"),
        asset!("uplot.css", "text/css; charset=utf-8", "vendor/uPlot.min.css"),
    ]
});

impl Asset {
    fn new(name: &'static str, media: &'static str, body: &'static [u8]) -> Self {
        let mut hash = String::with_capacity(16);
        for byte in Sha256::digest(body).iter().take(8) {
            // Writing to a String cannot fail.
            let _ = write!(hash, "{byte:02x}");
        }
        Self { name, media, body, hash }
    }
}

/// The URL of a file, with its hash. A name that is not there gives a path that answers 404; a test looks for those.
pub(crate) fn path(name: &str) -> String {
    let hash = ASSETS.iter().find(|a| a.name == name).map_or("", |a| a.hash.as_str());
    format!("/assets/{hash}/{name}")
}

/// `GET /assets/{hash}/{name}`
pub(crate) async fn serve(Path((hash, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|a| a.name == name && a.hash == hash) else {
        return Problem::no_route().into_response();
    };
    let tag = format!("\"{}\"", asset.hash);
    let fresh = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if fresh { StatusCode::NOT_MODIFIED.into_response() } else { asset.body.into_response() };
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        out.insert(header::ETAG, tag);
    }
    response
}
