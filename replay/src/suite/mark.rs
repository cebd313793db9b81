//! What was promised, and whether it was kept.

use serde::Serialize;

/// One promise and its figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mark {
    /// The set.
    pub set: String,
    /// The figure.
    pub what: String,
    /// Its bound.
    pub wanted: f64,
    /// Whether the bound is an upper one.
    pub at_most: bool,
    /// What was measured; `None` if the set was not.
    pub figure: Option<f64>,
}

impl Mark {
    /// The figure is to reach `wanted`.
    pub fn at_least(set: &str, what: &str, wanted: f64, figure: Option<f64>) -> Self {
        Self { set: set.to_owned(), what: what.to_owned(), wanted, at_most: false, figure }
    }

    /// The figure is to stay at or below `wanted`.
    pub fn at_most(set: &str, what: &str, wanted: f64, figure: Option<f64>) -> Self {
        Self { at_most: true, ..Self::at_least(set, what, wanted, figure) }
    }

    /// By how much it is kept; negative if it is missed.
    pub fn margin(&self) -> Option<f64> {
        self.figure.map(|figure| if self.at_most { self.wanted - figure } else { figure - self.wanted })
    }

    /// Whether it is kept; `None` if it was not measured.
    pub fn kept(&self) -> Option<bool> {
        self.margin().map(|margin| margin >= 0.0)
    }
}
