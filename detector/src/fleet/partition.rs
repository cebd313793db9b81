//! One partition that this process owns: its member, how far it has been taken, and the right to write its changelog.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use models::alert::{Alert, AlertId};
use models::changelog::{Turn, Writer};
use models::engine::{Input, Member, Order, Output, View};

use super::clients::{Clients, Put};
use super::error::FleetError;
use super::log::Log;
use super::restore::tell;
use super::topics::Topic;
use super::wire::{self, Outputs};
use crate::outcome::Counts;
use crate::store::quarantine::Rejected;

/// Turns that are remembered, so that a second run over the same logs can take them too: a month of hourly ones and more.
const TURNS: usize = 4096;

// When to flush: as soon as nothing more waits or somebody is to be told, and else as in the commit of a process alone. A flush
// costs three answers of the broker; what is taken meanwhile is in the next one.
const FLUSH_EVENTS: usize = 16_384;
const FLUSH_AFTER: Duration = Duration::from_millis(250);

/// A partition.
#[derive(Debug)]
pub struct Partition {
    number: i32,
    member: Member,
    /// `None` while a flush is under way.
    writer: Option<Writer>,
    /// What the flush under way has counted, and the offset behind it.
    flushing: Flushed,
    /// The next offset.
    next: i64,
    /// What its member knows of the fleet.
    view: View,
    /// Up to where in the fleet's log orders are known, or missed.
    heard: i64,
    turns: VecDeque<Turn>,
    /// Orders that were given while it was restored.
    missed: Vec<Order>,
    changed: bool,
    /// Events since the last flush, and when the first of them came.
    unflushed: usize,
    since: Option<Instant>,
    alerts: Vec<(AlertId, Box<Alert>)>,
    /// Since the last flush.
    pub counts: Counts,
    /// Input since the last flush that is no event.
    pub rejected: Vec<Rejected>,
}

/// What has become durable with a flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flushed {
    /// How the events in it ended.
    pub counts: Counts,
    /// The offset behind them.
    pub next: i64,
}

/// Where a partition goes on.
#[derive(Debug)]
pub(super) struct Stored {
    pub next: i64,
    pub view: View,
    pub turns: VecDeque<Turn>,
    /// Orders that its member does not know yet, up to `heard` in the fleet's log.
    pub missed: Vec<Order>,
    pub heard: i64,
}

/// A flush on its way, by itself: what the partition takes meanwhile is in the next one, which waits for this one's writer.
#[derive(Debug)]
pub struct Flush {
    number: i32,
    writer: Writer,
    checkpoint: models::engine::Checkpoint,
    outputs: Outputs,
    turn: Turn,
}

impl Partition {
    pub(super) fn new(number: i32, member: Member, writer: Writer, stored: Stored) -> Self {
        let Stored { next, view, turns, missed, heard } = stored;
        // What was never stored begins with a turn, which is to be stored.
        let changed = turns.is_empty();
        Self {
            number,
            member,
            writer: Some(writer),
            flushing: Flushed::default(),
            next,
            view,
            heard,
            turns,
            missed,
            changed,
            unflushed: 0,
            since: None,
            alerts: Vec::new(),
            counts: Counts::default(),
            rejected: Vec::new(),
        }
    }

    /// Its number.
    pub fn number(&self) -> i32 {
        self.number
    }

    /// The offset of the next record.
    pub fn next(&self) -> i64 {
        self.next
    }

    /// Whether a record was not taken yet; if so it counts as taken now.
    pub fn advance(&mut self, position: i64) -> bool {
        let new = position >= self.next;
        if new {
            self.next = position + 1;
            self.changed = true;
            self.unflushed += 1;
            self.since.get_or_insert_with(Instant::now);
        }
        new
    }

    /// Takes one event.
    pub fn handle(&mut self, input: Input<'_>, out: &mut Vec<Output>) {
        self.member.handle(input, out);
        for output in out.drain(..) {
            match output {
                Output::Assessed(assessment) => self.counts.judged(assessment.outcome),
                Output::Alert(alert) => {
                    // Only its newest form is told, at the place of its last change.
                    self.alerts.retain(|(id, _)| *id != alert.id);
                    self.alerts.push((alert.id.clone(), alert));
                }
                // Members grant nothing: they ask the fleet.
                Output::Revocation(_) => {}
            }
        }
    }

