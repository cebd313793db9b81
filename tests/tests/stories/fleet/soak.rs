//! The long form: a quarter of a million events at a steady rate, a rebalance every few seconds, and a broker that is killed.

use std::collections::BTreeMap;
use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tests::fleet::{Dice, Fleet, PARTITIONS, TOPIC};
use tests::kafka::Message;
use tests::kafka::clients::{Group, Producer};
use tests::trace::{Action, Trace};

const LEAST_EVENTS: usize = 250_000;
/// What is produced at a time, and how often: 1,250 events a second, whatever the fleet does.
const PORTION: usize = 250;
const EVERY: Duration = Duration::from_millis(200);
/// From one blow to the next.
const BLOWS: Duration = Duration::from_secs(4);
const LOOK: Duration = Duration::from_millis(200);

/// The longest that a partition had a backlog and did not come on.
#[derive(Debug, Default, Clone, Copy)]
struct Silence {
    broker_up: Duration,
    broker_away: Duration,
}

/// Looks at the group until told to stop. Its offsets follow the state within a second, so a silence is up to a second too long.
fn watch(group: &Group, stop: &AtomicBool, away: &AtomicBool) -> BTreeMap<usize, Silence> {
    let mut longest: BTreeMap<usize, Silence> = (0..PARTITIONS).map(|number| (number, Silence::default())).collect();
    let mut moved: BTreeMap<usize, (i64, Instant, bool)> = BTreeMap::new();
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(LOOK);
        let is_away = away.load(Ordering::Relaxed);
        for (.., touched) in moved.values_mut() {
            *touched |= is_away;
        }
        let Ok(progress) = group.progress(Duration::from_secs(5)) else { continue };
        for (number, (committed, end)) in progress.into_iter().enumerate() {
            let (at, since, touched) = moved.entry(number).or_insert((committed, Instant::now(), is_away));
            let silence = longest.entry(number).or_default();
            let longest = if *touched { &mut silence.broker_away } else { &mut silence.broker_up };
            *longest = (*longest).max(since.elapsed());
            if committed > *at || committed == end {
                (*at, *since, *touched) = (committed, Instant::now(), is_away);
            }
        }
    }
    longest
}

async fn produce(producer: Producer, messages: Vec<Message>) -> Result<usize> {
    let (mut ticks, mut events, mut messages) = (tokio::time::interval(EVERY), 0, messages.into_iter().peekable());
    while messages.peek().is_some() {
        ticks.tick().await;
        events += producer.produce(TOPIC, messages.by_ref().take(PORTION)).await?;
    }
    Ok(events)
}

/// Blow after blow until everything is produced; how many.
async fn strike(fleet: &mut Fleet, dice: &mut Dice, away: &AtomicBool, done: impl Fn() -> bool) -> Result<usize> {
    let (started, mut blows, mut broker, mut down) = (Instant::now(), 0, false, None);
    let half = EVERY * u32::try_from(LEAST_EVENTS / PORTION / 2)?;
    while !done() {
        tokio::time::sleep(BLOWS).await;
        if let Some(number) = down.take() {
            let process: &mut tests::driftwatch::Driftwatch = &mut fleet.processes[number];
            process.launch()?;
            continue;
        }
        let struck = fleet.strike(dice).await?;
        blows += 1;
        // Some come back at once, some only when the others have shared what they had.
        if dice.below(2) == 0 {
            fleet.processes[struck].launch()?;
        } else {
            down = Some(struck);
        }
        if !broker && started.elapsed() > half {
            broker = true;
            away.store(true, Ordering::Relaxed);
            fleet.kafka.kill().await?;
            fleet.kafka.restart().await?;
            away.store(false, Ordering::Relaxed);
        }
    }
    if let Some(number) = down {
        fleet.processes[number].launch()?;
    }
    ensure!(broker, "the broker was never killed");
    Ok(blows)
}

async fn soak(seed: u64) -> Result<()> {
    let trace = Trace::of(&format!(
        "--seed {seed} --agents 64 --days 32 --test-days 8 --sessions-per-day 12 --attack exfiltration=0.03"
    ))?;
    ensure!(trace.actions().len() >= LEAST_EVENTS, "only {} events were generated", trace.actions().len());
    let messages: Vec<Message> = trace.actions().iter().map(Action::bare).collect();
    drop(trace);
    let mut fleet = Fleet::start(3, ["cooperative-sticky", "range"][usize::try_from(seed % 2)?], seed % 4 > 1).await?;
    let (producer, group, mut dice) = (fleet.kafka.producer()?, fleet.watch()?, Dice(seed));
    let flags: Arc<[AtomicBool; 2]> = Arc::default();
    let [stop, away] = &*flags;
    let watching = thread::spawn({
        let flags = Arc::clone(&flags);
        move || watch(&group, &flags[0], &flags[1])
    });
    let producing = tokio::spawn(produce(producer, messages));
    let blows = strike(&mut fleet, &mut dice, away, || producing.is_finished()).await?;
    let events = producing.await??;
    fleet.ready().await?;
    fleet.settled(events).await?;
    stop.store(true, Ordering::Relaxed);
    let silences = watching.join().ok().context("the watch ended early")?;
    let found = fleet.verified(events).await?;
    println!("{events} events produced, {blows} blows; a second run: {found}");
    for (partition, Silence { broker_up, broker_away }) in silences {
        println!(
            "partition {partition}: longest silence with a backlog {:.1} s, around the broker's restart {:.1} s",
            broker_up.as_secs_f64(),
            broker_away.as_secs_f64()
        );
    }
    ensure!(
        found["alerts"].as_u64() > Some(0) && found["revocations"].as_u64() > Some(0),
        "nothing to compare: {found}"
    );
    fleet.told(&found).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: `make soak`"]
async fn a_quarter_of_a_million_events_and_a_blow_every_few_seconds() -> Result<()> {
    let seed = env::var("SEED").map_or(Ok(1), |seed| seed.parse()).context("SEED must be a number")?;
    soak(seed).await.with_context(|| format!("do it again with: make soak SEED={seed}"))
}
