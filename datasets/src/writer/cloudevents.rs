//! Native events to `CloudEvents` 1.0, structured: the event is the `data`, the identity the subject and partition key.

use std::fmt::Write as _;

use models::event::{Event, EventRecord};
use serde::Serialize;

/// The `type` of every event.
pub const EVENT_TYPE: &str = "driftwatch.agent.action.v1";

/// A structured event, ready to be serialized as JSON.
#[derive(Debug, Serialize)]
pub struct Structured<'a> {
    specversion: &'static str,
    id: &'a str,
    source: String,
    #[serde(rename = "type")]
    kind: &'static str,
    subject: &'a str,
    time: String,
    datacontenttype: &'static str,
    partitionkey: &'a str,
    data: EventRecord<'a>,
}

impl<'a> Structured<'a> {
    /// Puts an event into an envelope. Its source is the tenant, as ids are unique per identity within one.
    pub fn of(event: &'a Event) -> Self {
        Self {
            specversion: "1.0",
            id: &event.id,
            source: source(&event.tenant),
            kind: EVENT_TYPE,
            subject: &event.identity,
            time: event.time.to_string(),
            datacontenttype: "application/json",
            partitionkey: &event.identity,
            data: event.to_record(),
        }
    }
}

/// `/driftwatch/TENANT`, with what a URI reference may not hold percent-encoded.
fn source(tenant: &str) -> String {
    let mut source = String::from("/driftwatch/");
    for byte in tenant.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            source.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(source, "%{byte:02X}");
        }
    }
    source
}
