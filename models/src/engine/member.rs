//! A part of a fleet: an engine that owns the identities of one partition of the stream, learns them by itself, and shares the
//! rest with the engines of the other partitions through the fleet's log ([`super::fleet`]).
//!
//! What a member does is a pure function of its partition's events and of its turns: at which event it came to know how much of
//! the fleet's log. So a crash, another machine and a second run over both logs give the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fleet::{Entry, Lessons, Order, Report, Round, Said, View};
use super::governor::Activity;
use super::promise::day_of;
use super::respond::{Answer, Authority, Proposal, beyond_grace};
use super::{Checkpoint, Engine, Input, Output, RestoreError};
use crate::alert::{Alert, AlertId};
use crate::config::{CheckedConfig, EngineConfig};
use crate::decision::RevocationId;
use crate::event::Timestamp;
use crate::fingerprint::Fingerprinter;
use crate::peers::{Habits, Sample};
use crate::view::{EngineView, IdentityView};

/// Used credentials and notices remembered, so that each is told once.
const TOLD: usize = 4096;

/// What a member knows of the fleet and has to tell it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Membership {
    pub partition: u32,
    /// Number of the next report: never used twice.
    next: u64,
    /// Proposals that the fleet has not heard yet: by subject, the number of the report.
    asked: BTreeMap<u64, u64>,
    /// Revocations whose credential was used afterwards, and notices for peer groups, that have been told.
    told: BTreeSet<Box<str>>,
    pub activity: Activity,
    /// Identity-days since the last lessons, by day.
    acted: BTreeMap<i64, u32>,
    /// Identity-days in all, when the last lessons were told.
    identity_days: f64,
    /// Rounds of grouping for which it has told a sample.
    sampled: u64,
    /// The round that its identities are grouped by.
    grouped: u64,
    /// Not told yet. Empty whenever a checkpoint is taken.
    #[serde(skip)]
    reports: Vec<Report>,
    #[serde(skip)]
    view: View,
}

impl Membership {
    fn say(&mut self, said: Said) -> u64 {
        let number = self.next;
        self.next += 1;
        self.reports.push(Report { partition: self.partition, number, said });
        number
    }

    fn tell_once(&mut self, what: &str) -> bool {
        if self.told.len() >= TOLD {
            self.told.clear();
        }
        self.told.insert(what.into())
    }

    /// The round whose successor is to be told a sample of identities: once.
    pub(super) fn round_to_sample(&mut self, now: Timestamp) -> Option<u64> {
        let Round { number, .. } = self.view.round;
        let due = self.sampled <= number && self.view.round.is_over(now);
        due.then(|| {
            self.sampled = number + 1;
            number
        })
    }

    /// Tells the fleet what some identities do.
    pub(super) fn tell_sample(&mut self, round: u64, sample: Sample) {
        self.say(Said::Sample { round, sample });
    }

    /// Tells the fleet what the members of each group do.
    fn tell_groups(&mut self, groups: BTreeMap<(u64, u32), Habits>) {
        let round = self.view.round.number;
        self.grouped = round;
        for ((tenant, number), mut habits) in groups {
            habits.trim();
            self.say(Said::Habits { round, tenant, number, habits: Box::new(habits) });
        }
        self.say(Said::Grouped { round });
    }

    /// Tells the fleet what has been learned.
    pub(super) fn teach(&mut self, learned: Vec<crate::calibration::Pending>, events: u64, time: Timestamp, days: f64) {
        let identity_days = days - std::mem::replace(&mut self.identity_days, days);
        let acted = std::mem::take(&mut self.acted).into_iter().collect();
        let active = self.activity.identities();
        self.say(Said::Lessons(Box::new(Lessons { learned, events, time, identity_days, acted, active })));
    }
}

impl Authority for Membership {
    fn acted(&mut self, time: Timestamp, settings: &EngineConfig, last_seen: Option<Timestamp>, first_of_day: bool) {
        self.activity.acted(time, settings, last_seen);
        if first_of_day {
            *self.acted.entry(day_of(time)).or_default() += 1;
        }
    }

    fn opened(&mut self, alert: &AlertId, time: Timestamp) {
        self.say(Said::Opened { alert: alert.clone(), time });
    }

    fn heard(&self, subject: u64, alert: &mut Alert) {
        if let Some(granted) = self.view.watched.get(&subject).filter(|granted| granted.alert == alert.id) {
            alert.grant(&granted.revocation);
        } else if let Some((_, why)) = self.view.refused.iter().find(|(refused, _)| *refused == subject) {
            alert.withheld = Some(*why);
        }
    }

    fn requested(&self, subject: u64) -> bool {
        self.view.watched.contains_key(&subject) || self.asked.contains_key(&subject)
    }

