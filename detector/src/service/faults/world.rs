//! One process, its disk, its sources and its receivers, and the dice that move them.

mod checks;
mod lanes;

use models::alert::AlertId;
use models::config::CheckedConfig;
use models::decision::Verdict;
use models::engine::{Engine, Input, Phase};
use models::event::Timestamp;

use super::disk::{Disk, Fate, Found, Image};
use super::fleet::{self, Dice};
use super::input::{self, PARTITIONS};
use super::oracle::{Oracle, Told};
use super::receivers::{Mood, Receiver};
use super::tally::{Fault, Tally};
use crate::config::Config;
use crate::outbox::dispatch::Dispatch;
use crate::outcome::Counts;
use crate::service::intake::Intake;
use crate::source::{Batch, Item, Lease};
use crate::store::commit::{Act, Pending, Ruling};
use crate::store::{Blobs, Positions};
use crate::telemetry::Telemetry;
use crate::webhook::Endpoint;

/// Steps until the end of a story, at least; it goes on until all input is taken.
const STEPS: u32 = 110;

/// What all seeds begin with: a database with some history in it.
pub(super) struct Base {
    config: CheckedConfig,
    endpoints: Vec<Endpoint>,
    image: Image,
    blobs: Blobs,
}

impl Base {
    pub(super) fn new() -> Self {
        let config = input::settings().check().expect("valid");
        let webhook = |name: &str| {
            format!(
                "[[webhook]]\nname = '{name}'\nurl = 'http://127.0.0.1:1/'\nsecret = 'whsec_{}'\nallow_private = ['127.0.0.0/8']\n",
                "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
            )
        };
        let webhooks: String = ["first", "second", "third"].map(webhook).concat();
        let endpoints = Config::parse(&webhooks).expect("valid").webhooks;
        let mut engine = Engine::new(config.clone());
        let history = fleet::history("default", input::AGENTS, input::DAYS);
        fleet::feed(&mut engine, &history, Phase::Warmup);
        engine.publish(&mut Vec::new());
        let pending = Pending { state: engine.checkpoint(), ..Pending::default() };
        let mut blobs = Blobs::new();
        let image = Disk::format(|store| {
            store.write(|tx| pending.write(tx, &[], 0)).expect("written");
            blobs = store.state().expect("read");
        });
        Self { config, endpoints, image, blobs }
    }
}

/// One endpoint: what the process knows of it, what is under way, and who is at the other end.
struct Lane {
    endpoint: Endpoint,
    dispatch: Dispatch,
    /// Ids and bodies.
    flights: Vec<(String, String)>,
    receiver: Receiver,
}

pub(super) struct World<'a> {
    base: &'a Base,
    seed: u64,
    dice: Dice,
    disk: Disk,
    intake: Intake,
    telemetry: Telemetry,
    lanes: Vec<Lane>,
    clock: i64,
    partitions: [Vec<Item>; PARTITIONS],
    oracle: Oracle,
    /// What was told to the engine since the last commit, and how far that goes.
    told: Vec<Told>,
    taken: [usize; PARTITIONS],
    /// Whether a commit has failed, so that nothing more is taken.
    stuck: bool,
    tally: Tally,
    trace: Vec<String>,
}

/// A story that fails says how to hear it again.
impl Drop for World<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let steps = self.trace.join("\n");
            eprintln!("{steps}\n\nFAULT_SEED={} cargo test -p detector --lib service::faults", self.seed);
        }
    }
}

fn restored(base: &Base, disk: &Disk) -> Intake {
    let blobs = disk.store().state().expect("readable");
    let engine = Engine::restore(base.config.clone(), blobs).expect("what was committed can be restored");
    Intake::new(engine, disk.store().positions().expect("readable"))
}

impl<'a> World<'a> {
    pub(super) fn new(base: &'a Base, seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let partitions = input::partitions(&mut dice);
        let disk = Disk::new(&base.image, dice.below(1 << 30));
        let lane = |endpoint: &Endpoint| Lane {
            endpoint: endpoint.clone(),
            dispatch: Dispatch::default(),
            flights: Vec::new(),
            receiver: Receiver::new(),
        };
        Self {
            base,
            seed,
            intake: restored(base, &disk),
            disk,
            telemetry: Telemetry::new(Counts::default()),
            lanes: base.endpoints.iter().map(lane).collect(),
            clock: partitions.iter().flatten().map(|item| item.received_at).min().unwrap_or(0),
            partitions,
            oracle: Oracle::new(base.config.clone(), base.blobs.clone()),
            told: Vec::new(),
            taken: [0; PARTITIONS],
            stuck: false,
            tally: Tally::default(),
            trace: Vec::new(),
            dice,
        }
    }

