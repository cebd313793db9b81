//! Partitions that crash anywhere between taking an event and telling what followed from it: whoever takes them over tells what
//! follows from the events and the turns that were committed, to the byte, and nothing else is ever told.
//!
//! One seed alone: `CRASH_SEED=7 cargo test -p models --test crashes`.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a story that cannot be told fails")]
#![allow(
    clippy::cast_possible_wrap,
    clippy::disallowed_methods,
    reason = "small offsets; one seed is chosen by the environment"
)]

mod fleet;

use std::collections::BTreeMap;

use fleet::{AGENTS, Dice, START, config, hijack, history, kinds};
use models::changelog::{Fold, PART_BYTES, Record, Restored, Turn, Writer};
use models::config::{Budget, CheckedConfig, EngineConfig, Span};
use models::engine::{Entry, Fleet, Input, Member, Order, Output, Phase, Trust, View};
use models::event::{Event, Timestamp};

const SEEDS: u64 = 1_000;
/// Every so many seeds there is another tenant whose identities are grouped by what they do, over a day and some hours. Nothing is
/// behind such a seed.
const WITH_KINDS: u64 = 100;
const PARTITIONS: usize = 2;
/// Events of a partition between two flushes, at most.
const FLUSH: u64 = 40;
/// Sessions of each agent that are behind every seed; three more, and two hijacks, are before it.
const CALM: i64 = 9;

fn checked() -> CheckedConfig {
    let budget = Budget {
        // A day is no history: with this budget much alerts.
        false_alerts_per_1000_identity_days: 4000.0,
        false_revocations_per_million_identity_days: 1e6,
    };
    // And what alerted when it was calm is over, so that a hijack is an alert of its own.
    EngineConfig { budget, mature_sessions: 5, episode_quiet: Span::seconds(1_800), ..config() }.check().expect("valid")
}

/// What all seeds begin with: topics with the calm part of the history, taken without a crash.
struct Calm {
    events: [Vec<Event>; PARTITIONS],
    changelog: [Vec<Record>; PARTITIONS],
    log: Vec<Vec<u8>>,
    alerts: [Vec<(String, String)>; PARTITIONS],
}

impl Calm {
    /// Topics with nothing but events.
    fn nothing(mut events: Vec<Event>) -> Self {
        events.extend(history("default", AGENTS, 1));
        events.sort_by(|a, b| a.time.cmp(&b.time).then(a.id.cmp(&b.id)));
        let mut partitions = [const { Vec::new() }; PARTITIONS];
        for event in events.into_iter().chain(hijack(3, 12)).chain(hijack(8, 12)) {
            partitions[event.identity.bytes().map(usize::from).sum::<usize>() % PARTITIONS].push(event);
        }
        Self {
            events: partitions,
            changelog: [const { Vec::new() }; PARTITIONS],
            log: Vec::new(),
            alerts: [const { Vec::new() }; PARTITIONS],
        }
    }

    fn with_kinds() -> Self {
        // Enough in each partition: one may be hours ahead of the other. A few of them go on to the next day.
        let few = kinds(2, 11..24).into_iter();
        let all = kinds(48, 0..11).into_iter().chain(few).filter(|event| !event.identity.starts_with("agent-2"));
        Self::nothing(all.map(|event| Event { tenant: "kinds".into(), ..event }).collect())
    }

    fn new() -> Self {
        let nothing = Self::nothing(Vec::new());
        let (mut world, mut dice) = (World::after(&nothing), Dice(0));
        for partition in 0..PARTITIONS {
            let owner = Owner::take_over(&mut world, partition, &mut dice, true);
            let mut owner = owner.unwrap_or_else(|Crashed| unreachable!("it is safe"));
            let over = Timestamp::from_seconds(START + CALM * 7200);
            while nothing.events[partition][owner.next].time < over {
                owner = owner.go_on(&mut world, &mut dice, true).unwrap_or_else(|Crashed| unreachable!("it is safe"));
            }
        }
        let World { changelog, log, alerts, .. } = world;
        Self { changelog, log, alerts, ..nothing }
    }
}

