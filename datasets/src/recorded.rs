//! What the engine was told beside an event: the object `recorded` in a line of `driftwatch record`.

use models::engine::{Input, Phase, Trust};
use models::event::{Event, Timestamp};
use serde::{Deserialize, Serialize};

/// How an event reached the engine of a running service. Readers of events ignore it like any field they do not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Name of the source, as in the positions of the service: `inbox`, `kafka:<topic>`.
    pub source: String,
    /// Partition of the source; 0 where there is only one.
    pub partition: i32,
    /// Offset or inbox sequence.
    pub position: i64,
    /// The clock that the engine keeps for this partition of this source.
    pub clock: u32,
    /// When it reached the service; `None` where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrival: Option<Timestamp>,
    /// How far its source is trusted.
    pub trust: Trust,
}

impl Recorded {
    /// What the engine was told.
    pub fn input<'a>(&self, event: &'a Event, phase: Phase) -> Input<'a> {
        Input::Event { event, trust: self.trust, arrival: self.arrival, phase, partition: self.clock }
    }
}