    pub(super) fn tally(&self) -> Tally {
        let mut tally = self.tally.clone();
        tally.add(&self.disk.tally.borrow());
        tally
    }

    pub(super) fn revocations(&self) -> u64 {
        self.oracle.revocations()
    }

    pub(super) fn deliveries(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.receiver.got.len() as u64).sum()
    }

    fn note(&mut self, step: impl Into<String>) {
        self.trace.push(format!("{} {}", self.clock, step.into()));
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock)
    }

    fn is_read(&self) -> bool {
        self.told.is_empty() && (0..PARTITIONS).all(|at| self.taken[at] == self.partitions[at].len())
    }

    /// Everything that the dice want.
    pub(super) fn run(&mut self) {
        let mut steps = 0;
        while steps < STEPS || !self.is_read() {
            steps += 1;
            self.step();
            if self.disk.is_dead() {
                self.crash();
            }
        }
    }

    fn step(&mut self) {
        let lane = self.dice.below(self.lanes.len() as u64) as usize;
        // Used up by the next transaction, if this step has one.
        let fate = self.fate();
        self.disk.fate.set(fate);
        match self.dice.below(100) {
            0..26 => self.offer(),
            26..46 => self.commit(),
            46..62 => drop(self.fill(lane)),
            62..80 => self.land(lane),
            80..84 => {
                let pause = [10, 1_000, 30_000, 300_000][self.dice.below(4) as usize];
                self.clock += pause;
                self.note(format!("{pause} ms pass"));
            }
            84..86 => self.tick(),
            86..88 => self.order(),
            88..91 => self.answer(lane),
            91..95 => {
                self.lanes[lane].receiver.change(&mut self.dice);
                let mood = self.lanes[lane].receiver.mood;
                self.note(format!("receiver {lane} is {mood:?}"));
            }
            95..97 => {
                let pages = (!self.disk.is_full()).then(|| self.dice.below(3) as u32);
                self.disk.leave(pages);
                self.note(format!("room on the disk: {pages:?}"));
            }
            97 => self.crash(),
            98 => self.redeliver(),
            _ => self.sweep(),
        }
        self.disk.fate.take();
    }

    fn fate(&mut self) -> Fate {
        match self.dice.below(40) {
            0 | 1 => Fate::Refused,
            2 | 3 => Fate::Unsynced,
            4..8 => Fate::Torn,
            _ => Fate::Done,
        }
    }

    /// A source hands over what comes next.
    fn offer(&mut self) {
        let open: Vec<usize> = (0..PARTITIONS).filter(|at| self.taken[*at] < self.partitions[*at].len()).collect();
        if self.stuck || open.is_empty() {
            return;
        }
        // Mostly whatever came first.
        let first = open.iter().copied().min_by_key(|at| self.partitions[*at][self.taken[*at]].received_at);
        let any = open[self.dice.below(open.len() as u64) as usize];
        let at = if self.dice.below(5) == 0 { any } else { first.unwrap_or(any) };
        let from = self.taken[at];
        let until = (from + 1 + self.dice.below(16) as usize).min(self.partitions[at].len());
        self.take(at, from, until, Lease::default());
    }

    /// Read again from before, as after a rebalance; or what was read of a partition that is not ours any more.
    fn redeliver(&mut self) {
        if self.stuck {
            return;
        }
        let at = self.dice.below(PARTITIONS as u64) as usize;
        let from = self.taken[at].saturating_sub(self.dice.below(20) as usize);
        let until = (from + 10).min(self.partitions[at].len());
        let lease = Lease::default();
        if self.dice.below(2) == 0 {
            lease.revoke();
            self.tally.count(Fault::GivenAway);
        } else if from < self.taken[at] {
            self.tally.count(Fault::Redelivered);
        }
        self.take(at, from, until, lease);
    }

    fn take(&mut self, at: usize, from: usize, until: usize, lease: Lease) {
        let items = self.partitions[at][from..until].to_vec();
        let source = input::source();
        let partition = i32::try_from(at).expect("small");
        self.note(format!("partition {at}: {from} to {until}, ours: {}", lease.holds()));
        if lease.holds() {
            self.clock = items.iter().map(|item| item.received_at).fold(self.clock, i64::max);
            let new = items.iter().skip(self.taken[at].saturating_sub(from));
            self.told.extend(new.map(|item| Told::Item(source.clone(), partition, item.clone())));
            self.taken[at] = self.taken[at].max(until);
        }
        self.intake.take(Batch { source, partition, lease, items }, &self.telemetry);
    }

    fn tick(&mut self) {
        if !self.stuck {
            self.note("tick");
            self.told.push(Told::Tick(self.now()));
            self.intake.tick(self.now());
        }
    }

    /// A person settles an alert or closes the brake.
    fn order(&mut self) {
        if self.stuck {
            return;
        }
        let by = "ada".to_owned();
        let alerts = self.rows("SELECT id, tenant, identity FROM alerts ORDER BY id");
        if alerts.is_empty() || self.dice.below(3) == 0 {
            self.note("the brake is released");
            self.told.push(Told::Release);
            self.intake.rule(Input::ReleaseBrake, Ruling { by, at_ms: self.clock, act: Act::ReleaseBrake });
            return;
        }
        let [id, tenant, identity] = alerts[self.dice.below(alerts.len() as u64) as usize].clone();
        let alert = AlertId(id.as_str().into());
        let verdict = [Verdict::True, Verdict::BenignExpected, Verdict::False][self.dice.below(3) as usize];
        self.note(format!("{verdict:?} on {id}"));
        let act = Act::Verdict { alert: alert.clone(), verdict, note: None };
        let input = Input::Verdict { alert: &alert, tenant: &tenant, identity: &identity, verdict };
        self.intake.rule(input, Ruling { by, at_ms: self.clock, act });
        self.told.push(Told::Verdict { alert, tenant, identity, verdict });
    }

    fn commit(&mut self) {
        let committed = self.intake.commit(&self.disk, &self.base.endpoints, self.clock);
        match committed {
            Ok(None) => assert!(self.told.is_empty(), "nothing to commit, they say"),
            Ok(Some(_)) => {
                if std::mem::take(&mut self.stuck) {
                    self.tally.count(Fault::Retried);
                }
                self.note("committed");
                self.oracle.commit(self.told.drain(..));
                if self.dice.below(4) == 0 {
                    self.oracle.check(self.disk.store());
                }
            }
            Err(error) => {
                self.note(format!("not committed: {error}"));
                self.stuck = true;
            }
        }
    }

    /// The process dies, and another takes its place.
    fn crash(&mut self) {
        let in_flight = self.disk.is_in_doubt();
        for lane in &mut self.lanes {
            for (id, body) in std::mem::take(&mut lane.flights) {
                self.tally.count(Fault::CutOff);
                if self.dice.below(2) == 0 && matches!(lane.receiver.mood, Mood::Well | Mood::Mute) {
                    lane.receiver.receive(&id, &body);
                }
            }
            lane.dispatch = Dispatch::default();
        }
        let found = self.disk.crash();
        self.tally.count(match (in_flight, found) {
            (false, _) => Fault::Killed,
            (true, Found::Nothing) => Fault::FoundGone,
            (true, _) => Fault::FoundWhole,
        });
        self.note(format!("crash; of the transaction in flight: {found:?}"));
        if found == Found::Commit {
            self.oracle.commit(self.told.drain(..));
        }
        self.told.clear();
        self.stuck = false;
        self.oracle.check(self.disk.store());
        self.intake = restored(self.base, &self.disk);
        // Sources go on where the database says.
        let positions = self.disk.store().positions().expect("readable");
        self.taken = std::array::from_fn(|at| position(&positions, at));
        self.check_sent();
    }

    fn rows<const N: usize>(&self, sql: &str) -> Vec<[String; N]> {
        let read = |db: &rusqlite::Connection| {
            let mut select = db.prepare_cached(sql)?;
            let rows = select.query_map((), |row| {
                let mut columns = [const { String::new() }; N];
                for (at, column) in columns.iter_mut().enumerate() {
                    *column = row.get(at)?;
                }
                Ok(columns)
            })?;
            rows.collect()
        };
        self.disk.store().read(read).expect("readable")
    }
}

fn position(positions: &Positions, at: usize) -> usize {
    let key = (input::source(), i32::try_from(at).expect("small"));
    positions.get(&key).map_or(0, |next| usize::try_from(*next).expect("small"))
}