/// Topics: what was appended, in order; and what the log has brought about at each of its offsets.
struct World<'a> {
    calm: &'a Calm,
    fleet: Fleet,
    views: Vec<View>,

    events: &'a [Vec<Event>; PARTITIONS],
    changelog: [Vec<Record>; PARTITIONS],
    log: Vec<Vec<u8>>,
    /// Id and form of alerts.
    alerts: [Vec<(String, String)>; PARTITIONS],
    crashes: u32,
}

impl<'a> World<'a> {
    fn after(calm: &'a Calm) -> Self {
        let mut world = Self {
            calm,
            fleet: Fleet::new(checked()),
            views: vec![View::default()],
            events: &calm.events,
            changelog: calm.changelog.clone(),
            log: Vec::new(),
            alerts: calm.alerts.clone(),
            crashes: 0,
        };
        for entry in &calm.log {
            world.say(entry.clone());
        }
        world
    }

    /// Appends an entry to the log; everybody hears it.
    fn say(&mut self, entry: Vec<u8>) {
        self.fleet.take(Entry::decode(&entry).expect("readable"), Timestamp::EPOCH, &mut Vec::new());
        self.views.push(self.fleet.view());
        self.log.push(entry);
    }

    /// What is known of so much of the log.
    fn listen(&self, until: usize) -> View {
        self.views[until].clone()
    }

    fn orders(&self, from: usize, until: usize) -> Vec<Order> {
        let entries = self.log[from..until].iter().map(|entry| Entry::decode(entry).expect("readable"));
        entries.filter_map(|entry| if let Entry::Order(order) = entry { Some(order) } else { None }).collect()
    }
}

/// What a flush has to tell: forms of alerts, then entries.
fn encode(alerts: &[(String, String)], entries: &[Vec<u8>]) -> Vec<u8> {
    serde_json::to_vec(&(alerts, entries)).expect("plain")
}

/// The process that owns a partition.
struct Owner {
    partition: usize,
    member: Member,
    writer: Writer,
    next: usize,
    known: usize,
}

/// It stops here, and nobody hears of it.
struct Crashed;

fn append(log: &mut Vec<Record>, record: Record) -> i64 {
    log.push(record);
    log.len() as i64 - 1
}

fn tell(world: &mut World<'_>, partition: usize, outputs: &[u8], dice: &mut Dice, safe: bool) -> Result<(), Crashed> {
    if outputs.is_empty() {
        return Ok(());
    }
    let (alerts, entries): (Vec<(String, String)>, Vec<Vec<u8>>) = serde_json::from_slice(outputs).expect("ours");
    for alert in alerts {
        crash(dice, safe)?;
        world.alerts[partition].push(alert);
    }
    for entry in entries {
        crash(dice, safe)?;
        world.say(entry);
    }
    crash(dice, safe)
}

fn crash(dice: &mut Dice, safe: bool) -> Result<(), Crashed> {
    if !safe && dice.below(60) == 0 { Err(Crashed) } else { Ok(()) }
}

impl Owner {
    fn take_over(world: &mut World<'_>, partition: usize, dice: &mut Dice, safe: bool) -> Result<Self, Crashed> {
        let mut fold = Fold::default();
        for (offset, record) in world.changelog[partition].iter().enumerate() {
            fold.take(offset as i64, &record.key, record.value.as_deref()).expect("ours");
        }
        let nonce = dice.below(u64::from(u32::MAX));
        let claim = fold.claim(nonce);
        let offset = append(&mut world.changelog[partition], claim.clone());
        fold.take(offset, &claim.key, claim.value.as_deref()).expect("ours");
        crash(dice, safe)?;
        let (restored, committed) = fold.into_owned(nonce, PART_BYTES).expect("complete");
        let turn = restored.turn.unwrap_or(Turn { next: 0, fleet: 0 });
        let known = usize::try_from(turn.fleet).expect("an offset");
        let (view, blobs) = (world.listen(known), restored.blobs.into_iter().filter(|(key, _)| key[0] != b'h'));
        let member = Member::restore(checked(), partition as u32, &view, blobs).expect("ours");
        tell(world, partition, committed.outputs(), dice, safe)?;
        Ok(Self {
            partition,
            member,
            writer: committed.told(),
            next: usize::try_from(turn.next).expect("an offset"),
            known,
        })
    }

