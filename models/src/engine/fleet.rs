//! What the engines of many partitions share: score tables and peer groups, brake and ledger, what people decided.
//!
//! It is a state machine over one totally ordered log. Members append reports, people append orders; whoever reads the log from
//! the same start arrives at the same state, to the byte. So every process keeps its own copy, none has to be asked, and none can
//! be lost. A copy can start from the image of another one at the same offset.

mod entry;
mod grouping;
mod pieces;
mod view;

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::entry::{Entry, EntryError, Order, Report};
pub(super) use self::entry::{Lessons, Said};
use self::grouping::Grouping;
pub(super) use self::grouping::Round;
pub use self::pieces::Piece;
use self::pieces::Pieces;
pub use self::view::View;
use super::governor::Governor;
use super::respond::{Answer, Authority, Proposal, is_stale};
use super::{EPOCH_EVENTS, EPOCH_SECONDS, Output, RestoreError, SHARED_DECAY_EVERY, SHARED_HALF_LIFE};
use crate::calibration::{Pending, Snapshot};
use crate::config::CheckedConfig;
use crate::decision::Withheld;
use crate::event::Timestamp;
use crate::fingerprint::{Fingerprinter, Kind};
use crate::sorted::SortedMap;
use crate::view::EngineView;

/// Format of entries and images. Raise it with every change of a stored struct.
const FORMAT: u8 = 1;
/// Refusals remembered, for the alerts that they belong to.
const REFUSED: usize = 256;

/// The state that the log brings about.
#[derive(Debug)]
pub struct Fleet {
    config: CheckedConfig,
    fingerprinter: Fingerprinter,
    state: State,
    view: View,
}

/// The part of it that members do not see.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    governor: Governor,
    /// Learned and not published yet, by partition in the order of the log.
    news: SortedMap<Vec<Pending>>,
    /// Identities in the brake's window, by partition.
    active: SortedMap<u64>,
    grouping: Grouping,
    pieces: Pieces,
    events: u64,
    epoch: i64,
    latest: Timestamp,
    last_decay: Timestamp,
    identity_days: f64,
}

/// A check of the key, the state, and what members see and does not follow from it: snapshot, last reports heard, refusals.
type Image = (u64, State, Snapshot, SortedMap<u64>, VecDeque<(u64, Withheld)>);

impl Fleet {
    /// The state before the first entry.
    pub fn new(config: CheckedConfig) -> Self {
        Self {
            fingerprinter: Fingerprinter::new(config.key()),
            config,
            state: State {
                governor: Governor::default(),
                news: SortedMap::default(),
                active: SortedMap::default(),
                grouping: Grouping::default(),
                pieces: Pieces::default(),
                events: 0,
                epoch: i64::MIN,
                latest: Timestamp::EPOCH,
                last_decay: Timestamp::EPOCH,
                identity_days: 0.0,
            },
            view: View::default(),
        }
    }

    /// Takes the next entry of the log, and appends what follows from it to `out`: revocations that are granted, and the alert
    /// that the brake has opened. A report that was taken before changes nothing. `appended` is the time that the log gives the
    /// entry: what was proposed on events of long ago, as while catching up, is not acted upon.
    pub fn take(&mut self, entry: Entry, appended: Timestamp, out: &mut Vec<Output>) {
        if let Some((partition, number, _)) = entry.origin()
            && self.view.heard(partition).is_some_and(|heard| number <= heard)
        {
            return;
        }
        match entry {
            Entry::Report(report) => self.report(report, appended, out),
            Entry::Piece(piece) => {
                if let Some(report) = self.state.pieces.take(piece) {
                    self.report(report, appended, out);
                }
            }
            Entry::Order(Order::Verdict { alert, verdict, .. }) => self.state.governor.settle(&alert, verdict),
            Entry::Order(Order::ReleaseBrake { .. }) => self.state.governor.release_brake(),
        }
    }

    fn report(&mut self, report: Report, appended: Timestamp, out: &mut Vec<Output>) {
        let Report { partition, number, said } = report;
        *Arc::make_mut(&mut self.view.heard).entry(u64::from(partition)) = number;
        match said {
            Said::Opened { alert, time } => self.state.governor.opened(&alert, time),
            Said::Proposal { proposal, active } => {
                *self.state.active.entry(u64::from(partition)) = active;
                self.rule(&proposal, appended, out);
            }
            Said::Lessons(lessons) => {
                *self.state.active.entry(u64::from(partition)) = lessons.active;
                self.learn(partition, *lessons);
            }
            Said::Sample { round, sample } => self.state.grouping.sample(partition, round, sample),
            Said::Habits { round, tenant, number, habits } => {
                self.state.grouping.habits(round, (tenant, number), *habits);
            }
            Said::Grouped { round } => {
                if self.state.grouping.grouped(partition, round, &self.state.active) {
                    let snapshot = Arc::make_mut(&mut self.view.snapshot);
                    self.state.grouping.take_effect(snapshot, &self.fingerprinter);
                    snapshot.version += 1;
                }
            }
        }
    }

