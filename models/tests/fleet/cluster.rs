//! Members of one process or of several, and the fleet's log between them.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a story that cannot be told fails")]

use std::collections::BTreeMap;

use super::{AGENTS, DAYS, history};
use models::alert::Alert;
use models::assessment::Assessment;
use models::config::EngineConfig;
use models::decision::Revocation;
use models::engine::{Entry, Fleet, Input, Member, Order, Output, Phase, Trust, View};
use models::event::{Event, Timestamp};

pub const PARTITIONS: usize = 3;
/// When the log took every entry: nothing is stale.
pub const APPENDED: Timestamp = Timestamp::EPOCH;

pub fn partition_of(event: &Event) -> usize {
    event.identity.bytes().map(usize::from).sum::<usize>() % PARTITIONS
}

/// What one flush of a member left behind: state, and how much of the fleet's log was known from there on.
#[derive(Clone, Default)]
pub struct Stored {
    pub blobs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub known: usize,
}

/// All that is told, in the order of telling.
#[derive(Default, PartialEq, Debug, Clone)]
pub struct Told {
    pub alerts: Vec<Alert>,
    pub reports: Vec<Vec<u8>>,
}

pub struct Part {
    pub member: Member,
    known: usize,
    pub stored: Stored,
    pub told: Told,
}

/// Members of one process or of several, and the log between them.
pub struct Cluster {
    pub config: EngineConfig,
    pub parts: Vec<Part>,
    pub log: Vec<Vec<u8>>,
    pub fleet: Fleet,
    heard: usize,
    pub appended: Timestamp,
    pub alerts: Vec<Alert>,
    pub revocations: Vec<Revocation>,
}

impl Cluster {
    pub fn new(config: EngineConfig) -> Self {
        Self::of(config, PARTITIONS)
    }

    pub fn of(config: EngineConfig, partitions: usize) -> Self {
        let checked = || config.clone().check().expect("valid");
        let part = |n| Part {
            member: Member::new(checked(), n, &View::default()),
            known: 0,
            stored: Stored::default(),
            told: Told::default(),
        };
        Self {
            parts: (0..partitions as u32).map(part).collect(),
            log: Vec::new(),
            fleet: Fleet::new(checked()),
            heard: 0,
            appended: APPENDED,
            alerts: Vec::new(),
            revocations: Vec::new(),
            config,
        }
    }

    /// The partition of an event; there may be fewer.
    fn partition_of(&self, event: &Event) -> usize {
        partition_of(event) % self.parts.len()
    }

    /// Takes one event in its partition.
    pub fn event(&mut self, event: &Event, phase: Phase) -> Assessment {
        let partition = self.partition_of(event);
        let input = Input::Event { event, trust: Trust::Revoke, arrival: None, phase, partition: partition as u32 };
        let mut out = Vec::new();
        let part = &mut self.parts[partition];
        part.member.handle(input, &mut out);
        let mut assessed = None;
        for output in out {
            match output {
                Output::Assessed(assessment) => assessed = Some(assessment),
                Output::Alert(alert) => part.told.alerts.push(*alert),
                Output::Revocation(_) => panic!("a member grants nothing"),
            }
        }
        assessed.expect("one")
    }

    /// Stores a member, tells its reports, and lets it know the log.
    pub fn flush(&mut self, partition: usize) {
        let reports: Vec<_> = self.parts[partition].member.take_reports().iter().map(Entry::encode).collect();
        self.log.extend(reports.iter().cloned());
        self.listen();
        let part = &mut self.parts[partition];
        part.told.reports.extend(reports);
        let orders: Vec<Order> = self.log[part.known..]
            .iter()
            .filter_map(|entry| match Entry::decode(entry) {
                Ok(Entry::Order(order)) => Some(order),
                _ => None,
            })
            .collect();
        part.known = self.log.len();
        part.member.turn(&self.fleet.view(), &orders);
        let checkpoint = part.member.checkpoint();
        part.stored.blobs.extend(checkpoint.put);
        for key in checkpoint.delete {
            part.stored.blobs.remove(&key);
        }
        part.stored.known = part.known;
    }

    fn listen(&mut self) {
        let (mut out, appended) = (Vec::new(), self.appended);
        for entry in &self.log[self.heard..] {
            self.fleet.take(Entry::decode(entry).expect("readable"), appended, &mut out);
        }
        self.heard = self.log.len();
        for output in out {
            match output {
                Output::Alert(alert) => self.alerts.push(*alert),
                Output::Revocation(revocation) => self.revocations.push(*revocation),
                Output::Assessed(_) => panic!("the fleet assesses nothing"),
            }
        }
    }

    pub fn order(&mut self, order: Order) {
        self.log.push(Entry::Order(order).encode());
        self.listen();
    }

    /// What anybody knows who has read so much of the log.
    fn view(&self, known: usize) -> View {
        let mut fleet = Fleet::new(self.config.clone().check().expect("valid"));
        for entry in &self.log[..known] {
            fleet.take(Entry::decode(entry).expect("readable"), APPENDED, &mut Vec::new());
        }
        fleet.view()
    }

    /// Another process takes a partition over from what was stored.
    pub fn hand_over(&mut self, partition: usize) {
        let view = self.view(self.parts[partition].stored.known);
        let part = &mut self.parts[partition];
        let checked = self.config.clone().check().expect("valid");
        part.member = Member::restore(checked, partition as u32, &view, part.stored.blobs.clone()).expect("restored");
        part.known = part.stored.known;
    }

    /// These events, with a flush after every `every` of a partition.
    pub fn play(&mut self, events: &[Event], phase: Phase, every: usize, after: impl FnMut(&mut Self, usize)) {
        self.play_by(events, |_| phase, every, after);
    }

    pub fn play_by(
        &mut self,
        events: &[Event],
        phase: impl Fn(&Event) -> Phase,
        every: usize,
        mut after: impl FnMut(&mut Self, usize),
    ) {
        let mut counts = vec![0_usize; self.parts.len()];
        for event in events {
            self.event(event, phase(event));
            let partition = self.partition_of(event);
            counts[partition] += 1;
            if counts[partition].is_multiple_of(every) {
                self.flush(partition);
                after(self, partition);
            }
        }
        self.flush_all();
        // What was proposed last is known to all.
        self.flush_all();
    }

    pub fn flush_all(&mut self) {
        (0..self.parts.len()).for_each(|partition| self.flush(partition));
    }

    pub fn learned(config: EngineConfig) -> Self {
        let mut cluster = Self::new(config);
        cluster.play(&history("default", AGENTS, DAYS), Phase::Warmup, 200, |_, _| ());
        cluster
    }

    pub fn newest(&self, partition: usize) -> &Alert {
        self.parts[partition].told.alerts.last().expect("an alert")
    }
}