    fn ask(
        &mut self,
        proposal: &Proposal,
        _fingerprinter: &Fingerprinter,
        _settings: &EngineConfig,
        _out: &mut Vec<Output>,
    ) -> Answer {
        let active = self.activity.identities();
        let number = self.say(Said::Proposal { proposal: Box::new(proposal.clone()), active });
        self.asked.insert(proposal.subject, number);
        Answer::Asked
    }

    fn watches(&self) -> bool {
        !self.view.watched.is_empty()
    }

    fn used_after(&mut self, credential: u64, time: Timestamp) -> Option<RevocationId> {
        let watched = self.view.watched.get(&credential).filter(|watched| beyond_grace(watched.requested, time))?;
        let revocation = watched.revocation.clone();
        self.tell_once(&revocation.0).then_some(revocation)
    }

    fn first_notice(&mut self, notice: &AlertId) -> bool {
        self.tell_once(&notice.0)
    }
}

/// The engine of one partition.
#[derive(Debug)]
pub struct Member(Engine);

impl Member {
    /// A member that knows nothing of its own identities, and of the fleet what `view` says.
    pub fn new(config: CheckedConfig, partition: u32, view: &View) -> Self {
        let mut engine = Engine::new(config);
        engine.member = Some(Box::new(Membership { partition, ..Membership::default() }));
        let mut member = Self(engine);
        member.look(view);
        member
    }

    /// The member that a partition had: for every key the newest blob of its checkpoints, in any order, and the view of its last
    /// turn. No blob at all is a member that knows nothing.
    ///
    /// # Errors
    /// When the state was written by another format or key, for another partition, or is damaged.
    pub fn restore(
        config: CheckedConfig,
        partition: u32,
        view: &View,
        blobs: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    ) -> Result<Self, RestoreError> {
        let blobs: Vec<_> = blobs.into_iter().collect();
        if blobs.is_empty() {
            return Ok(Self::new(config, partition, view));
        }
        let engine = Engine::restore(config, blobs)?;
        if engine.member.as_ref().map(|member| member.partition) != Some(partition) {
            return Err(RestoreError::Partition(partition));
        }
        let mut member = Self(engine);
        member.look(view);
        Ok(member)
    }

    fn look(&mut self, view: &View) {
        if let Some(member) = &mut self.0.member {
            let heard = view.heard(member.partition);
            member.asked.retain(|_, number| heard.is_none_or(|heard| heard < *number));
            member.view = view.clone();
        }
        self.0.snapshot = Arc::clone(&view.snapshot);
    }

    /// Comes to know the fleet's log up to where `view` was taken. `orders`: the entries in between that people made.
    pub fn turn<'a>(&mut self, view: &View, orders: impl IntoIterator<Item = &'a Order>) {
        for order in orders {
            if let Order::Verdict { alert, tenant, identity, verdict, .. } = order {
                self.0.handle(Input::Verdict { alert, tenant, identity, verdict: *verdict }, &mut Vec::new());
            }
        }
        self.look(view);
    }

    /// Takes one event of its partition, or a tick, and appends what follows from it to `out`.
    pub fn handle(&mut self, input: Input<'_>, out: &mut Vec<Output>) {
        // Not at the turn itself: of turns without an event in between only the last is remembered, and must be enough.
        let new_groups = self.0.member.as_ref().is_some_and(|member| member.grouped != member.view.round.number);
        if new_groups && matches!(input, Input::Event { .. }) {
            let groups = self.0.assign();
            if let Some(member) = &mut self.0.member {
                member.tell_groups(groups);
            }
        }
        self.0.handle(input, out);
    }

    /// What the fleet is to be told since the last call, in order. To be stored with the checkpoint that follows, and then
    /// written to the fleet's log: a report that is told twice is heard once.
    pub fn take_reports(&mut self) -> Vec<Entry> {
        let reports = self.0.member.as_mut().map(|member| std::mem::take(&mut member.reports)).unwrap_or_default();
        reports.into_iter().flat_map(Report::into_entries).collect()
    }

    /// Whether somebody waits for what it has to tell: it asks for leave to revoke, or an alert was opened.
    pub fn is_telling(&self) -> bool {
        let reports = self.0.member.iter().flat_map(|member| &member.reports);
        reports.into_iter().any(|report| matches!(report.said, Said::Proposal { .. } | Said::Opened { .. }))
    }

    /// Everything that changed since the last call.
    pub fn checkpoint(&mut self) -> Checkpoint {
        self.0.checkpoint()
    }

    /// What is known of one identity; `None` if it has no baseline here.
    pub fn identity(&self, tenant: &str, identity: &str) -> Option<IdentityView> {
        self.0.identity(tenant, identity)
    }

    /// The identities of this partition; what the whole fleet shares is told by [`super::Fleet::engine_view`].
    pub fn view(&self) -> EngineView {
        self.0.view()
    }
}
