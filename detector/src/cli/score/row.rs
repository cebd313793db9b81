//! One line of the output of `driftwatch score`.

use models::assessment::{Assessment, Decision, Outcome};
use models::dimension::Dimension;
use models::event::{Event, Rejection, Timestamp};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// An event with what was found out about it; dimensions are columns by name.
pub(super) struct Row<'a> {
    event: &'a Event,
    assessment: &'a Assessment,
}

impl<'a> Row<'a> {
    pub(super) fn new(event: &'a Event, assessment: &'a Assessment) -> Self {
        Self { event, assessment }
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let found = self.assessment;
        let mut row = serializer.serialize_map(None)?;
        row.serialize_entry::<_, str>("id", &self.event.id)?;
        row.serialize_entry::<_, Timestamp>("time", &self.event.time)?;
        row.serialize_entry::<_, str>("identity", &self.event.identity)?;
        row.serialize_entry::<_, Outcome>("outcome", &found.outcome)?;
        row.serialize_entry::<_, str>("session", &found.session)?;
        row.serialize_entry("score", &found.score)?;
        row.serialize_entry("p", &found.p)?;
        for (dimension, value) in Dimension::ALL.iter().zip(&found.dimensions) {
            row.serialize_entry(dimension.as_str(), value)?;
        }
        row.serialize_entry("evidence", &found.evidence)?;
        row.serialize_entry::<_, Decision>("decision", &found.decision)?;
        row.serialize_entry("alert", &found.alert)?;
        row.end()
    }
}

/// A line that is no event.
#[derive(serde::Serialize)]
pub(super) struct Rejected<'a> {
    line: u64,
    outcome: &'static str,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
    detail: &'a str,
}

impl<'a> Rejected<'a> {
    pub(super) fn new(line: u64, rejection: &'a Rejection) -> Self {
        let (code, field) = (rejection.code.as_str(), rejection.field);
        Self { line, outcome: "quarantined", code, field, detail: &rejection.detail }
    }
}
