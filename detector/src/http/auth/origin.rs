//! Where a browser says that a request comes from.

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|v| v.to_str().unwrap_or("?"))
}

/// Whether a changing request comes from one of our own pages, or from no browser at all.
///
/// Browsers send `Sec-Fetch-Site` or, older ones, `Origin` with every request that changes something. A request with
/// neither is a program; with `strict` (where cookies are in use) even that is refused.
pub(super) fn is_own(headers: &HeaderMap, strict: bool) -> bool {
    if let Some(site) = text(headers, "sec-fetch-site") {
        return site == "same-origin";
    }
    match (text(headers, ORIGIN.as_str()), text(headers, HOST.as_str())) {
        (Some(origin), Some(host)) => {
            origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
        }
        (Some(_), None) => false,
        (None, _) => !strict,
    }
}

/// Whether the name that the client used for us can only mean this machine.
pub(super) fn is_loopback_name(headers: &HeaderMap) -> bool {
    let Some(host) = text(headers, HOST.as_str()) else { return true };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap())).collect()
    }

    #[test]
    fn only_our_own_pages_may_ask_for_changes() {
        let own = |pairs: &[(&'static str, &'static str)]| is_own(&headers(pairs), true);
        assert!(own(&[("sec-fetch-site", "same-origin")]));
        assert!(!own(&[("sec-fetch-site", "same-site")]));
        assert!(!own(&[("sec-fetch-site", "cross-site"), ("origin", "http://a:1"), ("host", "a:1")]));
        assert!(!own(&[("sec-fetch-site", "none")]));
        assert!(own(&[("origin", "https://a:1"), ("host", "A:1")]));
        assert!(!own(&[("origin", "https://evil"), ("host", "a:1")]));
        assert!(!own(&[("origin", "null"), ("host", "a:1")]));
        assert!(!own(&[("host", "a:1")]));
        assert!(is_own(&headers(&[("host", "a:1")]), false));
    }

    #[test]
    fn a_rebound_name_is_not_loopback() {
        let loopback = |host| is_loopback_name(&headers(&[("host", host)]));
        assert!(["localhost:8321", "127.0.0.1:8321", "[::1]:8321", "LOCALHOST", "127.9.9.9"].into_iter().all(loopback));
        assert!(!["evil.example:8321", "127.0.0.1.evil.example", "10.0.0.1", "[::2]:1", ""].into_iter().any(loopback));
    }
}
