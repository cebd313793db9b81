//! One aspect of behaviour. Alerts, console, API and tables use these names.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One aspect of behaviour that is judged on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Does this identity use this tool (server, tool and action), on this task?
    Tool,
    /// Does it touch this resource, or resources under the same prefix?
    Target,
    /// Is this the tool that follows, after the last few of this session?
    Chain,
    /// Are these bytes usual for this tool, and summed over the session?
    Volume,
    /// How many actions, and denied or failed ones, per time?
    Rate,
    /// Does it act at this hour of the week?
    Schedule,
    /// Same workload, network and client as ever, and the same throughout the session?
    Context,
    /// Who delegates to whom, and for whom?
    Delegation,
    /// Is the action inside what the credential was granted, and inside what was exercised so far?
    Scope,
    /// Has this session read sensitive data and is it now sending outside?
    Flow,
}

impl Dimension {
    /// Every dimension, in the order of [`DimensionValues`].
    pub const ALL: [Dimension; 10] = [
        Dimension::Tool,
        Dimension::Target,
        Dimension::Chain,
        Dimension::Volume,
        Dimension::Rate,
        Dimension::Schedule,
        Dimension::Context,
        Dimension::Delegation,
        Dimension::Scope,
        Dimension::Flow,
    ];
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The fixed name.
    pub fn as_str(self) -> &'static str {
        match self {
            Dimension::Tool => "tool",
            Dimension::Target => "target",
            Dimension::Chain => "chain",
            Dimension::Volume => "volume",
            Dimension::Rate => "rate",
            Dimension::Schedule => "schedule",
            Dimension::Context => "context",
            Dimension::Delegation => "delegation",
            Dimension::Scope => "scope",
            Dimension::Flow => "flow",
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One value a dimension, in the order of [`Dimension::ALL`].
pub type DimensionValues<T> = [T; Dimension::COUNT];
