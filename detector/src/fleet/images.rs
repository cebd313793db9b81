//! Images of what the fleet shares. There may be a month of them: they are sought from the newest backwards.

use models::event::Timestamp;
use rdkafka::message::{BorrowedMessage, Message as _};

use super::clients::{Clients, appended};
use super::error::FleetError;
use super::topics::Topic;

/// How many of the newest are looked at first.
const FIRST_LOOK: i64 = 8;
/// How much farther back each look goes than the one before.
const FARTHER: i64 = 8;

/// One image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    /// Offset of the next entry of the fleet's log.
    pub at: i64,
    /// When it was written.
    pub written: Timestamp,
    /// What [`models::engine::Fleet::image`] gave.
    pub bytes: Vec<u8>,
}

impl Image {
    /// `None` if it is none that this version writes.
    fn of(record: &BorrowedMessage<'_>) -> Option<Self> {
        let at = record.key()?.try_into().map(i64::from_be_bytes).ok()?;
        Some(Self { at, written: appended(record), bytes: record.payload()?.to_vec() })
    }
}

/// The image that reaches farthest of those that are wanted: by offset in the log, and by when it was written. Blocks.
///
/// # Errors
/// When the topic cannot be read.
pub(super) fn newest(clients: &Clients, wanted: impl Fn(i64, Timestamp) -> bool) -> Result<Option<Image>, FleetError> {
    let topic = clients.topic(Topic::Snapshots);
    let (first, end) = clients.read(&topic, 0, None)?.reach()?;
    sought(first, end, |from, until| {
        let mut best: Option<Image> = None;
        clients.read(&topic, 0, Some(from))?.until(until, |record| {
            let image = Image::of(record).filter(|image| wanted(image.at, image.written));
            if let Some(image) = image
                && best.as_ref().is_none_or(|best| best.at < image.at)
            {
                best = Some(image);
            }
            Ok(())
        })?;
        Ok(best)
    })
}

/// Looks at ever more records below `end`, each once, until there is something.
fn sought<T, E>(first: i64, end: i64, mut look: impl FnMut(i64, i64) -> Result<Option<T>, E>) -> Result<Option<T>, E> {
    let (mut until, mut step) = (end, FIRST_LOOK);
    while until > first {
        let from = until.saturating_sub(step).max(first);
        if let Some(found) = look(from, until)? {
            return Ok(Some(found));
        }
        (until, step) = (from, step.saturating_mul(FARTHER));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_looked_at_once_and_the_newest_first() {
        let mut looks = Vec::new();
        let found = sought::<(), ()>(3, 100, |from, until| {
            looks.push((from, until));
            Ok(None)
        });
        assert_eq!((found, looks), (Ok(None), vec![(92, 100), (28, 92), (3, 28)]));
        let found = sought::<_, ()>(0, 100, |from, _| Ok((from <= 40).then_some(from)));
        assert_eq!(found, Ok(Some(28)));
        assert_eq!(sought::<(), ()>(5, 5, |_, _| Ok(Some(()))), Ok(None));
    }
}
