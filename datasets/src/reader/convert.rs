//! What every reader of a foreign format is: a thing that is shown one record after the other and says what happened.
//!
//! A new format is a file beside this one that implements [`Convert`], a variant of [`super::Format`] with the members it is
//! told by, and a section of `docs/formats.md`.

use std::collections::VecDeque;
use std::time::Duration;

use models::event::{MAX_EVENT_BYTES, Rejection, RejectionCode, Timestamp};
use serde_json::Value;

use super::Malformed;
use super::any::Converted;
use super::draft::Draft;

/// A format's own part: from records to events.
pub(super) trait Convert: Send {
    /// Takes the next record; what it says may come out now, or once later records were seen.
    fn record(&mut self, at: &Place<'_>, record: &Value, out: &mut Out);

    /// What a line holds that is no JSON, where a format is also written into text logs.
    fn line(&self, _: &str) -> Option<Value> {
        None
    }

    /// There are no more records.
    fn finish(&mut self, out: &mut Out);
}

/// Where a record was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The file's name without its endings.
    pub(super) stem: &'a str,
    pub(super) line: u64,
    /// Counts lists, and what stands outside of any.
    pub(super) document: u64,
    pub(super) in_list: bool,
    /// The record as it was, for what cannot be read.
    pub(super) raw: Raw<'a>,
}

/// Bytes of the source, for people who look for what was wrong with them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw<'a> {
    /// All of them, or the first.
    pub(super) bytes: &'a [u8],
    /// How many there were.
    pub(super) length: u64,
}

/// A copy that waits for later records, cut where it is long.
#[derive(Debug, Clone)]
pub(super) struct KeptRaw {
    bytes: Box<[u8]>,
    length: u64,
}

impl KeptRaw {
    pub(super) fn of(value: &Value, limit: usize) -> Self {
        let bytes = value.to_string().into_bytes();
        Self { length: bytes.len() as u64, bytes: bytes.get(..limit).unwrap_or(&bytes).into() }
    }

    pub(super) fn lend(&self) -> Raw<'_> {
        Raw { bytes: &self.bytes, length: self.length }
    }
}

/// What the source does not say and the caller does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assumed {
    /// Who acted, where the source names nobody.
    pub identity: Option<String>,
    /// When the first thing happened, where the source has no times: calls then follow one another every second, and
    /// conversations every minute. Order and sizes are real then, hours and pace are not.
    pub start: Option<Timestamp>,
}

/// What came out of the records so far.
#[derive(Debug, Default)]
pub(super) struct Out {
    pub(super) ready: VecDeque<Result<Converted, Malformed>>,
    /// Records that hold no action.
    pub(super) ignored: u64,
    assumed: Assumed,
}

impl Out {
    pub(super) fn new(assumed: Assumed) -> Self {
        Self { assumed, ..Self::default() }
    }

    /// The next assumed time, if times are assumed at all.
    pub(super) fn assumed_time(&self) -> Option<Timestamp> {
        self.assumed.start
    }

    /// Takes the assumed time and lets it go on by so much.
    pub(super) fn pass(&mut self, span: Duration) -> Option<Timestamp> {
        let now = self.assumed.start?;
        self.assumed.start = Some(now.saturating_add(span));
        Some(now)
    }

    /// Checks an event and hands it over; if it is none, what it was made from is kept.
    pub(super) fn event(&mut self, line: u64, raw: Raw<'_>, mut draft: Draft) {
        if !draft.has("identity")
            && let Some(identity) = self.assumed.identity.clone()
        {
            draft.set("identity", identity, "assumed");
        }
        match draft.finish() {
            Ok((decoded, origins)) => self.ready.push_back(Ok(Converted { line, decoded, origins })),
            Err(rejection) => self.reject(line, raw, explained(rejection)),
        }
    }

    pub(super) fn reject(&mut self, line: u64, raw: Raw<'_>, rejection: Rejection) {
        let kept = raw.bytes.get(..MAX_EVENT_BYTES).unwrap_or(raw.bytes);
        let truncated = raw.length > kept.len() as u64;
        self.ready.push_back(Err(Malformed { line, raw: kept.to_vec(), truncated, rejection }));
    }
}

/// Says what to do where a source leaves out what an event must have.
fn explained(rejection: Rejection) -> Rejection {
    let detail = match (rejection.code, rejection.field) {
        (RejectionCode::MissingField, Some("identity")) => {
            "the record does not say who acted; name the identity with --identity, or map it"
        }
        (RejectionCode::MissingField, Some("time")) => {
            "the record has no time that can be read; give a first one with --start, or map it"
        }
        _ => return rejection,
    };
    Rejection { field: rejection.field, ..Rejection::new(rejection.code, detail) }
}
