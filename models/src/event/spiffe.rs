//! SPIFFE ids, checked against SPIFFE-ID.md (total <= 2048 bytes, trust domain <= 255, restricted character sets).

use std::borrow::Cow;

/// Checks a `spiffe://` id and writes its trust domain in lower case. Ids of other schemes pass through untouched.
///
/// Returns what is wrong with it, for a rejection message.
pub(super) fn normalise(identity: &str) -> Result<Cow<'_, str>, &'static str> {
    let Some(scheme) = identity.get(..9).filter(|s| s.eq_ignore_ascii_case("spiffe://")) else {
        return Ok(Cow::Borrowed(identity));
    };
    let rest = identity.get(9..).unwrap_or_default();
    let (domain, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if domain.is_empty() || domain.len() > 255 {
        return Err("the trust domain must have 1 to 255 characters");
    }
    if !domain.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')) {
        return Err("the trust domain may hold only letters, digits, `.`, `-` and `_`");
    }
    if let Some(path) = path.strip_prefix('/') {
        for segment in path.split('/') {
            if segment.is_empty() || segment == "." || segment == ".." {
                return Err("a path segment is empty, `.` or `..`");
            }
            if !segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')) {
                return Err("a path segment may hold only letters, digits, `.`, `-` and `_`");
            }
        }
    }
    if scheme.bytes().chain(domain.bytes()).any(|b| b.is_ascii_uppercase()) {
        return Ok(Cow::Owned(format!("spiffe://{}{path}", domain.to_ascii_lowercase())));
    }
    Ok(Cow::Borrowed(identity))
}
