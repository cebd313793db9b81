//! This process's copy of what the fleet shares, at every recent offset of the fleet's log.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use models::config::CheckedConfig;
use models::engine::{Entry, EntryError, Fleet, Order, Output, View};
use models::event::Timestamp;

use rdkafka::message::{BorrowedMessage, Message as _};

use super::clients::{Clients, Put, appended};
use super::error::FleetError;
use super::images::{self, Image};
use super::topics::Topic;

/// Offsets of which the view is kept, and orders of which are. Views share what did not change between them.
const RECENT: usize = 1024;
/// An image is written every so many entries.
pub const IMAGE_EVERY: i64 = 256;
/// How much older than the newest image the one is that a new database begins with. Whoever owns a partition stores what is granted
/// to it within seconds, and tells the others.
const LOOK_BACK: Duration = Duration::from_hours(1);

/// What partitions may be handed: views by offset and orders, as far back as they are kept.
#[derive(Debug, Clone, Default)]
pub struct Recent {
    views: BTreeMap<i64, View>,
    orders: VecDeque<(i64, Order)>,
}

impl Recent {
    /// What is known of the fleet's log up to `offset`.
    pub fn view(&self, offset: i64) -> Option<&View> {
        self.views.get(&offset)
    }

    /// The orders from `known` on, below `at`.
    pub fn orders(&self, known: i64, at: i64) -> impl Iterator<Item = &Order> {
        let between = move |(offset, _): &&(i64, Order)| (known..at).contains(offset);
        self.orders.iter().filter(between).map(|(_, order)| order)
    }

    fn keep(&mut self, at: i64, view: View) {
        self.views.insert(at, view);
        while self.views.len() > RECENT {
            self.views.pop_first();
        }
    }

    fn order(&mut self, offset: i64, order: Order) {
        self.orders.push_back((offset, order));
        if self.orders.len() > RECENT {
            self.orders.pop_front();
        }
    }
}

/// The copy.
#[derive(Debug)]
pub struct Log {
    fleet: Fleet,
    /// Offset of the next entry.
    at: i64,
    recent: Recent,
}

/// What an entry brought about.
#[derive(Debug, Default)]
pub struct Heard {
    /// From which partition it came; `None` for an order.
    pub partition: Option<i32>,
    /// Revocations granted, and the brake's alert.
    pub outputs: Vec<Output>,
    /// The order that it was.
    pub order: Option<Order>,
}

impl Log {
    /// Starts where everything that this process has not stored yet is still to be heard: a grant that nobody hears is sent to
    /// nobody. `stored` is how far the log is in its database. A database that is new begins a good while before the newest image:
    /// what is older is in the fleet's other topics. Blocks.
    ///
    /// # Errors
    /// When topics cannot be read, an image is of another version, or the log was made anew.
    pub fn begin(clients: &Clients, config: &CheckedConfig, stored: Option<i64>, end: i64) -> Result<Self, FleetError> {
        if let Some(stored) = stored.filter(|stored| *stored > end) {
            return Err(FleetError::Anew { topic: clients.topic(Topic::Log), stored, end });
        }
        let any = |_, _| true;
        let image = if let Some(stored) = stored {
            images::newest(clients, |at, _| at <= stored)?
        } else if let Some(newest) = images::newest(clients, any)? {
            let until = newest.written.saturating_sub(LOOK_BACK);
            images::newest(clients, |_, written| written <= until)?
        } else {
            None
        };
        match Self::from(clients, config, image) {
            Err(FleetError::Gone { first, .. }) => {
                tracing::warn!(
                    first,
                    "this process was away for longer than the fleet's log is kept: it goes on from the newest image"
                );
                Self::from(clients, config, images::newest(clients, any)?)
            }
            begun => begun,
        }
    }

    /// Starts from an image, or from the first entry.
    fn from(clients: &Clients, config: &CheckedConfig, image: Option<Image>) -> Result<Self, FleetError> {
        let (at, fleet) = match image {
            Some(Image { at, bytes, .. }) => (at, Fleet::restore(config.clone(), &bytes)?),
            None => (0, Fleet::new(config.clone())),
        };
        let topic = clients.topic(Topic::Log);
        let (first, _) = clients.read(&topic, 0, None)?.reach()?;
        if first > at {
            return Err(FleetError::Gone { topic, partition: 0, first });
        }
        let mut recent = Recent::default();
        recent.keep(at, fleet.view());
        Ok(Self { fleet, at, recent })
    }

    /// The copy as it was at an offset in the past, with the orders from there to `end`. Blocks.
    ///
    /// # Errors
    /// When topics cannot be read, or do not reach back so far.
    pub fn past(clients: &Clients, config: &CheckedConfig, offset: i64, end: i64) -> Result<Recent, FleetError> {
        let mut log = Self::from(clients, config, images::newest(clients, |at, _| at <= offset)?)?;
        let mut reading = clients.read(&clients.topic(Topic::Log), 0, Some(log.at))?;
        let mut past = Recent::default();
        past.keep(log.at, log.fleet.view());
        reading.until(end, |record| {
            let at = record.offset();
            let Some(entry) = entry_of(record)? else { return Ok(()) };
            if let (Entry::Order(order), true) = (&entry, at >= offset) {
                past.order(at, order.clone());
            }
            if at < offset {
                log.take(at, appended(record), entry);
            }
            Ok(())
        })?;
        // An offset between two entries is the same view as that behind the first of them.
        past.views.clear();
        past.keep(offset, log.fleet.view());
        Ok(past)
    }

    /// Takes the next entry; one that was taken before brings nothing about.
    pub fn take(&mut self, offset: i64, appended: Timestamp, entry: Entry) -> Heard {
        if offset < self.at {
            return Heard::default();
        }
        let partition = entry.origin().and_then(|(partition, ..)| i32::try_from(partition).ok());
        let mut heard = Heard { partition, ..Heard::default() };
        if let Entry::Order(order) = &entry {
            heard.order = Some(order.clone());
            self.recent.order(offset, order.clone());
        }
        self.fleet.take(entry, appended, &mut heard.outputs);
        self.at = offset + 1;
        self.recent.keep(self.at, self.fleet.view());
        heard
    }

    /// Offset of the next entry.
    pub fn at(&self) -> i64 {
        self.at
    }

    /// What is known now.
    pub fn view(&self) -> View {
        self.fleet.view()
    }

    /// The state machine itself.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// What partitions may be handed.
    pub fn recent(&self) -> &Recent {
        &self.recent
    }

    /// The whole copy as a record of its topic.
    pub fn image(&self) -> Put {
        Put { key: self.at.to_be_bytes().to_vec(), value: Some(self.fleet.image()) }
    }
}

/// The entry in a record; `None` if it is damaged, which every copy skips alike.
///
/// # Errors
/// When it is of another format: whoever went on without it would go another way than the others.
pub fn entry_of(record: &BorrowedMessage<'_>) -> Result<Option<Entry>, FleetError> {
    decoded(record.offset(), record.payload().unwrap_or_default())
}

/// The same from its bytes.
///
/// # Errors
/// When it is of another format.
pub fn decoded(offset: i64, bytes: &[u8]) -> Result<Option<Entry>, FleetError> {
    match Entry::decode(bytes) {
        Ok(entry) => Ok(Some(entry)),
        Err(error @ EntryError::Damaged) => {
            tracing::error!(%error, offset, "an entry of the fleet's log is skipped");
            Ok(None)
        }
        Err(error) => Err(FleetError::Log { offset, error }),
    }
}
