//! What docs/performance.md says of a fleet: `scripts/bench-fleet.sh` runs these one after the other.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use tests::built::binary;
use tests::driftwatch::{Driftwatch, Settings};
use tests::eventually::{Seen, within};
use tests::fleet::{Fleet, PARTITIONS, TOPIC};
use tests::kafka::Message;
use tests::receiver::Delivery;
use tests::trace::{Action, ENGINE, Trace};

const LONG: Duration = Duration::from_mins(8);
/// How often a load generator sends.
const TICK: Duration = Duration::from_millis(10);
const SENT_WITHIN: Duration = Duration::from_millis(10);

/// Neither ledger nor brake keeps webhooks back: a hundred and more are needed for a percentile.
const GENEROUS: &str = "[engine]
mode = 'enforce'
episode_quiet = '30m'
stale_after = '36500d'
budget = { false_alerts_per_1000_identity_days = 400, false_revocations_per_million_identity_days = 400000 }
brake = { identities = 1000, share = 1.0, window = '10m' }
";

fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// From the first to the last commit of a process that finds its topic full: events a second.
async fn taking(process: &Driftwatch, events: usize) -> Result<f64> {
    let mut first = None;
    within(LONG, "all is taken", async || {
        let consumed = process.counted("consumed").unwrap_or(0);
        let now = Instant::now();
        if consumed > 0 && first.is_none() {
            first = Some((consumed, now));
        }
        let (begun, since) = first.unwrap_or((0, now));
        let done = consumed >= events && consumed > begun;
        Ok(if done {
            Seen::Yes(per_second(consumed - begun, now - since))
        } else {
            Seen::NotYet(format!("{consumed} of {events}"))
        })
    })
    .await
}

