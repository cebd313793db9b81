//! The inbox as a source: events accepted over HTTP, and those put back from quarantine.

use std::sync::Arc;
use std::time::Duration;

use models::engine::Trust;
use models::event::Timestamp;

use super::{BATCH_ITEMS, Batch, Envelope, Item, Lease};
use crate::app::{Handed, State};
use crate::service::Sink;
use crate::store::inbox::{self, Accepted};

/// Name of the source in the positions.
pub const NAME: &str = "inbox";

/// Rows read at a time.
const BATCH_ROWS: u32 = BATCH_ITEMS as u32;

/// Another process may append (`driftwatch quarantine replay`), and wakes nobody.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Hands over what is in the inbox until the service stops.
pub async fn run(mut sink: Sink) {
    let app = sink.app().clone();
    let status = app.sources().register(NAME);
    let mut wake = app.ingest().wake();
    let mut next = sink.position(status.name(), 0).unwrap_or(1);
    let trust = app.config().source.http.trust;
    loop {
        let rows = tokio::select! {
            rows = app.read(move |db| Ok((inbox::from(db, next, BATCH_ROWS)?, inbox::newest(db)?))) => rows,
            () = sink.stopping() => return,
        };
        match rows {
            Ok((rows, newest)) => {
                status.set(State::Running);
                let lag = newest - next + 1 - rows.len().cast_signed() as i64;
                status.lag(lag);
                let taken = sink.position(status.name(), 0);
                status.holds(0, next..newest + 1, taken, app.now());
                if let Some(last) = rows.last() {
                    next = last.seq + 1;
                    status.seen(Timestamp::from_millis(last.received_at));
                    let batch = batch(status.name(), rows, trust);
                    if let Some(handed) = handed(&batch) {
                        status.handed(0, handed, taken, app.now());
                    }
                    if sink.send(batch).await.is_err() {
                        return;
                    }
                    continue;
                }
            }
            Err(error) => status.failing(error.to_string()),
        }
        tokio::select! {
            _ = wake.changed() => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            () = sink.stopping() => return,
        }
    }
}

/// What a batch says of time; absent if it is empty.
fn handed(batch: &Batch) -> Option<Handed> {
    let (first, last) = (batch.items.first()?, batch.items.last()?);
    Some(Handed {
        positions: first.position..last.position + 1,
        arrived_at: Some(Timestamp::from_millis(first.received_at)),
        happened_at: first.happened_at(),
    })
}

/// How far the sender of a row is trusted: as the configuration says, or not if nobody knows any more who it was.
pub(crate) fn trust(row: &Accepted, configured: Trust) -> Trust {
    if row.replayed { Trust::Observe } else { configured }
}

fn batch(source: &Arc<str>, rows: Vec<Accepted>, trust: Trust) -> Batch {
    let items = rows.into_iter().map(|row| Item {
        position: row.seq,
        received_at: row.received_at,
        trust: self::trust(&row, trust),
        length: row.raw.len() as u64,
        raw: row.raw,
        envelope: Envelope::default(),
    });
    Batch { source: Arc::clone(source), partition: 0, lease: Lease::default(), items: items.collect() }
}
