//! Percent-encoding of ids in URLs.

use std::fmt::Write as _;

/// Encodes everything but unreserved characters (RFC 3986, section 2.3), so that a URI fits into one path segment.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_becomes_one_segment() {
        assert_eq!(encode("spiffe://a/b?c&d é"), "spiffe%3A%2F%2Fa%2Fb%3Fc%26d%20%C3%A9");
    }
}