/// `driftwatch score --learn`: decode and engine on one thread, no broker, no output.
fn in_process(trace: &Trace) -> Result<f64> {
    let directory = tests::scratch::directory("figures")?;
    let [events, config] = ["events.ndjson", "config.toml"].map(|name| directory.path().join(name));
    trace.write(&events)?;
    std::fs::write(&config, ENGINE)?;
    let started = Instant::now();
    let mut command = Command::new(binary("driftwatch")?);
    let status =
        command.args(["score", "--config"]).arg(&config).arg("--learn").arg(&events).arg("/dev/null").status()?;
    ensure!(status.success(), "score ended with {status}");
    Ok(per_second(trace.actions().len(), started.elapsed()))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: `scripts/bench-fleet.sh`"]
async fn rates() -> Result<()> {
    let trace = Trace::of("--seed 3 --agents 200 --days 10 --test-days 1 --attack exfiltration=0.03")?;
    let mut fleet = Fleet::prepare(1, "cooperative-sticky", false).await?;
    let events = fleet.produce(trace.actions()).await?;
    let alone = Settings::default().with(ENGINE).kafka(&fleet.kafka, TOPIC, "alone", "revoke");
    let mut alone = Driftwatch::prepare(&alone)?;
    println!("| events | raw consume/s | decode and engine/s | fleet of one/s | share | alone/s | share |");
    println!("|---|---|---|---|---|---|---|");
    let raw = fleet.kafka.drain(TOPIC, events)?;
    let inside = in_process(&trace)?;
    fleet.processes[0].launch()?;
    let shared = taking(&fleet.processes[0], events).await?;
    fleet.processes[0].stop().await?;
    alone.launch()?;
    let single = taking(&alone, events).await?;
    let again = in_process(&trace)?;
    let inside = inside.midpoint(again);
    let (shared_part, single_part) = (shared / inside, single / inside);
    println!("| {events} | {raw:.0} | {inside:.0} | {shared:.0} | {shared_part:.2} | {single:.0} | {single_part:.2} |");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: `scripts/bench-fleet.sh`"]
async fn latency() -> Result<()> {
    let trace = Trace::of("--seed 5 --agents 100 --days 8 --test-days 6 --attack exfiltration=0.2")?;
    let mut fleet = Fleet::prepare_with(GENEROUS, 1, "cooperative-sticky", false).await?;
    let (calm, attacked) = trace.days();
    let learned = fleet.produce(calm).await?;
    fleet.processes[0].launch()?;
    let full = taking(&fleet.processes[0], learned).await?;
    fleet.settled(learned).await?;
    let portion = (full / 2.0 * TICK.as_secs_f64()) as usize;
    let (producer, mut ticks) = (fleet.kafka.producer()?, tokio::time::interval(TICK));
    let (mut sent, mut late) = (BTreeMap::new(), 0);
    let mut acknowledged = Vec::new();
    for chunk in attacked.chunks(portion.max(1)) {
        let due = ticks.tick().await;
        late += usize::from(due.elapsed() > SENT_WITHIN);
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        for action in chunk {
            sent.insert((action.identity.clone(), action.time()?), now);
        }
        let (producer, messages) = (producer.clone(), chunk.iter().map(Action::bare).collect::<Vec<_>>());
        acknowledged.push(tokio::spawn(async move { producer.produce(TOPIC, messages).await }));
    }
    for produced in acknowledged {
        produced.await??;
    }
    let found = fleet.verified(trace.actions().len()).await?;
    fleet.told(&found).await?;
    // `None` for what was revoked in the days before the measurement.
    let arrived = |delivery: &Delivery| -> Result<Option<Duration>> {
        let body = delivery.json()?;
        let [identity, requested] = ["identity", "requested"].map(|field| body["data"][field].as_str());
        let key = (identity.context("an identity")?.to_owned(), requested.context("a time")?.parse()?);
        Ok(sent.get(&key).map(|sent| delivery.at.saturating_sub(*sent)))
    };
    let took = fleet.receiver.deliveries().iter().map(arrived).collect::<Result<Vec<_>>>()?;
    let mut took: Vec<Duration> = took.into_iter().flatten().collect();
    ensure!(!took.is_empty(), "nothing was revoked");
    took.sort_unstable();
    let at = |share: usize| took.get((took.len() - 1) * share / 100).copied().unwrap_or_default().as_millis();
    println!("| events/s | webhooks | p50 ms | p99 ms | slowest ms | ticks sent late |");
    println!("|---|---|---|---|---|---|");
    println!("| {:.0} | {} | {} | {} | {} | {late} |", full / 2.0, took.len(), at(50), at(99), at(100));
    Ok(())
}

/// Events of so many identities, four each, as the benchmark of the engine makes them.
fn young(identities: usize) -> impl Iterator<Item = Message> {
    (0..identities * 4).map(move |number| {
        let (identity, call) = (number % identities, number / identities);
        let name = format!("spiffe://acme.example/team-{}/agent-{identity}", identity % 50);
        let mut line = String::new();
        let (second, tool) = (number / 1000, (call + identity) % 8);
        let time = jiff::Timestamp::from_second(1_772_409_600 + i64::try_from(second).unwrap_or(0)).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = write!(
            line,
            r#"{{"id":"{number}","time":"{time}","identity":"{name}","session":"{identity}-0","task":"task-{}","tool":"tool.{tool}","server":"mcp://crm-eu1","action":"read","target":"crm://accounts/{}","bytes_in":{},"bytes_out":{},"outcome":"success","credential":{{"id":"tok-{identity}","issuer":"https://idp.acme.example","scopes":["crm.read"]}}}}"#,
            call % 3,
            identity * 50 + call,
            200 + identity % 300,
            1000 + number % 4000,
        );
        (name, line).into()
    })
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: `scripts/bench-fleet.sh`"]
async fn restore() -> Result<()> {
    let sizes = std::env::var("IDENTITIES").unwrap_or_else(|_| "1000 10000 100000".to_owned());
    println!("| identities | seconds | identities/s | records read | bytes an identity in the changelog | in memory |");
    println!("|---|---|---|---|---|---|");
    for size in sizes.split_whitespace() {
        let identities: usize = size.parse()?;
        let mut fleet = Fleet::prepare(1, "cooperative-sticky", false).await?;
        let events = fleet.kafka.produce(TOPIC, young(identities)).await?;
        fleet.processes[0].launch()?;
        fleet.settled(events).await?;
        let process = &mut fleet.processes[0];
        let view = process.fetch("/v1/engine").await?;
        let known = view["identities"].as_u64().context("a number of identities")?;
        let bytes = view["bytes"].as_u64().context("a number of bytes")?;
        process.kill().await?;
        let stored = fleet.kafka.live_bytes("dw.changelog")?;
        let before = process.log()?.len();
        process.restart().await?;
        let log = process.log()?;
        let restored = log.get(before..).unwrap_or_default().lines().filter(|line| line.contains("read the changelog"));
        let (mut seconds, mut records, mut partitions) = (0_f64, 0_u64, 0);
        for line in restored {
            let value = |name: &str| {
                let value = line.split_once(name)?.1;
                value.split(|c: char| !c.is_ascii_digit() && c != '.' && c != 'e' && c != '-').next()
            };
            seconds = seconds.max(value("seconds=").context("seconds")?.parse()?);
            records += value("records=").context("records")?.parse::<u64>()?;
            partitions += 1;
        }
        ensure!(partitions == PARTITIONS, "{partitions} partitions were restored");
        let (rate, stored, bytes) = (known as f64 / seconds, stored as f64 / known as f64, bytes / known);
        println!("| {known} | {seconds:.2} | {rate:.0} | {records} | {stored:.0} | {bytes} |");
    }
    Ok(())
}
