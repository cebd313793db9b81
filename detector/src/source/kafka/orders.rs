//! In a fleet: what the thread that owns the partitions wants to be read, and what of it is still to be done.

use std::collections::BTreeMap;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::fleet::handover::Reading;

/// The orders of that thread. Outside of a fleet there are none.
#[derive(Debug)]
pub(super) struct Orders {
    readings: Option<UnboundedReceiver<Reading>>,
    /// By partition: only the last order for it counts.
    failed: BTreeMap<i32, Reading>,
}

impl Orders {
    pub(super) fn new(readings: Option<UnboundedReceiver<Reading>>) -> Self {
        Self { readings, failed: BTreeMap::new() }
    }

    /// The next one; never, outside of a fleet. It takes the place of one for the same partition that has failed.
    pub(super) async fn next(&mut self) -> Option<Reading> {
        let Some(readings) = &mut self.readings else { return std::future::pending().await };
        let next = readings.recv().await?;
        self.failed.remove(&next.partition());
        Some(next)
    }

    /// One could not be done now.
    pub(super) fn fail(&mut self, reading: Reading) {
        self.failed.insert(reading.partition(), reading);
    }

    /// Those that are to be tried again.
    pub(super) fn failed(&mut self) -> Vec<Reading> {
        std::mem::take(&mut self.failed).into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Lease;

    #[tokio::test]
    async fn what_failed_is_tried_again_unless_something_newer_was_wanted() {
        let (sender, readings) = tokio::sync::mpsc::unbounded_channel();
        let mut orders = Orders::new(Some(readings));
        let resume = |partition, offset| Reading::Resume(partition, offset, Lease::default());
        for (partition, offset) in [(1, 10), (2, 20), (1, 30)] {
            sender.send(resume(partition, offset)).expect("open");
        }
        for _ in 0..2 {
            let reading = orders.next().await.expect("an order");
            orders.fail(reading);
        }
        let newer = orders.next().await.expect("an order");
        assert!(matches!(newer, Reading::Resume(1, 30, _)));
        let again = orders.failed();
        assert!(matches!(&again[..], [Reading::Resume(2, 20, _)]), "{again:?}");
        assert!(orders.failed().is_empty(), "once each time");
    }
}
