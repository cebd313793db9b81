//! How well scores tell attacked sessions from benign ones, with labels.
//!
//! Pure functions on (label, score) rows: [`Ranking`] (AUROC, its interval, the ROC curve), [`detection`] (share found at
//! a false-alarm rate) and [`delay`] (how many events after the first malicious one). [`Collector`] gathers sessions
//! while the engine runs, with floors beside it. [`Quality`] says how well each score orders sessions, [`Judgement`] what
//! the engine's alerts and revocations were worth.
//!
//! A session scores as its strangest event. Positives are attacks that succeeded and that a call shows; negatives are
//! benign sessions, and in a second line also attacks that the agent ignored; other sessions count neither way.

mod alarms;
mod bootstrap;
mod collect;
mod curve;
mod delay;
mod detection;
mod episode;
mod figures;
mod judgement;
mod rank;
mod sample;
mod track;
mod truth;

pub use bootstrap::Bootstrap;
pub use collect::{Collector, METHODS, Method};
pub use delay::{Delay, delay};
pub use detection::{Detection, detection, threshold};
pub use episode::Delays;
pub use figures::{Alarms, MethodFigures, Quality, Realised, Sessions};
pub use judgement::{Attack, Coverage, Estimate, Judgement, RightOrWrong, Rule};
pub use rank::{Interval, Ranking, auroc};
pub use truth::Unlabelled;

/// The false-alarm rates at which detection is reported: shares of benign sessions.
pub const RATES: [f64; 3] = [0.001, 0.01, 0.05];