    /// Its member, to be looked at.
    pub fn member(&self) -> &Member {
        &self.member
    }

    /// Whether there is something to store, or to learn of the fleet before the next event.
    pub fn is_changed(&self, log: &Log) -> bool {
        self.changed || !self.missed.is_empty() || self.is_behind(log)
    }

    /// Whether a flush is under way.
    pub fn is_flushing(&self) -> bool {
        self.writer.is_none()
    }

    /// Whether it is time to flush. Whoever has nothing to store still wants to know what others have learned.
    pub fn is_due(&self, log: &Log, nothing_waits: bool) -> bool {
        if self.is_flushing() {
            return false;
        }
        self.since.map_or_else(
            || self.is_changed(log),
            |since| {
                let full = self.unflushed >= FLUSH_EVENTS || since.elapsed() >= FLUSH_AFTER;
                nothing_waits || full || self.member.is_telling()
            },
        )
    }

    fn is_behind(&self, log: &Log) -> bool {
        let orders = log.recent().orders(self.heard, log.at()).next().is_some();
        orders || log.view().is_news_to(&self.view)
    }

    /// Everything since the last flush, with what has been heard of the fleet meanwhile.
    pub fn flush(&mut self, log: &Log) -> Option<Flush> {
        let writer = self.writer.take()?;
        let mut outputs = Outputs::default();
        for (_, alert) in self.alerts.drain(..) {
            outputs.alert(&alert);
        }
        outputs.report(&self.member.take_reports());
        let missed = std::mem::take(&mut self.missed);
        self.view = log.view();
        self.member.turn(&self.view, missed.iter().chain(log.recent().orders(self.heard, log.at())));
        self.heard = log.at();
        self.changed = false;
        (self.unflushed, self.since) = (0, None);
        self.flushing = Flushed { counts: std::mem::take(&mut self.counts), next: self.next };
        let turn = Turn { next: self.next, fleet: self.heard };
        let mut checkpoint = self.member.checkpoint();
        if self.turns.is_empty() || self.turns.back().is_some_and(|last| last.fleet != turn.fleet) {
            if self.turns.back().is_some_and(|last| last.next == turn.next) {
                self.turns.pop_back();
            }
            self.turns.push_back(turn);
            checkpoint.put.push(wire::turn_blob(turn));
            if self.turns.len() > TURNS {
                let oldest = self.turns.pop_front().map(|oldest| wire::turn_blob(oldest).0);
                checkpoint.delete.extend(oldest);
            }
        }
        Some(Flush { number: self.number, writer, checkpoint, outputs, turn })
    }

    /// A flush has come back; what is durable now.
    pub fn flushed(&mut self, writer: Writer) -> Flushed {
        self.writer = Some(writer);
        std::mem::take(&mut self.flushing)
    }
}

impl Flush {
    /// Which partition it is of.
    pub fn number(&self) -> i32 {
        self.number
    }

    /// Writes it, and tells what is to be told.
    ///
    /// # Errors
    /// When it is not known to be committed and told: then the partition must be claimed again.
    pub async fn write(self, clients: &Clients) -> Result<Writer, FleetError> {
        let Self { number, writer, checkpoint, outputs, turn } = self;
        let topic = clients.topic(Topic::Changelog);
        let (records, writing) = writer.flush(checkpoint, outputs.encode(), turn);
        let records: Vec<Put> =
            records.into_iter().map(|record| Put { key: record.key, value: record.value }).collect();
        let offsets = clients.write(&topic, Some(number), &records).await?;
        let (marker, marking) = writing.written(&offsets)?;
        let marker = [Put { key: marker.key, value: marker.value }];
        let offsets = clients.write(&topic, Some(number), &marker).await?;
        let committed = marking.written(offsets.first().copied().unwrap_or(-1))?;
        tell(clients, number, &outputs).await?;
        Ok(committed.told())
    }
}
