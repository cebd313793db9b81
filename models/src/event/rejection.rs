//! Why an input is not an event.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::disarmed;

/// The named reason, stable over versions: it is a metric label, a column of the quarantine and a row of
/// `docs/bad-input.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectionCode {
    /// More than [`super::MAX_EVENT_BYTES`].
    EventTooLarge,
    /// Nested deeper than [`super::MAX_DEPTH`].
    EventTooDeep,
    /// Not UTF-8.
    NotUtf8,
    /// Not one JSON object.
    NotJson,
    /// A field has the wrong JSON type, is negative, or is not one of its enum's words.
    WrongType,
    /// A required field is absent, null or empty.
    MissingField,
    /// A text is longer than its limit.
    TextTooLong,
    /// More than [`super::MAX_ITEMS`] targets or scopes.
    TooManyItems,
    /// A time is not RFC 3339 or out of range.
    InvalidTime,
    /// A `spiffe://` id breaks the SPIFFE rules.
    InvalidSpiffeId,
    /// `trace` is not a W3C `traceparent`.
    InvalidTrace,
    /// The envelope (CloudEvents) around the event is broken.
    InvalidEnvelope,
}

impl RejectionCode {
    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            RejectionCode::EventTooLarge => "event_too_large",
            RejectionCode::EventTooDeep => "event_too_deep",
            RejectionCode::NotUtf8 => "not_utf8",
            RejectionCode::NotJson => "not_json",
            RejectionCode::WrongType => "wrong_type",
            RejectionCode::MissingField => "missing_field",
            RejectionCode::TextTooLong => "text_too_long",
            RejectionCode::TooManyItems => "too_many_items",
            RejectionCode::InvalidTime => "invalid_time",
            RejectionCode::InvalidSpiffeId => "invalid_spiffe_id",
            RejectionCode::InvalidTrace => "invalid_trace",
            RejectionCode::InvalidEnvelope => "invalid_envelope",
        }
    }
}

impl fmt::Display for RejectionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why an input is not an event: a named reason, the field, and a sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Rejection {
    /// The named reason.
    pub code: RejectionCode,
    /// The field, as a path such as `credential.scopes`, where one is to blame.
    pub field: Option<&'static str>,
    /// One sentence for the person who sends the events.
    pub detail: String,
}

impl Rejection {
    /// A rejection that no single field is to blame for.
    pub fn new(code: RejectionCode, detail: impl Into<String>) -> Self {
        Self { code, field: None, detail: disarmed(&detail.into(), SHOWN) }
    }

    pub(super) fn of(code: RejectionCode, field: &'static str, detail: &str) -> Self {
        Self { code, field: Some(field), detail: disarmed(detail, SHOWN) }
    }

    pub(super) fn missing(field: &'static str) -> Self {
        Self::of(RejectionCode::MissingField, field, &format!("`{field}` is required and must not be empty"))
    }

    pub(super) fn too_long(field: &'static str, len: usize, limit: usize) -> Self {
        Self::of(RejectionCode::TextTooLong, field, &format!("`{field}` has {len} bytes; at most {limit} are accepted"))
    }

    pub(super) fn too_many(field: &'static str, len: usize, limit: usize) -> Self {
        Self::of(
            RejectionCode::TooManyItems,
            field,
            &format!("`{field}` has {len} entries; at most {limit} are accepted"),
        )
    }
}

/// Characters of a detail that are kept: parsers quote the input, and the input is written by whoever sends it.
const SHOWN: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_that_quote_the_input_are_shortened_and_disarmed() {
        let rejection = Rejection::new(RejectionCode::WrongType, format!("\u{202e}a\n{}", "x".repeat(5000)));
        assert!(rejection.detail.starts_with("\u{fffd}a\u{fffd}x") && rejection.detail.chars().count() == SHOWN + 1);
    }
}
