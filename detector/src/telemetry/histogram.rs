//! A histogram of durations with fixed bounds: an observation is two atomic additions.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::{Text, label};

#[derive(Debug)]
pub(super) struct Histogram<const N: usize> {
    bounds: [f64; N],
    // What is above the last bound counts in `count` only.
    buckets: [AtomicU64; N],
    count: AtomicU64,
    sum_nanos: AtomicU64,
}

impl<const N: usize> Histogram<N> {
    pub(super) fn new(bounds: [f64; N]) -> Self {
        Self {
            bounds,
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            count: AtomicU64::new(0),
            sum_nanos: AtomicU64::new(0),
        }
    }

    pub(super) fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        if let Some((_, bucket)) = self.bounds.iter().zip(&self.buckets).find(|(bound, _)| seconds <= **bound) {
            bucket.fetch_add(1, Relaxed);
        }
        self.count.fetch_add(1, Relaxed);
        self.sum_nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    pub(super) fn render(&self, name: &str, text: &mut Text) {
        let (bucket, mut below) = (format!("{name}_bucket"), 0);
        for (bound, n) in self.bounds.iter().zip(&self.buckets) {
            below += n.load(Relaxed);
            text.value(&bucket, &label("le", &bound.to_string()), below);
        }
        let count = self.count.load(Relaxed).max(below);
        text.value(&bucket, &label("le", "+Inf"), count);
        text.value(&format!("{name}_sum"), "", self.sum_nanos.load(Relaxed) as f64 / 1e9);
        text.value(&format!("{name}_count"), "", count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_the_last_holds_everything() {
        let histogram = Histogram::new([0.001, 0.01]);
        for millis in [0, 1, 5, 500] {
            histogram.observe(Duration::from_millis(millis));
        }
        let mut text = Text::default();
        histogram.render("x", &mut text);
        let values: Vec<_> = text.0.lines().filter_map(|l| l.rsplit(' ').next()).collect();
        assert_eq!(values, ["2", "3", "4", "0.506", "4"]);
    }
}