    fn rule(&mut self, proposal: &Proposal, appended: Timestamp, out: &mut Vec<Output>) {
        if self.state.governor.requested(proposal.subject) {
            return;
        }
        let active = self.state.active.iter().map(|(_, active)| active).sum();
        let settings = self.config.settings();
        let answer = if is_stale(proposal.time, appended, settings) {
            Answer::Withheld(Withheld::Stale)
        } else {
            self.state.governor.rule(proposal, active, &self.fingerprinter, settings, out)
        };
        let refused = Arc::make_mut(&mut self.view.refused);
        refused.retain(|(subject, _)| *subject != proposal.subject);
        match answer {
            Answer::Granted => self.view.watched = Arc::new(self.state.governor.watched.clone()),
            Answer::Withheld(why) => {
                refused.push_front((proposal.subject, why));
                refused.truncate(REFUSED);
            }
            Answer::Asked => {}
        }
    }

    fn learn(&mut self, partition: u32, lessons: Lessons) {
        for (day, count) in lessons.acted {
            self.state.governor.promise.acted_on(day, count);
        }
        self.state.identity_days += lessons.identity_days;
        self.state.events += lessons.events;
        self.state.latest = self.state.latest.max(lessons.time);
        self.state.news.entry(u64::from(partition)).extend(lessons.learned);
        let epoch = self.state.latest.as_seconds().div_euclid(EPOCH_SECONDS);
        // As often by event as in an engine that is alone, which makes the tables once for so many events.
        let partitions = self.state.active.len().max(1) as u64;
        if epoch > self.state.epoch || self.state.events >= EPOCH_EVENTS.saturating_mul(partitions) {
            self.state.epoch = epoch;
            self.publish();
        }
    }

    fn publish(&mut self) {
        let Self { config, fingerprinter, state, view } = self;
        state.events = 0;
        let snapshot = Arc::make_mut(&mut view.snapshot);
        // Before what has been learned since.
        state.grouping.take_effect(snapshot, fingerprinter);
        for (_, news) in std::mem::take(&mut state.news).into_entries() {
            for news in &news {
                snapshot.learn(news);
            }
        }
        let passed = state.latest.seconds_since(state.last_decay);
        if passed > SHARED_DECAY_EVERY {
            if state.last_decay != Timestamp::EPOCH {
                snapshot.decay((-passed / SHARED_HALF_LIFE).exp2());
            }
            state.last_decay = state.latest;
        }
        if state.grouping.is_due(state.latest, state.epoch, &state.active) {
            state.grouping.regroup(state.latest, snapshot, fingerprinter);
            view.round = state.grouping.round;
        }
        snapshot.publish(config.settings().budget.false_alerts_per_1000_identity_days / 1e3);
        state.governor.fill(state.identity_days, config.settings());
    }

    /// What members may know now.
    pub fn view(&self) -> View {
        self.view.clone()
    }

    /// The fleet as a whole, as far as these members know of identities.
    pub fn engine_view(&self, members: impl IntoIterator<Item = EngineView>) -> EngineView {
        let settings = self.config.settings();
        let (budget, promise) = (settings.budget, &self.state.governor.promise);
        let days = self.state.identity_days;
        let mut whole = EngineView {
            identities: 0,
            mature: 0,
            event_time: self.state.latest,
            snapshot: self.view.snapshot.version,
            ranked_sessions: self.view.snapshot.ranked_sessions(),
            mode: settings.mode,
            promised_alerts_per_1000_identity_days: budget.false_alerts_per_1000_identity_days,
            alerts_per_1000_identity_days: (days >= 1.0).then(|| self.state.governor.alerts_opened as f64 / days * 1e3),
            alert_promise: promise.alerts(budget.false_alerts_per_1000_identity_days),
            revocation_promise: promise.revocations(budget.false_revocations_per_million_identity_days),
            ledger: self.state.governor.ledger(),
            brake_open: self.state.governor.brake_open(),
            bytes: 0,
        };
        for member in members {
            whole.identities += member.identities;
            whole.mature += member.mature;
            whole.event_time = whole.event_time.max(member.event_time);
            whole.bytes += member.bytes;
        }
        whole
    }

    /// The whole state: the same bytes wherever the same log was read.
    pub fn image(&self) -> Vec<u8> {
        let View { snapshot, heard, refused, .. } = &self.view;
        let image = (self.key_check(), &self.state, &**snapshot, &**heard, &**refused);
        postcard::to_extend(&image, vec![FORMAT]).unwrap_or_default()
    }

    fn key_check(&self) -> u64 {
        self.fingerprinter.of(Kind::State, &["check"])
    }

    /// The state of an image.
    ///
    /// # Errors
    /// When it was written by another format or key, or is damaged.
    pub fn restore(config: CheckedConfig, image: &[u8]) -> Result<Self, RestoreError> {
        let damaged = || RestoreError::Damaged("image of the fleet".to_owned());
        let (format, rest) = image.split_first().ok_or_else(damaged)?;
        if *format != FORMAT {
            return Err(RestoreError::Format { found: u32::from(*format), expected: u32::from(FORMAT) });
        }
        let (key_check, state, snapshot, heard, refused): Image = postcard::from_bytes(rest).map_err(|_| damaged())?;
        let fleet = Self::new(config);
        if key_check != fleet.key_check() {
            return Err(RestoreError::Key);
        }
        let view = View {
            snapshot: Arc::new(snapshot),
            watched: Arc::new(state.governor.watched.clone()),
            refused: Arc::new(refused),
            heard: Arc::new(heard),
            round: state.grouping.round,
        };
        Ok(Self { state, view, ..fleet })
    }
}