    /// Some events, and a flush.
    fn go_on(mut self, world: &mut World<'_>, dice: &mut Dice, safe: bool) -> Result<Self, Crashed> {
        let Self { partition, .. } = self;
        let (mut alerts, mut out) = (BTreeMap::new(), Vec::new());
        let until = (self.next + 1 + dice.below(FLUSH) as usize).min(world.events[partition].len());
        for event in &world.events[partition][self.next..until] {
            crash(dice, safe)?;
            self.member.handle(input(event, partition), &mut out);
            alerts.extend(forms(&mut out));
        }
        self.next = until;
        let entries: Vec<Vec<u8>> = self.member.take_reports().iter().map(Entry::encode).collect();
        let now = world.log.len();
        self.member.turn(&world.listen(now), &world.orders(self.known, now));
        self.known = now;
        let turn = Turn { next: self.next as i64, fleet: now as i64 };
        let mut checkpoint = self.member.checkpoint();
        let mut key = vec![b'h'];
        key.extend(turn.next.to_be_bytes());
        checkpoint.put.push((key, turn.fleet.to_be_bytes().to_vec()));
        let outputs = encode(&alerts.into_iter().collect::<Vec<_>>(), &entries);
        let (records, writing) = self.writer.flush(checkpoint, outputs, turn);
        let mut offsets = Vec::new();
        for record in records {
            crash(dice, safe)?;
            offsets.push(append(&mut world.changelog[partition], record));
        }
        let Ok((marker, marking)) = writing.written(&offsets) else { return Err(Crashed) };
        crash(dice, safe)?;
        let offset = append(&mut world.changelog[partition], marker);
        crash(dice, safe)?;
        let Ok(committed) = marking.written(offset) else { return Err(Crashed) };
        tell(world, partition, committed.outputs(), dice, safe)?;
        self.writer = committed.told();
        Ok(self)
    }
}

fn input(event: &Event, partition: usize) -> Input<'_> {
    let phase = if &*event.tenant == "kinds" { Phase::Warmup } else { Phase::Live };
    Input::Event { event, trust: Trust::Revoke, arrival: None, phase, partition: partition as u32 }
}

fn forms(out: &mut Vec<Output>) -> impl Iterator<Item = (String, String)> {
    out.drain(..).filter_map(|output| {
        let Output::Alert(alert) = output else { return None };
        Some((alert.id.0.to_string(), serde_json::to_string(&alert).expect("plain")))
    })
}

/// What a changelog says of a partition.
fn folded(changelog: &[Record]) -> Restored {
    let mut fold = Fold::default();
    for (offset, record) in changelog.iter().enumerate() {
        fold.take(offset as i64, &record.key, record.value.as_deref()).expect("ours");
    }
    fold.look().expect("complete")
}

/// What follows from the events and the committed turns of a partition since it was calm: forms of alerts that may be told, the last
/// ones, and reports; and the member that it ends with.
fn second_run(world: &World<'_>, partition: usize) -> (Vec<(String, String)>, Vec<Vec<u8>>, Member) {
    let calm = folded(&world.calm.changelog[partition]);
    let begun = calm.turn.unwrap_or(Turn { next: 0, fleet: 0 });
    let (mut known, next) = (begun.fleet as usize, begun.next as usize);
    let blobs = folded(&world.changelog[partition]).blobs;
    let number = |bytes: &[u8]| bytes.try_into().map(i64::from_be_bytes).expect("eight bytes") as usize;
    let turns = blobs.iter().filter(|(key, _)| key[0] == b'h').map(|(key, blob)| (number(&key[1..]), number(blob)));
    let mut turns = turns.filter(|(at, _)| *at > next).peekable();
    let blobs = calm.blobs.into_iter().filter(|(key, _)| key[0] != b'h');
    let mut member = Member::restore(checked(), partition as u32, &world.listen(known), blobs).expect("ours");
    let (mut all, mut out) = (world.calm.alerts[partition].clone(), Vec::new());
    for (at, event) in world.events[partition].iter().enumerate().skip(next) {
        while let Some((_, log)) = turns.next_if(|(next, _)| *next <= at) {
            member.turn(&world.listen(log), &world.orders(known, log));
            known = log;
        }
        member.handle(input(event, partition), &mut out);
        all.extend(forms(&mut out));
    }
    (all, member.take_reports().iter().map(Entry::encode).collect(), member)
}

