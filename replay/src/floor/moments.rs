//! Mean and deviation of numbers that are taken in one by one.

use serde::{Deserialize, Serialize};

/// Mean and variance of a stream (Welford 1962).
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Moments {
    /// How many numbers were taken in.
    pub(crate) count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Takes in one number.
    pub(crate) fn push(&mut self, x: f64) {
        self.count += 1.0;
        let delta = x - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (x - self.mean);
    }

    /// How many standard deviations `x` lies above the mean, the deviation taken to be at least 0.25 and at least
    /// `relative` times the mean; 0 with fewer than `enough` numbers (never fewer than two) to compare with.
    pub(crate) fn standardise(&self, x: f64, enough: f64, relative: f64) -> f64 {
        if self.count < enough.max(2.0) {
            return 0.0;
        }
        // Near-constant numbers would make a difference of one outweigh everything else.
        let floor = (relative * self.mean.abs()).max(0.25);
        (x - self.mean) / (self.squares / (self.count - 1.0)).sqrt().max(floor)
    }
}
