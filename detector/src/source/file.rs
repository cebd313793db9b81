//! NDJSON files and stdin: position = line number, so that reading goes on behind the last line that was taken.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use datasets::reader::{LineReader, ReadError};
use models::event::Timestamp;
use tokio::sync::mpsc;

use super::{BATCH_ITEMS, Batch, Envelope, Item, Lease};
use crate::app::State;
use crate::config::FileSource;
use crate::service::Sink;

/// Lines read ahead. When it is full, the file is not read on.
const LINES_AHEAD: usize = 2 * BATCH_ITEMS;

/// Name of the source in the positions.
pub fn name(config: &FileSource) -> String {
    if config.is_stdin() { "stdin".to_owned() } else { format!("file:{}", config.path.display()) }
}

/// Hands over the lines of one file, to its end or until the service stops.
pub async fn run(config: FileSource, mut sink: Sink) {
    let app = sink.app().clone();
    let status = app.sources().register(&name(&config));
    // A file holds the past: until its end is reached, its sessions must not be closed by the clock.
    status.catching_up(!config.is_stdin());
    let from = sink.position(status.name(), 0).unwrap_or(1);
    let (lines, mut taken) = mpsc::channel(LINES_AHEAD);
    // A thread of its own, and nobody waits for it: a read from stdin cannot be interrupted.
    let reader = {
        let (config, app) = (config.clone(), app.clone());
        move || {
            let ended = read(&config, from, &lines, || app.now_ms());
            // The last message; if nobody listens any more, nobody needs it.
            let _ = lines.blocking_send(Err(ended));
        }
    };
    if let Err(error) = thread::Builder::new().name("file".to_owned()).spawn(reader) {
        return status.failed(format!("no thread for it: {error}"));
    }
    status.set(State::Running);
    let mut received = Vec::with_capacity(BATCH_ITEMS);
    loop {
        let n = tokio::select! {
            n = taken.recv_many(&mut received, BATCH_ITEMS) => n,
            () = sink.stopping() => return,
        };
        let mut items = Vec::with_capacity(n);
        let mut ended = None;
        for line in received.drain(..) {
            match line {
                Ok(item) => items.push(item),
                Err(end) => ended = Some(end),
            }
        }
        status.lag(taken.len().cast_signed() as i64);
        if let Some(last) = items.last() {
            status.seen(Timestamp::from_millis(last.received_at));
            let batch = Batch { source: Arc::clone(status.name()), partition: 0, lease: Lease::default(), items };
            if sink.send(batch).await.is_err() {
                return;
            }
        }
        match ended {
            None if n > 0 => {}
            Some(Err(error)) => return status.failed(error.to_string()),
            Some(Ok(())) | None => {
                status.catching_up(false);
                tracing::info!(source = %status.name().escape_debug(), "read to its end");
                return status.set(State::Finished);
            }
        }
    }
}

type Line = Result<Item, Result<(), ReadError>>;

/// Reads lines from number `from` on, until the end or until nobody listens.
fn read(config: &FileSource, from: i64, lines: &mpsc::Sender<Line>, now_ms: impl Fn() -> i64) -> Result<(), ReadError> {
    let mut reader = open(&config.path)?;
    while let Some(line) = reader.next_line()? {
        let position = i64::try_from(line.number).unwrap_or(i64::MAX);
        if position < from {
            continue;
        }
        let item = Item {
            position,
            received_at: now_ms(),
            trust: config.trust,
            raw: line.raw.to_vec(),
            length: line.length,
            envelope: Envelope::default(),
        };
        if lines.blocking_send(Ok(item)).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Opens a file for reading lines; `-` is stdin.
///
/// # Errors
/// When it cannot be opened.
pub fn open(path: &Path) -> Result<LineReader, ReadError> {
    if path == Path::new("-") { LineReader::new(std::io::stdin(), "stdin") } else { LineReader::open(path) }
}