/// The reports of a partition in the order in which they were heard first.
fn heard(log: &[Vec<u8>], partition: usize) -> Vec<&Vec<u8>> {
    let of_ours = log.iter().filter(
        |entry| matches!(Entry::decode(entry).map(|entry| entry.origin()), Ok(Some((of, ..))) if of == partition as u32),
    );
    let mut heard = Vec::new();
    for entry in of_ours {
        if !heard.contains(&entry) {
            heard.push(entry);
        }
    }
    heard
}

fn run(calm: &Calm, seed: u64) -> World<'_> {
    let (mut world, mut dice) = (World::after(calm), Dice(seed));
    let mut owners: [Option<Owner>; PARTITIONS] = [const { None }; PARTITIONS];
    loop {
        let open = |p: &usize| owners[*p].as_ref().is_none_or(|owner| owner.next < world.events[*p].len());
        let left: Vec<usize> = (0..PARTITIONS).filter(open).collect();
        if left.is_empty() {
            break;
        }
        let partition = left[dice.below(left.len() as u64) as usize];
        // The last steps are safe, or a crash at the end would leave outputs untold.
        let safe = dice.below(4) == 0;
        let owner = match owners[partition].take() {
            Some(owner) => owner.go_on(&mut world, &mut dice, safe),
            None => Owner::take_over(&mut world, partition, &mut dice, safe),
        };
        world.crashes += u32::from(owner.is_err());
        owners[partition] = owner.ok();
    }
    world
}

#[test]
fn whatever_crashes_only_what_follows_from_the_committed_turns_is_told_and_all_of_it() {
    let seeds = match std::env::var("CRASH_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed..seed + 1,
        None => 0..SEEDS,
    };
    let (calm, with_kinds) = (Calm::new(), Calm::with_kinds());
    let (mut crashes, mut alerts, mut grouped) = (0, 0, 0);
    for seed in seeds.clone() {
        let again = format!("CRASH_SEED={seed} cargo test -p models --test crashes");
        let calm = if seed.is_multiple_of(WITH_KINDS) { &with_kinds } else { &calm };
        let world = run(calm, seed);
        crashes += world.crashes;
        for partition in 0..PARTITIONS {
            let (follows, reports, member) = second_run(&world, partition);
            let told = &world.alerts[partition];
            assert!(told.iter().all(|alert| follows.contains(alert)), "told what does not follow: {again}");
            let last = |forms: &[(String, String)]| forms.iter().cloned().collect::<BTreeMap<_, _>>();
            assert!(last(told) == last(&follows), "an alert was lost: {again}");
            let (heard, before) = (heard(&world.log, partition), heard(&calm.log, partition).len());
            assert!(heard.into_iter().skip(before).eq(&reports), "reports differ: {again}");
            alerts += last(told).len() - last(&calm.alerts[partition]).len();
            let agent = world.events[partition].iter().find(|event| &*event.tenant == "kinds");
            let view = agent.and_then(|agent| member.identity(&agent.tenant, &agent.identity));
            grouped += u32::from(view.is_some_and(|view| view.group.starts_with("behaviour ")));
        }
    }
    if seeds.end - seeds.start > 1 {
        assert!(crashes > 5_000 && alerts > 1_000 && grouped > 10, "{crashes} {alerts} {grouped}");
    }
}
