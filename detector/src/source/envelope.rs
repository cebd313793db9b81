//! What stands beside the bytes of a message: its content type and CloudEvents attributes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use models::event::{Decoded, Rejection};
use serde_json::{Map, Value};

/// Content type and CloudEvents headers of one message; empty for a bare event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    content_type: Option<Box<str>>,
    /// Headers `ce_…` (Kafka) or `ce-…` (HTTP), as they came.
    attributes: Vec<(Box<str>, Box<[u8]>)>,
}

impl Envelope {
    /// Picks what matters out of all headers of a message; most messages have nothing, and cost no allocation.
    pub fn of<'h>(headers: impl IntoIterator<Item = (&'h str, &'h [u8])>) -> Self {
        let mut envelope = Self::default();
        for (name, value) in headers {
            if name.eq_ignore_ascii_case("content-type") {
                envelope.content_type = std::str::from_utf8(value).ok().map(Into::into);
            } else if is_attribute(name) {
                envelope.attributes.push((name.into(), value.into()));
            }
        }
        envelope
    }

    /// Whether the attributes say that the bytes are the data of a `CloudEvent` in binary mode.
    pub fn is_binary(&self) -> bool {
        self.attributes.iter().any(|(name, _)| name.get(3..).is_some_and(|n| n.eq_ignore_ascii_case("specversion")))
    }

    /// The event in `raw`.
    ///
    /// # Errors
    /// Why it is no event.
    pub fn decode(&self, raw: &[u8]) -> Result<Decoded, Rejection> {
        let attributes = self.attributes.iter().map(|(name, value)| (&**name, &**value));
        datasets::reader::decode_any(raw, self.content_type.as_deref(), attributes)
    }

    /// The message as one text that means the same without headers: a `CloudEvent` in structured mode if it was in binary
    /// mode, else the bytes as they came.
    pub fn wrap(&self, raw: Vec<u8>) -> Vec<u8> {
        if !self.is_binary() {
            return raw;
        }
        let mut object: Map<String, Value> = self
            .attributes
            .iter()
            .filter_map(|(name, value)| {
                Some((name.get(3..)?.to_ascii_lowercase(), String::from_utf8_lossy(value).into_owned().into()))
            })
            .collect();
        if let Some(content_type) = &self.content_type {
            object.insert("datacontenttype".to_owned(), (**content_type).into());
        }
        match serde_json::from_slice::<Value>(&raw) {
            Ok(data) if data.is_object() => object.insert("data".to_owned(), data),
            _ => object.insert("data_base64".to_owned(), STANDARD.encode(&raw).into()),
        };
        Value::Object(object).to_string().into_bytes()
    }
}

fn is_attribute(name: &str) -> bool {
    name.get(..3).is_some_and(|prefix| prefix.eq_ignore_ascii_case("ce_") || prefix.eq_ignore_ascii_case("ce-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: &[u8] = br#"{"tool":"db.export","time":"2026-05-04T10:00:00Z"}"#;

    fn binary(content_type: &str) -> Envelope {
        let headers = [
            ("Content-Type", content_type),
            ("ce_specversion", "1.0"),
            ("ce_id", "evt-1"),
            ("ce_source", "/gateway"),
            ("ce_type", "com.example.call"),
            ("ce_subject", "invoice-bot"),
            ("other", "x"),
        ];
        Envelope::of(headers.iter().map(|(name, value)| (*name, value.as_bytes())))
    }

    #[test]
    fn a_binary_event_means_the_same_after_wrapping() {
        let envelope = binary("application/json");
        let direct = envelope.decode(DATA).expect("an event");
        assert_eq!(&*direct.event.identity, "invoice-bot");
        let wrapped = envelope.wrap(DATA.to_vec());
        assert_eq!(Envelope::default().decode(&wrapped), Ok(direct));
    }

    #[test]
    fn bytes_that_are_no_json_survive_wrapping() {
        let wrapped: Value = serde_json::from_slice(&binary("text/plain").wrap(vec![0xff, b'{'])).expect("json");
        assert_eq!(STANDARD.decode(wrapped["data_base64"].as_str().expect("text")), Ok(vec![0xff, b'{']));
    }

    #[test]
    fn a_bare_event_is_kept_byte_for_byte() {
        assert_eq!(Envelope::of([("content-type", &b"application/json"[..])]).wrap(b"{ }".to_vec()), b"{ }");
    }
}
