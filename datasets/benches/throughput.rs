//! Events per second through decode and engine on one thread, and memory per identity, by number of identities; then what each
//! dimension costs (`ARGS="--bench throughput -- --dimensions"` for that alone).
//!
//! Prints one table; the ratios within it are what counts on a shared machine. `make bench` runs it in release mode.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark talks to a terminal and stops on any fault")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::{Duration, Instant};

use models::config::EngineConfig;
use models::dimension::Dimension;
use models::engine::{Engine, Input, Phase, Trust};
use models::event::{Timestamp, decode};

/// Why each shape is there.
const SHAPES: [Shape; 4] = [
    Shape { identities: 1_000, events_each: 1_500, why: "mature baselines, state in cache" },
    Shape { identities: 100_000, events_each: 20, why: "the first mark: a large fleet, state in memory" },
    Shape { identities: 1_000_000, events_each: 4, why: "a flood of identities, mostly young" },
    Shape { identities: 200, events_each: 10_000, why: "full tables: the most bytes a baseline takes" },
];
/// Events made, decoded and handled at a time.
const CHUNK: usize = 50_000;

struct Shape {
    identities: u64,
    events_each: u64,
    why: &'static str,
}

/// A small fast stream of numbers (`SplitMix64`), so that making events costs little beside handling them.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn line(out: &mut String, shape: &Shape, number: u64, calls: &mut [u32], dice: &mut Dice) {
    let identity = dice.next() % shape.identities;
    let call = &mut calls[usize::try_from(identity).unwrap()];
    *call += 1;
    let session = *call / 8;
    // Eight tools of which an identity prefers some, in an order with a habit; targets from its own pool.
    let tool = (u64::from(*call % 8) + identity + dice.next() % 2) % 8;
    let target = identity * 50 + dice.next() % (20 + u64::from(*call) / 40);
    let action = if tool < 5 { "read" } else { "write" };
    let time = Timestamp::from_millis(1_772_409_600_000 + i64::try_from(number).unwrap());
    out.clear();
    write!(
        out,
        r#"{{"id":"{number}","time":"{time}","identity":"spiffe://acme.example/team-{}/agent-{identity}","session":"{identity}-{session}","task":"task-{}","tool":"tool.{tool}","server":"mcp://crm-eu1","action":"{action}","target":"crm://accounts/{target}","bytes_in":{},"bytes_out":{},"outcome":"success","credential":{{"id":"tok-{identity}-{session}","issuer":"https://idp.acme.example","scopes":["crm.read","crm.write"],"expires_at":"2026-12-31T00:00:00Z"}}}}"#,
        identity % 50,
        session % 3,
        200 + dice.next() % 300,
        1000 + dice.next() % 4000,
    )
    .unwrap();
}

/// What one run took.
struct Measured {
    events: usize,
    decoding: Duration,
    handling: Duration,
    bytes_each: f64,
}

impl Measured {
    fn rate(&self, time: Duration) -> f64 {
        self.events as f64 / time.as_secs_f64()
    }

    fn nanoseconds(&self) -> f64 {
        self.handling.as_nanos() as f64 / self.events as f64
    }
}

fn measure(shape: &Shape, config: EngineConfig, quick: bool) -> Measured {
    let total = if quick { 1_000 } else { shape.identities * shape.events_each };
    let mut engine = Engine::new(config.check().unwrap());
    let mut dice = Dice(7);
    let mut calls = vec![0_u32; usize::try_from(shape.identities).unwrap()];
    let (mut decoding, mut handling) = (Duration::ZERO, Duration::ZERO);
    let (mut lines, mut out, mut number, mut measured) = (Vec::new(), Vec::new(), 0, 0);
    while number < total {
        let size = CHUNK.min(usize::try_from(total - number).unwrap());
        lines.resize_with(size, String::new);
        for text in &mut lines {
            line(text, shape, number, &mut calls, &mut dice);
            number += 1;
        }
        let start = Instant::now();
        let events: Vec<_> = lines.iter().map(|l| decode(l.as_bytes()).unwrap().event).collect();
        let decoded = start.elapsed();
        let start = Instant::now();
        for event in &events {
            engine.handle(Input::recorded(event, Trust::Revoke, Phase::Live), &mut out);
            out.clear();
        }
        // The second half only: by then every identity is known and tables have their size.
        if number > total / 2 {
            measured += size;
            decoding += decoded;
            handling += start.elapsed();
        }
    }
    engine.publish(&mut out);
    let view = engine.view();
    Measured { events: measured, decoding, handling, bytes_each: view.bytes as f64 / view.identities as f64 }
}

fn main() {
    // `cargo test --benches` would run the full measurement: it asks for one pass only.
    let asked = |flag: &str| std::env::args().any(|a| a == flag);
    let quick = asked("--test");
    if asked("--dimensions") {
        return by_dimension(quick);
    }
    println!(
        "| identities | events each | decode, events/s | engine, events/s | both, events/s | bytes an identity | why |"
    );
    println!("|---|---|---|---|---|---|---|");
    for shape in &SHAPES {
        let measured = measure(shape, EngineConfig::default(), quick);
        println!(
            "| {} | {} | {:.0} | {:.0} | {:.0} | {:.0} | {} |",
            shape.identities,
            shape.events_each,
            measured.rate(measured.decoding),
            measured.rate(measured.handling),
            measured.rate(measured.decoding + measured.handling),
            measured.bytes_each,
            shape.why
        );
    }
    by_dimension(quick);
}

/// What judging a dimension costs: the engine with all of them against the engine without it. All of them run three times, so
/// that the noise of the machine stands beside.
fn by_dimension(quick: bool) {
    let shape = Shape { identities: 1_000, events_each: 300, why: "" };
    let nanoseconds = |without: Option<Dimension>| {
        let dimensions = Dimension::ALL.into_iter().filter(|d| Some(*d) != without).collect::<BTreeSet<_>>();
        let mut least = f64::INFINITY;
        for _ in 0..3 {
            let config = EngineConfig { dimensions: dimensions.clone(), ..EngineConfig::default() };
            least = least.min(measure(&shape, config, quick).nanoseconds());
        }
        least
    };
    println!("\n| without | engine, ns an event | ns less |");
    println!("|---|---|---|");
    let all = nanoseconds(None);
    println!("| nothing | {all:.0} | – |");
    println!("| nothing, again | {:.0} | noise |", nanoseconds(None));
    for dimension in Dimension::ALL {
        let without = nanoseconds(Some(dimension));
        println!("| {dimension} | {without:.0} | {:.0} |", all - without);
    }
}
