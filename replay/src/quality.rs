//! How well scores tell attacked sessions from benign ones, with labels.
//!
//! Pure functions on (label, score) rows: [`Ranking`] (AUROC, its interval, the ROC curve), [`detection`] (share found at
//! a false-alarm rate) and [`delay`] (how many events after the first malicious one). [`Collector`] gathers the rows
//! while the engine runs, with two floors beside it, and [`Quality`] is what comes out.
//!
//! A session scores as its strangest event. Positives are attacks that succeeded and that a call shows; negatives are
//! benign sessions, and in a second line also attacks that the agent ignored; other sessions count neither way.

mod collect;
mod delay;
mod detection;
mod figures;
mod rank;

pub use collect::{Collector, METHODS, Method};
pub use delay::{Delay, delay};
pub use detection::{Detection, detection, threshold};
pub use figures::{Alarms, MethodFigures, Quality, Realised, Sessions};
pub use rank::{Interval, Ranking, auroc};

/// The false-alarm rates at which detection is reported: shares of benign sessions.
pub const RATES: [f64; 3] = [0.001, 0.01, 0.05];
